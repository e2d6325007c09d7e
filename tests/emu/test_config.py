# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad configurations and bad files: each is named, the rest of the machine
works."""
import pytest
from harness import Machine, micro

GOOD = """
[vm good]
kernel = hello.elf
mem.boot = 16M
debug_exit = 0xf4
autostart = no
"""

# text, what the console must say about it
MISTAKES = [
    ("[vm a]\nkernel = k\nmemory = 5\n",
     r":3: \[vm a\] memory: unknown key; expected one of kernel "),
    ("[vm b]\nkernel = k\n[vm b]\nkernel = k\n",
     r":6: \[vm b\] given twice; expected one section for each VM "
     r"\(first on line 4\)"),
    ("[vm c]\nkernel = k\nmem.min = 64M\nmem.boot = 32M\n",
     r":10: \[vm c\] mem\.min: 64M is above mem\.boot = 32M"),
    ("[vm d]\nkernel = k\nmem.boot = 64M\nmem.max = 32M\n",
     r":14: \[vm d\] mem\.boot: 64M is above mem\.max = 32M"),
    ("[vm e]\nkernel = k\ncmdline = caf\xe9\n",
     r":18: \[vm e\] byte 0xc3 in column 14; expected printable ASCII"),
    ("[vm f]\nkernel = k\ncmdline = " + "x" * (1 << 20) + "\n",
     r":21: \[vm f\] line of 1048586 characters; expected at most 4096"),
    ("[vm g]\nvcpus = 1\n",
     r":22: \[vm g\] kernel: missing; expected kernel = PATH"),
    ("[disk x]\nsize = 1\n",
     r":24: \[disk x\]: unknown section; expected \[host\] or \[vm NAME\]"),
    ("[vm h]\nkernel = k\nmem.boot = 1M\n",
     r":28: \[vm h\] mem\.boot: '1M' is out of range; expected 4M to"),
]


def good_guest_runs(m):
    """The VM without mistakes starts, and ends itself with value 0."""
    m.cmd("vm start good")
    info = m.wait_vm("good", "off")
    assert info["debug_exited"] and info["debug_exit_value"] == 0, info


def test_mistakes_keep_only_their_vm_down():
    text = "".join(t for t, _ in MISTAKES) + GOOD + "[disk y]\n" * 32
    with Machine(text, {"hello.elf": micro("hello")}) as m:
        m.boot()
        log = m.cmd("log err")
        for _, says in MISTAKES:
            m.pos = 0
            assert m.expect(r"aerostat\.conf" + says, 1)
        assert "config: %d more are not shown" % len(MISTAKES) in log, log
        vms = {vm["name"]: vm for vm in m.cmd_json("vm list")}
        assert set(vms) == set("abcdefgh") | {"good"}
        for name in "abcdefgh":
            assert vms[name]["state"] == "off"
            assert "configuration" in m.cmd("vm start " + name)
            assert "aerostat.conf:" in m.cmd("vm info " + name)
        assert "aerostat.conf" in log
        good_guest_runs(m)
        m.audit()


def test_bad_files_keep_only_their_vm_down():
    text = """
[vm missing]
kernel = nowhere.elf
[vm noinitrd]
kernel = hello.elf
initrd = nothing.img
[vm notkernel]
kernel = noise
[vm cut]
kernel = cut.elf
[vm toolarge]
kernel = hello.elf
mem.boot = 64G
""" + GOOD
    elf = micro("hello").read_bytes()
    files = {"hello.elf": elf, "noise": b"\x5a" * 9999,
             "cut.elf": elf[:len(elf) // 3]}
    with Machine(text, files) as m:
        m.boot()
        assert "nowhere.elf" in m.cmd("vm start missing")
        assert "nothing.img" in m.cmd("vm start noinitrd")
        assert "noise" in m.cmd("vm start notkernel")
        assert "cut.elf" in m.cmd("vm start cut")
        assert "64 GiB" in m.cmd("vm start toolarge")
        assert all(vm["state"] == "off" for vm in m.cmd_json("vm list"))
        good_guest_runs(m)
        m.audit()


@pytest.mark.parametrize(
    "text", [b"", b"[host]\n", b"\0" * 4096, bytes(range(256))],
    ids=["empty", "host-only", "zeros", "noise"])
def test_no_vm_at_all(text):
    with Machine(text, emulator="qemu") as m:
        m.boot()
        assert "no VM; expected at least one [vm NAME]" in m.cmd("log")
        assert m.cmd_json("vm list") == []
        assert "no VM 'x'; aerostat.conf defines none" in m.cmd("vm start x")
        m.audit()
