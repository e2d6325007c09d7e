# SPDX-License-Identifier: GPL-2.0-or-later
"""Micro guests: one question each about the virtual machine."""
import pytest
from harness import Machine, micro

# Guests that end with a verdict in the debug-exit value: 0 is ok.
QUESTIONS = ["hello", "hypercall", "cpuid", "msr_unknown", "vmx_insn",
             "touch_outside", "exceptions", "timers", "pveoi",
             "balloon_bad", "touch_all", "hidden", "init"]
# More lines of their sections.
MORE = {"hidden": "cpu.hide = x2apic, invpcid, rdtscp, "
                  "tsc_deadline_timer, tsc_adjust\n",
        "init": "vcpus = 2\n"}
# Guests that go wrong, and what the hypervisor says about it.
CRASHES = {"triple_fault": "triple fault", "bad_insn_mmio": "MMIO"}
ENDLESS = ["runaway", "hlt_forever", "uart_flood"]
GUEST_S = 120


def section(name, more=""):
    return """
[vm %s]
kernel = %s.elf
mem.min = 32M
mem.boot = 64M
autostart = no
debug_exit = 0xf4
%s""" % (name, name, more)


def machine(names, **args):
    conf = "[host]\n" + "".join(section(n, MORE.get(n, "")) for n in names)
    files = {n + ".elf": micro(n) for n in names}
    return Machine(conf, files, **args)


def run(m, guest, timeout=GUEST_S):
    """Starts a guest and returns its verdict."""
    m.cmd("vm start " + guest)
    info = m.wait_vm(guest, "off", timeout)
    assert info["debug_exited"], "%s: %s" % (guest, info["reason"])
    return info["debug_exit_value"]


def free_bytes(m):
    host = m.cmd_json("mem")["host"]
    return host["free_clean"] + host["free_dirty"]


def test_questions():
    with machine(QUESTIONS, cpus=1, mem_mib=512) as m:
        m.boot()
        failed = [q for q in QUESTIONS if run(m, q) != 0]
        for guest in failed:
            with m.console(guest):
                m.drain(1)      # what it said, for the log
        assert not failed
        m.audit()
        m.poweroff()


def test_vector_registers_survive_being_saved():
    """By each instruction that the guest is offered. Bochs 2.7's XSAVEC loses
    them, so there it must not be."""
    with machine(["xsave"], cpus=1, mem_mib=512) as m:
        m.boot()
        assert run(m, "xsave") == 0
        with m.console("xsave"):
            m.expect("^XSAVE keeps AVX 512")  # what the emulator has
        m.audit()
        m.poweroff()


def misbehave(m):
    """One round; the well-behaved neighbour must not notice."""
    for guest in ENDLESS:
        m.cmd("vm start " + guest)
    for guest, says in CRASHES.items():
        m.cmd("vm start " + guest)
        assert says in m.wait_vm(guest, "crashed", GUEST_S)["reason"]
    assert run(m, "hello") == 0
    for guest in ENDLESS:
        m.cmd("vm kill " + guest)
        m.wait_vm(guest, "off", GUEST_S)
    m.audit()


def test_misbehaving_guests_harm_nobody():
    with machine(list(CRASHES) + ENDLESS + ["hello"], cpus=2,
                 mem_mib=512) as m:
        m.boot()
        misbehave(m)
        # What a VM keeps from its first run (scrollback) is there now.
        before = free_bytes(m)
        misbehave(m)
        assert free_bytes(m) == before
        m.poweroff()


def test_pages_change_owner_zeroed():
    with machine(["dirty", "touch_all"], cpus=1, mem_mib=512) as m:
        m.boot()
        for _ in range(3):
            assert run(m, "dirty", 300) == 0
            assert run(m, "touch_all") == 0
        m.audit()
        m.poweroff()


@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_handlers_that_meet_at_the_pci_bus(cpus):
    """Two vCPUs in each of two guests hammer configuration ports and BARs,
    whose handlers invalidate translations, beside a third that never exits;
    no vCPU may come back from a handler on another one's VMCS."""
    storm = section("pci_storm", "vcpus = 2\ncmdline = rounds=8000\n")
    conf = "[host]\n" + storm + storm.replace("[vm pci_storm", "[vm two") + \
        section("runaway")
    files = {n + ".elf": micro(n) for n in ("pci_storm", "runaway")}
    with Machine(conf, files, cpus=cpus, mem_mib=512) as m:
        m.boot()
        m.cmd("vm start runaway")
        m.cmd("vm start two")
        assert run(m, "pci_storm") == 0
        info = m.wait_vm("two", "off", GUEST_S)
        assert info["debug_exited"] and info["debug_exit_value"] == 0, info
        assert m.vm("runaway")["state"] == "running"
        m.cmd("vm kill runaway")
        m.audit()
        m.poweroff()


@pytest.mark.parametrize("commit", ["huge", "around", "single"])
def test_first_touch_is_zero_by_every_policy(commit):
    conf = "[host]\n" + section("touch_all", more="mem.commit = %s\n" % commit)
    files = {"touch_all.elf": micro("touch_all")}
    with Machine(conf, files, cpus=1, mem_mib=512) as m:
        m.boot()
        assert run(m, "touch_all", 300) == 0
        m.audit()
        m.poweroff()


@pytest.mark.parametrize("cpus", [1, 2])
def test_vcpus_keep_their_state(cpus):
    """Three vCPUs each of two VMs share the processors, and hand pages back."""
    conf = section("state", "vcpus = 3\ncmdline = vcpus=3 rounds=3000\n")
    conf = "[host]\n" + conf + conf.replace("[vm state", "[vm two")
    with Machine(conf, {"state.elf": micro("state")}, cpus=cpus) as m:
        m.boot()
        m.cmd("vm start two")
        assert run(m, "state") == 0
        info = m.wait_vm("two", "off", GUEST_S)
        assert info["debug_exited"] and info["debug_exit_value"] == 0, info
        with m.console("two"):
            m.expect("3 vCPUs, AVX 512")    # what the emulator has
        m.audit()
        m.poweroff()


@pytest.mark.parametrize("cpus", [1, 2])
def test_a_page_given_away_alone_is_gone_for_all(cpus):
    conf = "[host]\n" + section("balloon_one",
                                "vcpus = 3\ncmdline = vcpus=3 rounds=40\n")
    with Machine(conf, {"balloon_one.elf": micro("balloon_one")}, cpus=cpus,
                 mem_mib=512) as m:
        m.boot()
        assert run(m, "balloon_one") == 0
        m.audit()
        m.poweroff()


def test_memory_taken_apart_becomes_large_leaves_again():
    """What the balloon took apart is put together by copying while two CPUs
    of the guest check and change it."""
    conf = "[host]\n" + section("collapse",
                                "vcpus = 2\ncmdline = mticks=600\n")
    with Machine(conf, {"collapse.elf": micro("collapse")}, cpus=2,
                 mem_mib=512) as m:
        m.boot()
        m.cmd("vm start collapse")
        splits = collapses = 0
        while True:
            stats = m.cmd_json("stats collapse")
            splits = max(splits, stats["memory"]["splits"])
            collapses = max(collapses, stats["memory"]["collapses"])
            if stats["state"] == "off":
                break
            m.drain(1)
        assert m.vm("collapse")["debug_exit_value"] == 0
        assert splits >= 8
        assert collapses >= 8
        m.audit()
        m.poweroff()
