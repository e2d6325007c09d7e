# SPDX-License-Identifier: GPL-2.0-or-later
"""Two guests with two vCPUs each on a host that is too small for both: what
one grows by must have been taken from the other."""
import pytest
from harness import INITRAMFS, INITRAMFS_TEST, Deadline, Machine, vmlinuz

MIB = 1 << 20
LINUX_BOOT_S = 400
FOLLOW_S = 240
FILES_MAX = 110     # of 1 MiB each: /tmp of a guest of 256 MiB is half of that

# Verifies memory over and over; what goes wrong stays in /tmp/bad.
LOOP = ("(while :; do verify 4; until [ -s /tmp/verdict ]; do sleep 1; done; "
        "[ \"$(cat /tmp/verdict)\" = 0 ] || cp /tmp/memtester /tmp/bad; "
        "echo >>/tmp/rounds; done) & true")
# A file of 1 MiB, and copies of it with the numbers from %d to %d.
PATTERN = "dd if=/dev/urandom of=/tmp/p bs=1M count=1 2>/dev/null"
WRITE = "for i in $(seq %d %d); do cp /tmp/p /tmp/f$i || exit 1; done"
COMPARE = "for i in %s; do cmp /tmp/p /tmp/f$i || exit 1; done"
REMOVE = "rm /tmp/p /tmp/f*"
# In brackets, lest the echo of the command looks like what it looks for.
COMPLAINTS = "dmesg | grep -iE 'segf[a]ult|fatal sign[a]l|bug[:]|o[o]m|tr[a]p'"


def fill(nr_files):
    return "; ".join([PATTERN, WRITE % (1, nr_files), COMPARE % ("$(seq %d)" % nr_files),
                      REMOVE])


def config(boot_mib):
    return "[host]\n" + "".join("""
[vm %s]
kernel = vmlinuz
initrd = initramfs.img
cmdline = console=ttyS0 quiet mitigations=off print-fatal-signals=1
vcpus = 2
mem.min = 64M
mem.boot = %dM
""" % (name, boot_mib) for name in ("alpha", "beta"))


def vm_mem(m, name):
    return next(v for v in m.cmd_json("mem")["vms"] if v["name"] == name)


def free_mib(m):
    """What guests may still take."""
    host = m.cmd_json("mem")["host"]
    return (host["free_clean"] + host["free_dirty"] - host["reserve"]) // MIB


def wait_for(m, what, done, seconds):
    """Until done(), by the machine's own time."""
    deadline = Deadline(m.emu, seconds)
    while not done():
        assert not deadline.passed(), "no %s within %d s: %s" % (
            what, seconds, m.cmd("mem"))
        m.drain(1)


def move(m, targets):
    """Sets the targets, the shrinking ones first, and waits until the guests
    have followed."""
    for name, mib in sorted(targets.items(), key=lambda t: t[1]):
        m.cmd("mem %s %dM" % (name, mib))

    def followed():
        vms = [vm_mem(m, name) for name in targets]
        return all(v["boot"] - v["ballooned"] == targets[v["name"]] * MIB
                   for v in vms)
    wait_for(m, "move to %s" % targets, followed, FOLLOW_S)


def check_log(m):
    """The guest whose console is open has nothing to complain about."""
    m.sh("dmesg | grep -q 'Linux version'")     # there is a log
    log = m.sh(COMPLAINTS, check=False)
    assert log.strip() == "", log


def check_guest(m, name):
    """No process died, nothing was read that had not been written."""
    with m.console(name):
        assert m.sh("cat /tmp/bad 2>/dev/null", check=False).strip() == ""
        assert int(m.sh("wc -l </tmp/rounds")) > 0
        check_log(m)


def boot_both(m):
    m.boot()
    for name in "alpha", "beta":
        with m.console(name):
            m.expect("^aerostat guest ready", LINUX_BOOT_S)


def contend(host_mib, boot_mib, start, small, large, nr_files):
    files = {"vmlinuz": vmlinuz(), "initramfs.img": INITRAMFS_TEST}
    with Machine(config(boot_mib), files, cpus=2, mem_mib=host_mib) as m:
        boot_both(m)
        for name in "alpha", "beta":
            with m.console(name):
                m.sh(LOOP)
        move(m, {"alpha": start, "beta": start})
        for one, other in ("alpha", "beta"), ("beta", "alpha"):
            move(m, {one: small, other: large})
            with m.console(other):
                m.sh(fill(nr_files), 400)
            check_guest(m, other)
            m.audit()
        for name in "alpha", "beta":
            check_guest(m, name)
        assert "fault" not in m.screen.text, m.screen.text[-3000:]
        m.audit()
        m.poweroff()


def use_up(m, name, left):
    """The guest writes files until the host has so many MiB left, and removes
    them: the memory stays the guest's."""
    written = 0
    with m.console(name):
        m.sh(PATTERN)
    while True:
        # Some of it fits into what the guest has already.
        more = free_mib(m) - left
        if more <= 0:
            break
        written += more
        assert written <= FILES_MAX, m.cmd("mem")
        with m.console(name):
            m.sh(WRITE % (written - more + 1, written))
    with m.console(name):
        m.sh(REMOVE)


def test_one_waits_for_what_the_other_has():
    """A guest needs more than the host has left and stands still, until the
    other one, which has used that memory, gives it back."""
    # MiB. A guest has 25 to 50 free after its boot that are not hollow.
    left, need = 16, 84
    files = {"vmlinuz": vmlinuz(), "initramfs.img": INITRAMFS}
    with Machine(config(256), files, cpus=2, mem_mib=312) as m:
        boot_both(m)
        use_up(m, "alpha", left)
        had = vm_mem(m, "beta")["resident"]
        with m.console("beta"):
            m.sh("(%s; %s; echo $? >/tmp/result) & true" % (
                PATTERN, WRITE % (1, need)))
        wait_for(m, "beta that waits", lambda: vm_mem(m, "beta")["waiting"],
                 120)
        m.cmd("mem alpha 96M")
        wait_for(m, "beta that goes on",
                 lambda: not vm_mem(m, "beta")["waiting"], FOLLOW_S)
        with m.console("beta"):
            m.sh("until [ -s /tmp/result ]; do sleep 1; done", 240)
            m.sh(COMPARE % "1 %d %d" % (need // 2, need))
            check_log(m)
        with m.console("alpha"):
            check_log(m)
        # More than there was when alpha had it.
        assert vm_mem(m, "beta")["resident"] - had > left * MIB
        m.audit()
        m.poweroff()


@pytest.mark.long
def test_memory_that_the_other_one_has():
    # A guest that has filled its memory holds some 150 MiB, and the host
    # has 285: the second one can't, unless the first gives back.
    contend(host_mib=336, boot_mib=256, start=144, small=112, large=184,
            nr_files=64)


@pytest.mark.long
@pytest.mark.parametrize("run", range(3))
def test_memory_moves_under_load(run):
    contend(host_mib=552, boot_mib=384, start=192, small=144, large=352,
            nr_files=24)
