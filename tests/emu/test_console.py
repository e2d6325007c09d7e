# SPDX-License-Identifier: GPL-2.0-or-later
"""The console on a real serial line."""
from harness import ESCAPE, Machine, micro

TWO_OFF = "[vm alpha]\nkernel = a\n[vm beta]\nkernel = b\n"

FLOOD = """
[vm flood]
kernel = uart_flood.elf
mem.boot = 16M
[vm quiet]
kernel = hlt_forever.elf
mem.boot = 16M
"""


def test_editing_history_completion():
    with Machine(TWO_OFF, emulator="qemu") as m:
        m.boot()
        m.send("ecko one\x1b[H\x1b[C\x1b[C\x1b[3~h\x1b[F two\r")
        m.expect("^one two$")
        m.send("\x1b[A\x17three\r")
        m.expect("^one three$")
        m.send("vers\t\r")
        m.expect(r"^Aerostat .*CPUs, TSC")
        m.send("vm info alp\t\r")
        m.expect("^name +alpha")
        m.send("vm st\t")
        m.expect("^start  stop$")
        m.send("\x03")
        m.expect(r"vm st\^C$")
        assert "did you mean 'mem'?" in m.cmd("meem")
        # A whole screenful pasted at once arrives whole.
        words = "w" * 60 + " " + "x" * 60 + " " + "y" * 300
        assert words in m.cmd("echo " + words)
        m.send("z" * 600 + "\r")
        m.expect("^error: the line has more than 511 characters")


def test_every_listing_is_json():
    with Machine(TWO_OFF, emulator="qemu", cpus=2) as m:
        m.boot()
        names = [c["name"] for c in m.cmd_json("help")]
        assert {"vm", "mem", "stats", "audit", "console"} <= set(names)
        for name in names:
            assert m.cmd_json("help " + name)["name"] == name
        assert [v["name"] for v in m.cmd_json("vm list")] == ["alpha", "beta"]
        assert m.vm("alpha")["kernel"] == "a"
        mem = m.cmd_json("mem")
        assert sum(mem["host"]["types"].values()) == mem["host"]["total"]
        assert len(mem["vms"]) == 2
        assert m.cmd_json("mem host")["heap"]["used"] > 0
        assert len(m.cmd_json("cpu")) == 2
        assert m.cmd_json("log 3")[-1]["line"]
        assert m.cmd_json("stats alpha")["state"] == "off"
        assert m.cmd_json("version")["cpus"] == 2
        assert m.cmd_json("uptime")["uptime_ms"] > 0
        assert "no VM 'gamma'" in m.cmd_json("vm info gamma")["error"]
        assert m.cmd_json("help config")


def test_sleep_ends_on_ctrl_c():
    with Machine("[host]\n", emulator="qemu") as m:
        m.boot()
        m.cmd("sleep 1")
        m.send("sleep 1000\r")
        m.drain(2)
        m.send("\x03")
        m.expect("^error: interrupted")


def test_flooding_guest_does_not_hold_the_console():
    files = {n + ".elf": micro(n) for n in ("uart_flood", "hlt_forever")}
    with Machine(FLOOD, files, cpus=1) as m:
        m.boot()
        m.wait_vm("flood", "running")
        with m.console("flood"):
            m.expect("abcdefghij", 60)
            m.drain(5)
        assert m.cmd_json("vm list")[0]["state"] == "running"
        with m.console("flood"):
            m.expect(r"\[\.\.\. \d+ bytes lost\]", 60)
        with m.console("quiet"):
            m.expect("halting")
        m.send(ESCAPE)          # back to the guest that had it last
        m.expect("console of quiet")
        m.send(ESCAPE)
        m.expect("^.shell; Ctrl-T returns to quiet")
        m.cmd("vm kill flood")
        assert m.vm("flood")["state"] == "off"
        with m.console("flood"):    # what it printed can still be read
            m.expect("abcdefghij", 60)
        m.check_bounds()            # it was long, and gave way
        m.cmd("vm kill all")
        m.audit()
        m.poweroff()
