# SPDX-License-Identifier: GPL-2.0-or-later
"""What the operations cost on Aerostat in the same emulated machine.

Each scenario boots the machine once, starts VMs from the console and reads
what guests print (`bench NAME VALUE`) and what commands say in JSON.
"""

import re
import sys
import time
from pathlib import Path

import images
import machine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "emu"))
from harness import (BUILD, ESCAPE, INITRAMFS, TOP, Machine,  # noqa: E402
                     Timeout, micro, vmlinuz)

TOUCH_PAGES = 4096              # as in guest-stubs/micro/guest_bench.c
BATCH = 512
MIB = 1 << 20
BALLOON_MIB, GUEST_MIB = 64, 256
CLEAR_PAGE_TICKS = 512          # REP STOSQ: one for each quadword
CLEAR_PAGE_ERMS_TICKS = 4096    # REP STOSB: one for each byte
IDLE_S = 10
POOL_BYTES = 512 * MIB          # clean memory that is enough for a scenario
POOL_TIMEOUT_S = 600
GUEST_TIMEOUT_S = 900

# Host frames that are not the hypervisor's own: records grow with RAM and
# have a bar of their own, files are the guests' kernels, data is guest RAM.
NOT_OWN = {"free", "firmware", "records", "file", "data"}

COMMAND_LINE = "console=ttyS0 quiet mitigations=off"


