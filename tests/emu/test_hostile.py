# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest can do to the administrator: to the log and the terminal."""
from harness import Machine, micro

CONF = """
[host]
[vm announce]
kernel = announce.elf
mem.boot = 16M
debug_exit = 0xf4
autostart = no
"""


def log_lines(m, text):
    return [l for l in m.cmd_json("log") if text in l["line"]]


def test_guest_fills_neither_log_nor_terminal():
    with Machine(CONF, {"announce.elf": micro("announce")}) as m:
        m.boot()
        before = m.cmd_json("log")
        m.cmd("vm start announce")
        info = m.wait_vm("announce", "off", 120)
        assert info["debug_exited"] and info["debug_exit_value"] == 0
        after = m.cmd_json("log")
        assert after[:len(before)] == before
        assert 5 <= len(log_lines(m, "announces a crash")) < 60
        start = m.log_file.stat().st_size
        with m.console("announce"):
            m.expect("^plain red.* end$")
        shown = m.log_file.read_bytes()[start:]
        assert b"\x1b[31mred\x1b[0m" in shown
        for evil in (b"\x1b[2J", b"\x1b[6n", b"\x1b]0;", b"\x9b"):
            assert evil not in shown, shown
        m.audit()
