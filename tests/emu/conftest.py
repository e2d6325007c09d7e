# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios import harness.py from this folder."""
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
# A test run that is ended from outside ends its machines, too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "long: takes minutes; part of `make test-long` only")