def vm_section(name, **keys):
    lines = [f"[vm {name}]", "autostart = no"]
    lines += [f"{key.replace('_', '.', 1)} = {value}" if key.startswith("mem_")
              else f"{key} = {value}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def micro_vm(name, commit, cmdline=""):
    return vm_section(name, kernel="bench.elf", cmdline=cmdline, mem_min="16M",
                      mem_boot="64M", mem_commit=commit, debug_exit="0xf4")


def linux_vm(name, initrd, mib, cmdline=COMMAND_LINE, **keys):
    return vm_section(name, kernel="vmlinuz", initrd=initrd, cmdline=cmdline,
                      mem_min="64M", mem_boot=f"{mib}M", **keys)


def new_machine(name, host, vms, files):
    return Machine("[host]\n" + host + "".join(vms), files, cpus=machine.CPUS,
                   mem_mib=machine.RAM_MIB, ips=machine.IPS,
                   name="bench-" + name)


# ---- talking to a machine ----

def wait_clean_pool(m):
    """Until idle time has zeroed enough memory."""
    deadline = time.monotonic() + POOL_TIMEOUT_S
    while m.cmd_json("mem")["host"]["free_clean"] < POOL_BYTES:
        if time.monotonic() > deadline:
            raise RuntimeError("the clean pool does not fill")
        m.drain(0.5)


def guest_lines(m, vm, last):
    """{name: value} that the guest prints up to a match of `last`."""
    m.mark()
    text_from = len(m.screen.text)
    m.send(f"console {vm}\r")
    m.expect(last, GUEST_TIMEOUT_S)
    text = m.screen.text[text_from:] + m.screen.line
    m.send(ESCAPE)
    return {name: float(value) for name, value in
            re.findall(r"bench (\w+) ([\d.]+)", text)}


def run_micro(m, vm):
    """Runs a micro guest to its end; (its figures, its VM's statistics)."""
    m.cmd(f"vm start {vm}")
    values = guest_lines(m, vm, r"^(not )?ok bench")
    stats = m.cmd_json(f"stats {vm}")
    return values, stats


def exits_of(stats, reason=None):
    return sum(e["count"] for e in stats["exits"]
               if reason in (None, e["name"]))


def touch_exits(stats):
    """Exits of one of the guest's two touches of TOUCH_PAGES pages."""
    return exits_of(stats, "ept_violation") // 2


def entry(value, exits=None, zeroing=None, **beside):
    """beside: what stands next to the figure, but doesn't decide."""
    return {"ours": value, "exits": exits, "zeroing": zeroing,
            "beside": beside}


def batch_entries(values):
    """The balloon hypercalls: batches of runs, of scattered pages (each with
    a line of its own) and of whole blocks (beside the runs); single pages."""
    found = {}
    for kind in "inflate", "deflate":
        found[f"balloon_{kind}_host"] = entry(
            values[kind], 1, block=values[kind + "_block"])
        found[f"balloon_{kind}_scattered"] = entry(
            values[kind + "_scattered"], 1)
    found["balloon_inflate_one"] = entry(
        values["inflate_one"], 1, dividing=values["inflate_one_dividing"])
    return found


# ---- scenarios ----

def operations_cold(_build):
    """No clean pool: each commit zeroes its page."""
    vms = [micro_vm("single", "single")]
    with new_machine("cold", "clean_pool = no\n", vms,
                     {"bench.elf": micro("bench")}) as m:
        m.boot()
        values, stats = run_micro(m, "single")
    return {"first_touch_4k": entry(values["first_touch"], touch_exits(stats),
                                    CLEAR_PAGE_TICKS)}


def operations_clean(_build):
    """The clean pool is full: nothing is zeroed while anyone waits."""
    vms = [micro_vm("single", "single"), micro_vm("huge", "huge"),
           micro_vm("balloon", "huge", "balloon=1")]
    with new_machine("clean", "", vms, {"bench.elf": micro("bench")}) as m:
        m.boot()
        wait_clean_pool(m)
        single, single_stats = run_micro(m, "single")
        wait_clean_pool(m)
        huge, huge_stats = run_micro(m, "huge")
        wait_clean_pool(m)
        balloon, _ = run_micro(m, "balloon")
    return {
        "hypercall": entry(single["hypercall"], 1),
        "cpuid_exit": entry(single["cpuid"], 1),
        "pio_exit": entry(single["pio"], 1),
        "xapic_eoi": entry(single["xapic_eoi"], 1),
        "first_touch_clean": entry(single["first_touch"],
                                   touch_exits(single_stats), 0),
        "first_touch_policy": entry(huge["first_touch"],
                                    touch_exits(huge_stats), 0),
        "reclaim_4k": entry(single["reclaim"], 1),
        "reclaim_2m": entry(huge["reclaim"], 1),
        **batch_entries(balloon),
    }


def linux_files(build):
    kernel = images.kernel_path()
    module = BUILD / "guest" / "aerostat.ko"
    return {
        "vmlinuz": kernel,
        "initrd": images.guest_initramfs(build),
        "initrd-balloon": images.guest_initramfs(build, [module]),
    }


def linux_boot(build):
    vms = [linux_vm("linux", "initrd", GUEST_MIB)]
    with new_machine("boot", "", vms, linux_files(build)) as m:
        m.boot()
        wait_clean_pool(m)
        zeroed = m.cmd_json("mem host")["zeroed_fault"]
        m.cmd("vm start linux")
        values = guest_lines(m, "linux", r"^bench ready")
        stats = m.cmd_json("stats linux")
        zeroed = m.cmd_json("mem host")["zeroed_fault"] - zeroed
    return {"boot_linux": entry(values["boot_guest"], exits_of(stats),
                                zeroed * CLEAR_PAGE_TICKS,
                                **most_frequent_exits(stats))}


def most_frequent_exits(stats):
    """{reason: count} of the six that a boot takes most of."""
    by_count = sorted(stats["exits"], key=lambda e: -e["count"])
    return {e["name"]: e["count"] for e in by_count[:6] if e["count"]}


def resize(m, vm, mib):
    """Sets a target; (ticks to reach it, exits meanwhile)."""
    before = exits_of(m.cmd_json(f"stats {vm}"))
    m.cmd(f"mem {vm} {mib}M")
    deadline = time.monotonic() + GUEST_TIMEOUT_S
    while True:
        stats = m.cmd_json(f"stats {vm}")
        ticks = stats["memory"]["resize_ticks"]
        if ticks:
            return ticks, exits_of(stats) - before
        if time.monotonic() > deadline:
            raise RuntimeError(f"{vm} never reaches {mib} MiB")
        m.drain(1)


def balloon_of(m, vm):
    """Ticks per page and exits of taking BALLOON_MIB and giving it back."""
    pages = BALLOON_MIB * 256
    m.cmd(f"vm start {vm}")
    guest_lines(m, vm, r"^bench ready")
    inflate, inflate_exits = resize(m, vm, GUEST_MIB - BALLOON_MIB)
    deflate, deflate_exits = resize(m, vm, GUEST_MIB)
    m.audit()
    m.cmd(f"vm kill {vm}")
    return (inflate / pages, inflate_exits), (deflate / pages, deflate_exits)


def linux_balloon(build):
    """The guest clears each page that its balloon allocates. In the default
    configuration it sees ERMS and does so by REP STOSB, which counts 4,096
    here; beside that a guest that uses REP STOSQ, which counts 512."""
    vms = [linux_vm("default", "initrd-balloon", GUEST_MIB,
                    COMMAND_LINE + " fill"),
           linux_vm("stosq", "initrd-balloon", GUEST_MIB,
                    COMMAND_LINE + " fill", **{"cpu.hide": "erms"})]
    with new_machine("balloon", "", vms, linux_files(build)) as m:
        m.boot()
        inflate, deflate = balloon_of(m, "default")
        stosq_inflate, stosq_deflate = balloon_of(m, "stosq")
    return {
        "balloon_inflate_e2e": entry(*inflate, CLEAR_PAGE_ERMS_TICKS,
                                     without_erms=stosq_inflate[0]),
        "balloon_deflate_e2e": entry(*deflate,
                                     without_erms=stosq_deflate[0]),
    }


def own_mib(m):
    types = m.cmd_json("mem")["host"]["types"]
    return sum(types[name] for name in types.keys() - NOT_OWN) / MIB


def uptime_s(m):
    return m.cmd_json("uptime")["uptime_ms"] / 1e3


def idle_exits(m, vm):
    """Exits a second, by the hypervisor's clock, of a guest left alone."""
    exits, start = exits_of(m.cmd_json(f"stats {vm}")), uptime_s(m)
    deadline = time.monotonic() + GUEST_TIMEOUT_S
    while uptime_s(m) - start < IDLE_S:
        if time.monotonic() > deadline:
            raise RuntimeError("the machine's clock stands still")
        m.drain(1)
    exits = exits_of(m.cmd_json(f"stats {vm}")) - exits
    return exits / (uptime_s(m) - start)


def idle(build):
    vms = [linux_vm("linux", "initrd", 512)]
    with new_machine("idle", "", vms, linux_files(build)) as m:
        m.boot()
        host = own_mib(m)
        m.cmd("vm start linux")
        guest_lines(m, "linux", r"^bench ready")
        m.drain(2)
        with_guest = own_mib(m)
        exits = idle_exits(m, "linux")
    return {"host_fixed": entry(host), "vm_fixed": entry(with_guest - host),
            "idle_exits": entry(exits)}


def make_run(_build):
    """The image of `make run`, with its own configuration, on one CPU: ticks
    that CPUs were busy from the hypervisor's start to both prompts."""
    conf = (TOP / "boot/aerostat.conf").read_text()
    files = {"vmlinuz": vmlinuz(), "initramfs.img": INITRAMFS}
    guests = re.findall(r"^\[vm (\w+)\]", conf, re.M)
    with Machine(conf, files, cpus=machine.CPUS, mem_mib=machine.RAM_MIB,
                 ips=machine.IPS, name="bench-make-run") as m:
        m.boot()
        for vm in guests:
            guest_lines(m, vm, r"^aerostat guest ready[^#]*# ")
        busy = sum(cpu["busy_ticks"] for cpu in m.cmd_json("cpu"))
        exits = sum(exits_of(m.cmd_json(f"stats {vm}")) for vm in guests)
    return {"make_run": entry(busy, exits)}


SCENARIOS = [
    (["first_touch_4k"], operations_cold),
    (["hypercall", "cpuid_exit", "pio_exit", "xapic_eoi", "first_touch_clean",
      "first_touch_policy", "reclaim_4k", "reclaim_2m",
      "balloon_inflate_host", "balloon_inflate_scattered",
      "balloon_inflate_one", "balloon_deflate_host",
      "balloon_deflate_scattered"], operations_clean),
    (["boot_linux"], linux_boot),
    (["balloon_inflate_e2e", "balloon_deflate_e2e"], linux_balloon),
    (["host_fixed", "vm_fixed", "idle_exits"], idle),
    (["make_run"], make_run),
]


def measure(names, build, say):
    """{name: {"ours": value, "exits": n, "zeroing": ticks}}; a scenario that
    fails is reported and leaves its names out."""
    found = {}
    (build / "bench").mkdir(parents=True, exist_ok=True)
    for answers, scenario in SCENARIOS:
        if not set(answers) & set(names):
            continue
        say(f"bench: Aerostat, {scenario.__name__} ...")
        try:
            found.update(scenario(build / "bench"))
        except (Timeout, RuntimeError, KeyError, OSError) as err:
            say(f"bench: Aerostat, {scenario.__name__}: "
                f"{type(err).__name__}: {err}")
    return {name: found[name] for name in names if name in found}
