# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benchmark measures: a table of figures, their bars and where
Linux KVM's figure for the same comes from."""

from typing import NamedTuple, Optional

import kvm_side


class Metric(NamedTuple):
    """One line of the table.

    bar: the figure may be this at most; None: only reported.
    kvm: (plan, function of the plan's values), or why KVM has none.
    exits_bar: likewise for the number of VM exits.
    """
    name: str
    bar: Optional[float]
    unit: str
    what: str
    kvm: object
    exits_bar: Optional[int] = None

    @property
    def has_peer(self):
        return not isinstance(self.kvm, str)


def _ops(key):
    return "operations", lambda values: values[key]


def _guests(key):
    return "guests", lambda values: values[key]


def _host_mib(values):
    """What a Linux host keeps for itself, without our own initramfs."""
    ram_kb = kvm_side.machine.RAM_MIB * 1024
    return (ram_kb - values["host_free_kb"] - values["initramfs_kb"]) / 1024


NO_CALL = "virtio-balloon has no call: a queue that QEMU serves"

METRICS = [
    Metric("hypercall", 110, "ticks",
           "round trip seen by the guest, of a call that its driver makes",
           _ops("small_hypercall")),
    Metric("cpuid_exit", 110, "ticks", "CPUID seen by the guest",
           _ops("small_cpuid")),
    Metric("pio_exit", 300, "ticks", "IN from the 8259's mask register",
           _ops("small_pic_port")),
    Metric("xapic_eoi", 500, "ticks", "end of interrupt by a write to memory",
           _ops("small_xapic_eoi")),
    Metric("first_touch_4k", 1000, "ticks", "per page, zeroed at the fault",
           _ops("small_first_touch")),
    Metric("first_touch_clean", 350, "ticks", "per page, clean pool",
           _ops("small_first_touch")),
    Metric("first_touch_policy", 5, "ticks",
           "per 4 KiB page, default policy, clean pool",
           _ops("huge_first_touch")),
    Metric("reclaim_4k", 60, "ticks", "taking back, per page, 4 KiB leaves",
           _ops("small_reclaim")),
    Metric("reclaim_2m", 2, "ticks", "taking back, per page, 2 MiB leaves",
           _ops("huge_reclaim")),
    Metric("boot_linux", 1.46e9, "ticks", "VM start to /init",
           _guests("qemu_boot"), exits_bar=12000),
    Metric("idle_exits", 20, "exits/s", "of an idle Linux guest",
           _guests("qemu_idle_exits")),
    Metric("balloon_inflate_one", 800, "ticks",
           "a call that inflates one page; scattered pages", NO_CALL),
    Metric("balloon_inflate_host", 60, "ticks",
           "hypervisor's part, per page, batches of 512: runs", NO_CALL),
    Metric("balloon_inflate_scattered", 400, "ticks",
           "the same, no two pages neighbours", NO_CALL),
    Metric("balloon_deflate_host", 60, "ticks",
           "hypervisor's part, per page, batches of 512: runs", NO_CALL),
    Metric("balloon_deflate_scattered", 60, "ticks",
           "the same, no two pages neighbours", NO_CALL),
    Metric("balloon_inflate_e2e", 4500, "ticks",
           "request to target, per page, 64 of 256 MiB",
           _guests("qemu_inflate")),
    Metric("balloon_deflate_e2e", 400, "ticks",
           "request to target, per page, 64 of 256 MiB",
           _guests("qemu_deflate")),
    Metric("host_fixed", 2, "MiB", "the host's own memory, of 2 GiB",
           ("operations", _host_mib)),
    Metric("vm_fixed", 0.3, "MiB",
           "for one idle 512 MiB guest beside its RAM",
           ("guests", lambda v: v["qemu_fixed_kb"] / 1024)),
    Metric("make_run", None, "ticks",
           "`make run` on one CPU: start to both guests' prompts",
           "no image of two guests under KVM to compare with"),
]
