# SPDX-License-Identifier: GPL-2.0-or-later
"""The end of the hypervisor: the report is complete and the machine does what
on_panic says, whatever the other CPUs were doing."""
import re
import time

import pytest
from harness import Machine, micro

HALT = "[host]\ndebug_commands = yes\n"
REPORT_S = 20
# Not the loader's line: on a busy machine the firmware drops characters.
UP_AGAIN = r"boot: Aerostat \S+"
REBOOT = HALT + "on_panic = reboot\n"

# Where: what the report says, and who is to be in the backtrace.
WAYS = {
    "thread": ("debug: in a thread", "cmd_panic"),
    "fault": (r"exception 14 \(page fault\)", "panic_fault"),
    "irq": ("debug: in an interrupt handler", "irq_dispatch"),
    "nmi": ("debug: in an NMI handler", "nmi_by_plan"),
    "lock": ("debug: under the log's lock", "log_emit"),
    "all": ("debug: ", "panic_in_"),
    "flood": ("debug: in an interrupt handler", "irq_dispatch"),
}


def machine(conf, cpus, **args):
    return Machine(conf, cpus=cpus, may_panic=True, emulator="qemu", **args)


def provoke(m, way):
    m.boot()
    m.mark()
    m.send("panic %s\r" % way)


def report(m, way, end):
    """Waits for the whole report, up to "panic: END", and returns it."""
    says, who = WAYS[way]
    start = m.expect("PANIC: " + says, REPORT_S).start()
    m.expect("^panic: %s$" % end, REPORT_S)
    text = m.screen.text[start:] + m.screen.line
    parts = ["thread=", "backtrace:", "last log lines:", "panic: "]
    assert sorted(parts, key=text.index) == parts, text
    assert re.search(r"#\d+ +0x[0-9a-f]+ \w*%s[\w.]*\+0x" % who, text), text
    assert "again" not in text, text
    return text


@pytest.mark.parametrize("way,cpus", [
    ("thread", 1), ("irq", 1), ("nmi", 4), ("fault", 2), ("lock", 2),
    ("all", 4), ("flood", 4)])
def test_report_is_complete(way, cpus):
    with machine(HALT, cpus) as m:
        provoke(m, way)
        text = report(m, way, "halted")
        assert "other CPUs stopped: %d" % (cpus - 1) in text
        m.drain(1)
        end = m.screen.text[m.screen.text.index("\npanic: halted"):]
        assert end == "\npanic: halted\n", "somebody still prints"


def test_report_waits_for_a_line_that_stands_still():
    """The socket holds a few hundred characters; nobody takes them at first,
    as on a busy machine."""
    with machine(HALT, 2) as m:
        provoke(m, "fault")
        time.sleep(2)
        report(m, "fault", "halted")


def test_cpu_that_does_not_answer_is_named():
    with machine(HALT, 2) as m:
        provoke(m, "deaf")
        m.expect(r"^cpu=\d does not answer", REPORT_S)
        m.expect("^panic: halted$", REPORT_S)


def test_panic_within_the_report_costs_one_step():
    with machine(REBOOT, 2, reboot=True) as m:
        provoke(m, "again")
        m.expect("PANIC: debug: the report will fail")
        m.expect("^panic: again, in step")
        m.expect("^panic: rebooting$")
        m.expect(UP_AGAIN, 60)


@pytest.mark.parametrize("way,cpus", [("thread", 1), ("nmi", 2), ("all", 4)])
def test_reboot_comes_up_again(way, cpus):
    with machine(REBOOT, cpus, reboot=True) as m:
        provoke(m, way)
        report(m, way, "rebooting")
        m.expect(UP_AGAIN, 60)
        m.boot()
        m.audit()


def test_refused_unless_configured():
    with Machine("[host]\n", emulator="qemu") as m:
        m.boot()
        assert "set host debug_commands yes" in m.cmd("panic thread")
        m.audit()


def test_outside_vmx_operation():
    """An NMI that stops a CPU may come between CR4.VMXE and VMXON: VMXOFF is
    #UD there, and the CPU stops all the same."""
    with Machine(REBOOT, cpus=2, may_panic=True, reboot=True) as m:
        provoke(m, "outside")
        start = m.expect("PANIC: debug: outside VMX operation",
                         REPORT_S).start()
        m.expect("^panic: rebooting$", REPORT_S)
        text = m.screen.text[start:]
        assert "other CPUs stopped: 1" in text, text
        assert "again" not in text and "does not answer" not in text, text
        m.drain(5)


GUEST = """
[vm flood]
kernel = uart_flood.elf
mem.boot = 16M
"""


@pytest.mark.parametrize("cpus", [1, 2])
def test_in_an_exit_handler(cpus):
    """With CPUs in VMX operation, where INIT is blocked, and in a guest."""
    files = {"uart_flood.elf": micro("uart_flood")}
    with Machine(REBOOT + GUEST, files, cpus=cpus, may_panic=True,
                 reboot=True) as m:
        m.boot()
        m.send("panic exit\r")
        start = m.expect("PANIC: debug: in an exit handler of vm=flood",
                         REPORT_S).start()
        m.expect("^panic: rebooting$", REPORT_S)
        text = m.screen.text[start:]
        assert "exit_dispatch+" in text and "vcpu_thread+" in text, text
        assert "other CPUs stopped: %d" % (cpus - 1) in text
        m.drain(5)
