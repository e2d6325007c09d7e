# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory moves between two running Linux guests."""
from harness import INITRAMFS_TEST, Machine, vmlinuz

MIB = 1 << 20
LINUX_BOOT_S = 400
FOLLOW_S = 120
CONF = """\
[host]
""" + "".join("""
[vm %s]
kernel = vmlinuz
initrd = initramfs.img
cmdline = console=ttyS0 quiet mitigations=off
mem.min = 64M
mem.boot = 256M
""" % name for name in ("alpha", "beta"))


def files():
    return {"vmlinuz": vmlinuz(), "initramfs.img": INITRAMFS_TEST}


def vm_mem(m, name):
    return next(v for v in m.cmd_json("mem")["vms"] if v["name"] == name)


def set_target(m, name, mib):
    """Sets a target and waits until the guest has followed."""
    said = m.cmd("mem %s %dM --timeout=%d" % (name, mib, FOLLOW_S),
                 2 * FOLLOW_S)
    assert "has reached %d.0 MiB" % mib in said, said
    v = vm_mem(m, name)
    assert v["boot"] - v["ballooned"] == mib * MIB, v
    return v


def boot_both(m):
    m.boot()
    for name in "alpha", "beta":
        with m.console(name):
            m.expect("^aerostat guest ready", LINUX_BOOT_S)


def mem_total(m, name):
    with m.console(name):
        line = m.sh("grep MemTotal /proc/meminfo")
    return int(line.split()[1]) // 1024


def test_memory_moves_between_guests():
    with Machine(CONF, files(), cpus=2, mem_mib=1024) as m:
        boot_both(m)
        total = mem_total(m, "alpha")
        # Both verify their memory meanwhile.
        for name in "alpha", "beta":
            with m.console(name):
                m.sh("verify 24")
        set_target(m, "alpha", 128)
        assert total - mem_total(m, "alpha") == 128
        m.audit()
        assert "error" in m.cmd("mem alpha 32M")     # below mem.min
        assert "error" in m.cmd("mem alpha 512M")    # above mem.max
        set_target(m, "beta", 128)
        set_target(m, "alpha", 256)
        set_target(m, "beta", 256)
        assert mem_total(m, "alpha") == total
        for name in "alpha", "beta":
            with m.console(name):
                m.sh("until [ -s /tmp/verdict ]; do sleep 1; done", 900)
                assert m.sh("cat /tmp/verdict").strip() == "0"
                assert "BUG:" not in m.sh("dmesg")
        m.audit()
        m.poweroff()


def test_unload_gives_everything_back():
    conf = CONF[:CONF.index("[vm beta]")]
    with Machine(conf, files(), cpus=1, mem_mib=512) as m:
        m.boot()
        with m.console("alpha"):
            m.expect("^aerostat guest ready", LINUX_BOOT_S)
        set_target(m, "alpha", 128)
        with m.console("alpha"):
            m.sh("rmmod aerostat")
        assert vm_mem(m, "alpha")["ballooned"] == 0
        with m.console("alpha"):
            m.sh("insmod /lib/modules/aerostat.ko")
        set_target(m, "alpha", 128)
        # What an administrator looks into, and how the guest goes down.
        mem = m.cmd_json("mem alpha")
        assert mem["driver"] and 0 < mem["guest"]["free"] < mem["size"], mem
        m.cmd("vm pause alpha")
        cpu, = m.cmd_json("vm dump alpha")
        code = m.cmd_json("vm dump alpha %s 32" % cpu["rip"])
        assert code["bytes"] == cpu["code"] and len(cpu["stack"]) == 16
        m.cmd("vm resume alpha")
        m.audit()
        m.poweroff(240, how="-y")
        assert "alpha: asked to power off" in m.screen.text
        assert "alpha: killing" not in m.screen.text
