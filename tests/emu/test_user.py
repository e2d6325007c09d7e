# SPDX-License-Identifier: GPL-2.0-or-later
"""What an administrator does besides starting and stopping: looking into a
guest that stands still, changing it, shares of CPUs, the log."""
import shutil
import subprocess

from harness import BUILD, ESCAPE, Machine, micro

CONF = """
[vm idle]
kernel = hlt_forever.elf
mem.min = 4M
mem.boot = 16M
[vm busy]
kernel = runaway.elf
mem.boot = 16M
[vm bad]
kernel = triple_fault.elf
mem.boot = 16M
autostart = no
[vm rival]
kernel = runaway.elf
mem.boot = 16M
autostart = no
"""
MIB = 1 << 20
KERNEL_AT = 0x100000    # guest-stubs/micro/micro.ld


def files():
    return {n + ".elf": micro(n)
            for n in ("hlt_forever", "runaway", "triple_fault")}


def test_dump_top_log():
    with Machine(CONF, files(), cpus=1) as m:
        m.boot()
        m.wait_vm("busy", "running")
        # Nobody listens to a target in a micro guest, and that is said.
        assert "no memory driver" in m.cmd("mem idle 8M --wait")
        assert "no memory driver" in m.cmd_json("mem idle -4M")["warning"]

        top = m.cmd_json("top 1 1")
        use = {v["name"]: v["permille"] for v in top["vms"]}
        assert use["busy"] > 900 > 50 > use["idle"], top

        assert "`vm pause idle` first" in m.cmd("vm dump idle")
        m.cmd("vm pause all")
        resident = m.cmd_json("mem idle")["resident"]
        cpu, = m.cmd_json("vm dump idle")
        assert cpu["halted"] and cpu["last_exit"] == "hlt", cpu
        assert KERNEL_AT <= int(cpu["rip"], 16) < 16 * MIB
        # What lies at RIP is the same by both ways of looking.
        memory = m.cmd_json("vm dump idle %s 32" % cpu["rip"])
        assert memory["bytes"] == cpu["code"] and memory["nbytes"] == 32
        assert cpu["stack"], cpu
        # Hollow memory reads as zeros and stays hollow; beyond is nothing.
        hollow = m.cmd_json("vm dump idle --phys 0xe00000 4096")
        assert set(hollow["bytes"]) == {"0"} and hollow["nbytes"] == 4096
        edge = m.cmd_json("vm dump idle --phys 0xfffff8 16")
        assert edge["nbytes"] == 8
        for nowhere in "0x8000000000000000", "0xfee00000", "0xfffffffffffff":
            assert "not RAM" in m.cmd("vm dump idle --phys " + nowhere)
            assert "not RAM" in m.cmd("vm dump busy " + nowhere)
        assert m.cmd_json("mem idle")["resident"] == resident
        m.cmd("vm resume all")

        m.cmd("vm start bad")
        m.wait_vm("bad", "crashed")
        cpu, = m.cmd_json("vm dump bad")
        assert cpu["last_exit"] == "triple_fault" and cpu["code"], cpu
        assert "memory is gone" in m.cmd("vm dump bad 0x100000")
        # Kept from its next crash on.
        m.cmd("set bad on_crash pause")
        m.cmd("vm start bad")
        m.wait_vm("bad", "crashed")
        cpu, = m.cmd_json("vm dump bad")
        kept = m.cmd_json("vm dump bad %s 32" % cpu["rip"])
        assert kept["bytes"] == cpu["code"] and kept["nbytes"] == 32, kept
        assert m.cmd_json("mem bad")["resident"] > 0
        m.cmd("vm kill bad")

        # A weight holds at once.
        assert "it was fixed" in m.cmd("set busy vcpus 2")
        assert "while it is off" in m.cmd("set busy cmdline x")
        m.cmd("set rival cmdline x")
        m.cmd("vm start rival")
        m.cmd("set busy weight 300")
        top = m.cmd_json("top 2 1", 120)
        use = {v["name"]: v["permille"] for v in top["vms"]}
        assert 2 < use["busy"] / use["rival"] < 4, top

        assert "vm=bad" in m.cmd("log vm=bad")
        assert "vm=busy" not in m.cmd("log vm=bad")
        m.send("log -f vm=idle\r")
        m.expect("vm=idle started")
        m.send("\x03")
        m.boot()
        m.send("help config -p\r")
        m.expect("-- more: ")
        m.send("q")
        m.expect(r"^\[stopped\]$")

        # One Ctrl-T leaves, two are one for the guest.
        with m.console("idle"):
            start = len(m.screen.text)
            m.send(ESCAPE + ESCAPE)
            m.drain(1)
            assert "[shell;" not in m.screen.text[start:]   # nor there and back
            assert not m.screen.line.startswith("aerostat> ")
        m.cmd("vm kill all")
        m.audit()
        m.poweroff()


class ShippedImage(Machine):
    """build/aerostat.img with files put on it as the README says."""

    def _make_image(self, image):
        shutil.copy(BUILD / "aerostat.img", image)
        at = "%s@@1M" % image
        for name, content in self.files.items():
            subprocess.run(["mcopy", "-o", "-i", at, content,
                            "::/aerostat/" + name], check=True)
        conf = image.with_name("aerostat.conf")
        subprocess.run(["mcopy", "-n", "-i", at, "::/aerostat/aerostat.conf",
                        conf], check=True)
        text = conf.read_text()
        assert "kernel = vmlinuz" in text and "[vm beta]" in text
        conf.write_text(self.config)
        subprocess.run(["mcopy", "-o", "-i", at, conf,
                        "::/aerostat/aerostat.conf"], check=True)


def test_own_kernel_on_the_shipped_image():
    """And room for a large one beside it."""
    big = BUILD / "guest" / "vmlinuz"
    conf = "[vm mine]\nkernel = mine.elf\nmem.boot = 16M\n"
    with ShippedImage(conf, {"mine.elf": micro("hello"), "my-bzImage": big,
                             "my-initrd.img": big}, mem_mib=512) as m:
        m.boot()
        with m.console("mine"):
            m.expect("hello")
        m.audit()
        m.poweroff()
