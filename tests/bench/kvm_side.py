# SPDX-License-Identifier: GPL-2.0-or-later
"""What the operations cost on Linux KVM in the same emulated machine.

A Debian cloud kernel boots natively from UEFI with everything in its
initramfs: the kvm modules, a VMM of our own for single operations
(kvm/ops.c), and Debian's QEMU with its libraries for whole guests. Slow and
always the same, so results are cached by everything that could change them.
"""

import hashlib
import json
import re
from pathlib import Path

import images
import machine

HERE = Path(__file__).resolve().parent
QEMU = Path("/usr/bin/qemu-system-x86_64")
QEMU_FILES = [
    "/usr/share/seabios/bios-256k.bin",
    "/usr/share/qemu/linuxboot_dma.bin",
    "/usr/share/qemu/kvmvapic.bin",
]
KVM_MODULES = ["kvm-intel"]
BALLOON_MODULES = ["virtio_pci", "virtio_balloon"]
PACKAGES = ["bochs", "ovmf", "qemu-system-x86", "busybox-static", "libc6"]
COMMAND_LINE = "console=ttyS0 quiet mitigations=off"

# Transparent huge pages are on by default; `off` is the 4 KiB case.
THP = "/sys/kernel/mm/transparent_hugepage/enabled"

PLANS = {
    "operations": """\
/bin/ops /bin/ops-guest
/bin/ops /bin/ops-guest huge
""",
    "guests": f"""\
/bin/qemu boot /guest/vmlinuz /guest/initrd
/bin/qemu idle /guest/vmlinuz /guest/initrd
/bin/thp never
/bin/qemu balloon /guest/vmlinuz /guest/initrd-balloon
""",
}
THP_SCRIPT = f"#!/bin/sh\necho $1 >{THP}\n".encode()
TIMEOUT = {"operations": 900, "guests": 3600}


def fingerprint(plan):
    """Changes with whatever could change the figures of a plan."""
    digest = hashlib.sha256()
    versions = images.run("dpkg-query", "-W", *PACKAGES)
    for text in (plan, versions, images.kernel_path().name,
                 machine.DESCRIPTION, PLANS[plan]):
        digest.update(text.encode())
    sources = [Path(__file__), HERE / "images.py", HERE / "ticks.h"]
    sources += sorted((HERE / "kvm").iterdir())
    sources += sorted((HERE / "guest").iterdir())
    for path in sources:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def host_files(plan, build, kernel):
    """The initramfs of the Linux host."""
    files = {
        "init": HERE / "kvm/host_init.sh",
        "bin/sh": "/bin/busybox",
        "bin/busybox": "/bin/busybox",
        "bin/thp": THP_SCRIPT,
        "plan": PLANS[plan].encode(),
        "bin/ops": images.compile_static(HERE / "kvm/ops.c", build / "ops"),
        "bin/ops-guest": images.assemble_flat(HERE / "kvm/ops_guest.nasm",
                                              build / "ops-guest"),
    }
    for i, path in enumerate(images.module_paths(kernel, *KVM_MODULES)):
        files[f"modules/{i:02}-{path.name}"] = path
    if plan == "guests":
        add_qemu(files, build, kernel)
    return files


def add_qemu(files, build, kernel):
    files["bin/qemu"] = images.compile_static(HERE / "kvm/qemu.c",
                                              build / "qemu")
    files["qemu/" + QEMU.name] = QEMU
    for path in QEMU_FILES:
        files["qemu/" + Path(path).name] = path
    for path in images.library_closure(QEMU):
        files[str(path)] = path
    files["guest/vmlinuz"] = kernel
    files["guest/initrd"] = images.guest_initramfs(build)
    files["guest/initrd-balloon"] = images.guest_initramfs(
        build, images.module_paths(kernel, *BALLOON_MODULES))


def parse(text):
    """{name: value} of all `bench NAME VALUE` lines."""
    return {name: float(value) for name, value in
            re.findall(r"bench (\w+) (-?[\d.]+)", text)}


def measure(plan, build, echo):
    """Boots the machine for one plan; {name: value}."""
    build.mkdir(parents=True, exist_ok=True)
    kernel = images.kernel_path()
    archive = images.initramfs(host_files(plan, build, kernel),
                               compress=False)
    disk = build / f"kvm-{plan}.img"
    images.fat_disk(disk, {
        "vmlinuz.efi": kernel,
        "initrd": archive,
        "startup.nsh": "@echo -off\r\nfs0:\r\nvmlinuz.efi "
                       f"initrd=\\initrd {COMMAND_LINE}\r\n".encode(),
    })
    try:
        text = machine.boot_until(disk, "bench end 1", TIMEOUT[plan], echo)
    finally:
        disk.unlink()
    values = parse(text)
    if "failed" in values:
        raise RuntimeError(f"KVM side, {plan}:\n{text[-3000:]}")
    values["initramfs_kb"] = len(archive) / 1024
    return values


def results(plan, build, cache_path, echo=None):
    """({name: value}, whether they come from the cache)."""
    cache = json.loads(cache_path.read_text()) if cache_path.exists() else {}
    key = fingerprint(plan)
    if cache.get(plan, {}).get("key") == key:
        return cache[plan]["values"], True
    cache[plan] = {"key": key, "values": measure(plan, build, echo)}
    cache_path.write_text(json.dumps(cache, indent=1) + "\n")
    return cache[plan]["values"], False
