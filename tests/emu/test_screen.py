# SPDX-License-Identifier: GPL-2.0-or-later
"""The harness's terminal: redraws leave one clean line (no emulator)."""
import pytest
from screen import Screen


@pytest.mark.parametrize("data, text, line", [
    (b"a\r\nb", "a\n", "b"),
    (b"old line\r\x1b[Knew\n", "new\n", ""),
    (b"prompt> \r\x1b[Klog\r\nprompt> ", "log\n", "prompt> "),
    (b"abc\b\bX", "", "aXc"),
    (b"abc\x1b[2DX\x1b[1C", "", "aXc"),
    (b"10 %\r20 %\r30 %\n", "30 %\n", ""),
    (b"\x1b[2J\x1b[01;01Hx", "", "x"),
])
def test_screen(data, text, line):
    whole = Screen()
    whole.feed(data)
    assert (whole.text, whole.line) == (text, line)
    bytewise = Screen()
    for i in range(len(data)):
        bytewise.feed(data[i:i + 1])
    assert (bytewise.text, bytewise.line) == (text, line)
