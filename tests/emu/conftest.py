# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios import harness.py from this folder."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
