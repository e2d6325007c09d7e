# SPDX-License-Identifier: GPL-2.0-or-later
"""No path keeps a processor longer than 200 us of work, whatever guests ask."""
from harness import Machine, micro

CONF = "[host]\n" + "".join("""
[vm %s]
kernel = greedy.elf
cmdline = %s
mem.min = 32M
mem.boot = %s
mem.commit = %s
autostart = no
debug_exit = 0xf4
""" % vm for vm in [("once", "rounds=1", "160M", "huge"),
                    ("small", "", "96M", "around"),
                    ("endless", "", "160M", "huge")])


def test_greedy_guests_keep_no_cpu_to_themselves():
    """The largest discards, batches that divide every block, string I/O of
    thousands of bytes, beside audits and the end of a VM; one CPU, so that ticks are
    work, and the clean pool off, so that blocks are zeroed when touched."""
    with Machine(CONF.replace("[host]", "[host]\nclean_pool = no"),
                 {"greedy.elf": micro("greedy")}, cpus=1,
                 mem_mib=512) as m:
        m.boot()
        for vm in "endless", "small", "once":
            m.cmd("vm start " + vm)
        assert m.wait_vm("once", "off", 120)["debug_exit_value"] == 0
        m.audit()
        m.cmd("vm kill endless")
        m.wait_vm("endless", "off")
        m.audit()
        m.cmd("vm kill small")
        m.audit()
        # Interrupts did come in while they were at it.
        assert m.check_bounds()[0]["irqs"] > 100
        m.poweroff()
