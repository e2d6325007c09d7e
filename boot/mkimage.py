#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds a GPT disk image with one EFI system partition from a folder.

usage: mkimage.py OUT.img FOLDER [--efi build/BOOTX64.EFI] [--free MIB]

FOLDER's content becomes the root of the partition (aerostat/aerostat.conf and
so on); the loader is added as EFI/BOOT/BOOTX64.EFI. Needs no privileges. The
image's length is a whole number of Bochs' cylinders (16 heads, 63 sectors).
"""
import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
SECTOR = 512
HEADS, SPT = 16, 63
CYLINDER = HEADS * SPT * SECTOR
MIB = 1 << 20
PART_START = MIB        # what partitioning tools align to
GPT_TAIL = MIB          # more than the backup table's 33 sectors
FAT16_MAX = 65000 * 4096  # clusters of 8 sectors
FAT_SLACK = 4 * MIB     # FATs, directories, half-filled clusters


def tool(*argv):
    env = dict(os.environ, MTOOLS_SKIP_CHECK="1",
               PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    p = subprocess.run([str(a) for a in argv], env=env, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if p.returncode:
        raise SystemExit("%s failed:\n%s" % (argv[0], p.stdout))


def folder_nbytes(folder):
    return sum(f.stat().st_size + 32768 for f in folder.rglob("*"))


def cylinders(image):
    """Bochs wants to be told."""
    return os.stat(image).st_size // CYLINDER


def copy_sparse(src, dst, offset):
    zero = bytes(MIB)
    with open(src, "rb") as s, open(dst, "r+b") as d:
        at = offset
        while block := s.read(MIB):
            if block != zero[:len(block)]:
                d.seek(at)
                d.write(block)
            at += len(block)


def build(out, folder, efi=None, free_mib=4):
    """Writes the image; out appears only when it is complete."""
    out, folder = Path(out), Path(folder)
    efi = Path(efi or TOP / "build" / "BOOTX64.EFI")
    part_nbytes = (folder_nbytes(folder) + efi.stat().st_size + FAT_SLACK +
                   free_mib * MIB) // MIB * MIB
    total = PART_START + part_nbytes + GPT_TAIL
    total = -(-total // CYLINDER) * CYLINDER
    with tempfile.TemporaryDirectory(dir=out.parent) as tmp:
        disk, part = Path(tmp) / "disk", Path(tmp) / "part"
        for path, nbytes in (disk, total), (part, part_nbytes):
            with open(path, "wb") as f:
                f.truncate(nbytes)
        first = PART_START // SECTOR
        last = first + part_nbytes // SECTOR - 1
        tool("sgdisk", "-o", "-n", "1:%d:%d" % (first, last), "-t", "1:ef00",
             "-c", "1:AEROSTAT", disk)
        # mkfs.fat would try FAT16 with too many clusters below 512 MiB.
        fat32 = ["-F", "32"] if part_nbytes > FAT16_MAX else []
        tool("mkfs.fat", "-n", "AEROSTAT", "-s", "8", *fat32, part)
        tool("mmd", "-i", part, "::/EFI", "::/EFI/BOOT")
        tool("mcopy", "-i", part, efi, "::/EFI/BOOT/BOOTX64.EFI")
        entries = sorted(folder.iterdir())
        if entries:
            tool("mcopy", "-s", "-i", part, *entries, "::/")
        copy_sparse(part, disk, PART_START)
        shutil.move(disk, out)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("out")
    ap.add_argument("folder")
    ap.add_argument("--efi")
    ap.add_argument("--free", type=int, default=4, metavar="MIB")
    args = ap.parse_args()
    build(args.out, args.folder, args.efi, args.free)


if __name__ == "__main__":
    main()
