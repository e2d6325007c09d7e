# SPDX-License-Identifier: GPL-2.0-or-later
"""Initramfs archives, boot disks and programs for the benchmark's machines.

Everything is built from Debian's files, and the same input gives the same
bytes.
"""

import gzip
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "guest-stubs/linux"))

import cpio  # noqa: E402  (lies with the guests)
DEBIAN = HERE.parents[1] / "build" / "debian"
HEADS, SECTORS, SECTOR_BYTES = 16, 63, 512
CYLINDER_BYTES = HEADS * SECTORS * SECTOR_BYTES


def run(*argv):
    """Runs a command; an error shows what it printed."""
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{argv[0]} failed:\n{done.stdout}")
    return done.stdout


def compile_static(source, out, *flags):
    """A small static program for the inside of an initramfs."""
    run("gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static",
        "-s", *flags, "-o", out, source)
    return out


def assemble_flat(source, out):
    run("nasm", "-f", "bin", "-o", out, source)
    return out


def kernel_path():
    """Debian's cloud kernel, as unpacked for guests."""
    release = (DEBIAN / "release").read_text().strip()
    return DEBIAN / "boot" / ("vmlinuz-" + release)


def module_paths(kernel, *names):
    """Paths of kernel modules and of those they need, in loading order."""
    tree = DEBIAN / "lib/modules" / kernel.name.removeprefix("vmlinuz-")
    needs = {}
    for line in (tree / "modules.dep").read_text().splitlines():
        path, rest = line.split(":")
        needs[path] = rest.split()
    by_name = {Path(path).stem: path for path in needs}
    order = []
    for name in names:
        if name not in by_name:
            raise RuntimeError(f"{tree}: no module {name}")
        # modules.dep lists the whole closure, the most basic one last.
        order += reversed([by_name[name]] + needs[by_name[name]])
    return [tree / path for path in dict.fromkeys(order)]


def library_closure(program):
    """The dynamic loader and all libraries that a program needs."""
    return [Path(p) for p in
            re.findall(r"(/\S+) \(0x", run("ldd", program))]


def initramfs(files, compress=True):
    """A newc archive of {path in archive: host path or bytes}.

    Folders are made as needed; each file may be executed. /dev/console is
    there, for /init's output.
    """
    archive = cpio.Archive()
    archive.directory("dev")
    archive.device("dev/console", 5, 1)
    for name, source in sorted(files.items()):
        data = source if isinstance(source, bytes) else \
            Path(source).read_bytes()
        archive.data(name.lstrip("/"), data, 0o755)
    data = archive.finish()
    return gzip.compress(data, 9, mtime=0) if compress else data


def guest_initramfs(build, modules=()):
    """The Linux guest of both sides: busybox, /init, modules to load."""
    files = {
        "init": compile_static(HERE / "guest/init.c", build / "guest-init",
                               "-nostdlib", "-fno-stack-protector",
                               "-mstackrealign"),
        "init.sh": HERE / "guest/init.sh",
        "bin/busybox": "/bin/busybox",
    }
    for i, module in enumerate(modules):
        files[f"modules/{i:02}-{Path(module).name}"] = module
    return initramfs(files)


def fat_disk(path, files):
    """A FAT disk without partitions of {path on disk: host path or bytes}.

    Its size is a whole number of cylinders, as the emulator wants it.
    """
    blobs = {name: src if isinstance(src, bytes) else Path(src).read_bytes()
             for name, src in files.items()}
    nbytes = sum(len(b) for b in blobs.values()) + (40 << 20)
    cylinders = -(-nbytes // CYLINDER_BYTES)
    path.unlink(missing_ok=True)
    with open(path, "wb") as disk:
        disk.truncate(cylinders * CYLINDER_BYTES)
    run("mformat", "-i", path, "-F", "-t", cylinders, "-h", HEADS,
        "-s", SECTORS, "::")
    for name, blob in blobs.items():
        temp = path.with_suffix(".tmp")
        temp.write_bytes(blob)
        run("mcopy", "-i", path, temp, "::" + name)
        temp.unlink()
