# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes archives in the "newc" format of cpio (Linux
Documentation/driver-api/early-userspace/buffer-format.rst), so that device
nodes need no privileges and two builds give the same bytes.
"""
import os
import stat


class Archive:
    """Entries of a cpio archive, in the order that they were added."""

    def __init__(self):
        self.raw = bytearray()
        self.names = set()

    def _entry(self, name, mode, body=b"", rdev=(0, 0)):
        if name in self.names:
            return
        self.names.add(name)
        encoded = name.encode() + b"\0"
        fields = [len(self.names), mode, 0, 0, 1, 0, len(body), 0, 0,
                  rdev[0], rdev[1], len(encoded), 0]
        self.raw += b"070701" + b"".join(b"%08X" % f for f in fields)
        self.raw += encoded
        self._pad()
        self.raw += body
        self._pad()

    def _pad(self):
        self.raw += b"\0" * (-len(self.raw) % 4)

    def directory(self, name):
        """Adds a directory and those above it."""
        parent = os.path.dirname(name)
        if parent:
            self.directory(parent)
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, source, name):
        """Adds a regular file with the permissions of `source`."""
        with open(source, "rb") as f:
            body = f.read()
        self.data(name, body, 0o755 if os.access(source, os.X_OK) else 0o644)

    def data(self, name, body, mode):
        """Adds a regular file of these bytes."""
        self.directory(os.path.dirname(name) or ".")
        self._entry(name, stat.S_IFREG | mode, body)

    def link(self, name, target):
        """Adds a symbolic link."""
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor):
        """Adds a character device."""
        self._entry(name, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def finish(self):
        """The whole archive."""
        self._entry("TRAILER!!!", 0)
        self.raw += b"\0" * (-len(self.raw) % 512)
        return bytes(self.raw)
