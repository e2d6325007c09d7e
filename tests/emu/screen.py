# SPDX-License-Identifier: GPL-2.0-or-later
"""What a terminal would show of a serial line, as text without end.

Finished lines go to `text`; `line` is the one that the cursor is in. Redraws
of a line (carriage return, backspace, erase) change only that line, so a
prompt that is redrawn after a log line appears once in `text`, if at all.
"""
import re

CSI = re.compile(r"\x1b\[([0-9;=?]*)([@-~])")


class Screen:
    def __init__(self):
        self.text = ""
        self.cells = []
        self.col = 0
        self.rest = ""          # an unfinished escape sequence

    @property
    def line(self):
        return "".join(self.cells)

    def feed(self, data):
        data = self.rest + data.decode("utf-8", "replace")
        self.rest = ""
        at = 0
        while at < len(data):
            c = data[at]
            if c == "\x1b":
                used = self._escape(data, at)
                if not used:
                    self.rest = data[at:]
                    return
                at += used
                continue
            self._char(c)
            at += 1

    def _char(self, c):
        if c == "\n":
            self.text += self.line + "\n"
            self.cells, self.col = [], 0
        elif c == "\r":
            self.col = 0
        elif c == "\b":
            self.col = max(0, self.col - 1)
        elif c >= " " or c == "\t":
            self.cells += " " * (self.col - len(self.cells))
            self.cells[self.col:self.col + 1] = c
            self.col += 1

    def _escape(self, data, at):
        """Length of the sequence at `at`; 0: not all of it is there."""
        if len(data) - at < 2:
            return 0
        if data[at + 1] != "[":
            return 2
        m = CSI.match(data, at)
        if not m:
            return 0 if len(data) - at < 16 else 1
        n = int(m[1]) if m[1].isdigit() else 0
        if m[2] == "K":
            del self.cells[self.col:]
        elif m[2] == "C":
            self.col += n or 1
        elif m[2] == "D":
            self.col = max(0, self.col - (n or 1))
        return m.end() - at
