# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole machines for scenarios.

    with Machine(CONF, {"vmlinuz": VMLINUZ}, cpus=2) as m:
        m.boot()
        m.cmd("vm list")
        m.audit()

A Machine is an emulator with Aerostat on its disk and its serial console in
our hands. Everything that the console says is kept in build/emu-logs/.
"""
import json
import os
import re
import select
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from screen import Screen

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "boot"))

import mkimage  # noqa: E402
from emulator import Emulator  # noqa: E402

BUILD = TOP / "build"
LOGS = BUILD / "emu-logs"
PROMPT = "aerostat> "
GUEST_PROMPT = "# "     # PS1 of guest-stubs/linux/rootfs
ESCAPE = "\x14"         # Ctrl-T: from a guest's console back to the shell
BOOT_TIMEOUT_S = 180    # firmware takes 8 s in Bochs, 30 s on a busy machine
CMD_TIMEOUT_S = 60
MAX_KEPT_TICKS = 600_000    # 200 us at 3 GHz; kernel/sched/stretch.h

INITRAMFS = BUILD / "guest" / "initramfs.img"
INITRAMFS_TEST = BUILD / "guest" / "initramfs-test.img"


def vmlinuz():
    """The stock kernel for guests."""
    return BUILD / "guest" / "vmlinuz"


def micro(name):
    return BUILD / "micro" / (name + ".elf")


class Timeout(AssertionError):
    pass


class Deadline:
    """`seconds` of the machine's own time: wall time, but on a busy host only
    as much of it as the emulator got to run (at least a quarter)."""

    def __init__(self, emu, seconds):
        self.emu, self.seconds = emu, seconds
        self.wall0, self.cpu0 = time.monotonic(), emu.cpu_seconds()

    def passed(self):
        wall = time.monotonic() - self.wall0
        if wall < self.seconds:
            return False
        return (wall > 4 * self.seconds or
                self.emu.cpu_seconds() - self.cpu0 > self.seconds)


class Machine:
    """config: text of aerostat.conf, or None for none at all. files: name in
    \\aerostat -> path or bytes. More arguments go to Emulator."""

    def __init__(self, config, files=None, cpus=1, mem_mib=512,
                 emulator="bochs", name=None, may_panic=False,
                 **emulator_args):
        self.config, self.files = config, dict(files or {})
        self.name = name or current_test_name()
        self.emulator_args = dict(emulator_args, cpus=cpus, mem_mib=mem_mib,
                                  kind=emulator)
        self.screen = Screen()
        self.may_panic = may_panic      # else a panic ends the test at once
        self.pos = 0            # where expect() goes on in screen.text
        self.no_panic_before = 0
        self.log = self.emu = None

    # ---- life ----

    def __enter__(self):
        LOGS.mkdir(parents=True, exist_ok=True)
        self.log_file = new_log_path(self.name)
        self.log = open(self.log_file, "wb")
        self.tmp = tempfile.TemporaryDirectory(prefix="aerostat-test-")
        image = Path(self.tmp.name) / "disk.img"
        try:
            self._make_image(image)
            self.emu = Emulator(image=image, log_to=self.log_file,
                                **self.emulator_args)
            self.sock = self.emu.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        if self.emu:
            self.emu.stop()
        self.log.close()
        self.tmp.cleanup()
        # A scenario may leave its machine on, but not find it dead.
        if self.emu and not any(exc):
            cause = self.emu.end_cause()
            assert cause in ("killed", "poweroff"), "%s: machine ended by %s" % (
                self.name, cause)

    def _make_image(self, image):
        folder = Path(self.tmp.name) / "root"
        (folder / "aerostat").mkdir(parents=True)
        for name, content in self.files.items():
            to = folder / "aerostat" / name
            if isinstance(content, bytes):
                to.write_bytes(content)
            else:
                to.symlink_to(Path(content).resolve(strict=True))
        if self.config is not None:
            data = self.config
            if isinstance(data, str):
                data = data.encode()
            (folder / "aerostat" / "aerostat.conf").write_bytes(data)
        mkimage.build(image, folder)

    # ---- the serial line ----

    def send(self, text):
        """Types, slowly enough for a UART with a 16-byte FIFO."""
        data = text.encode() if isinstance(text, str) else text
        for i in range(0, len(data), 8):
            self.sock.sendall(data[i:i + 8])
            self._pump(0.02)

    def _pump(self, timeout):
        """Reads what has arrived within `timeout`; False at the end."""
        if not select.select([self.sock], [], [], timeout)[0]:
            return True
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
        self.log.write(data)
        self.log.flush()
        self.screen.feed(data)
        return bool(data)

    def _until(self, what, done, timeout):
        """Pumps until done() gives something true, and returns that."""
        deadline = Deadline(self.emu, timeout)
        while True:
            result = done()
            if result:
                return result
            fresh = self.screen.text[self.no_panic_before:]
            if "\npanic: " in fresh and not self.may_panic:
                self._fail("panic")
            self.no_panic_before = max(0, len(self.screen.text) - 10)
            if deadline.passed():
                self._fail("no %s within %d s" % (what, timeout))
            if not self._pump(1):
                result = done()
                if result:
                    return result
                self.emu.wait(1)
                self._fail("machine is off (%s), no %s" % (
                    self.emu.end_cause(), what))

    def _fail(self, why):
        tail = (self.screen.text + self.screen.line)[-3000:]
        raise Timeout("%s: %s; the console (%s) ends:\n%s" % (
            self.name, why, self.log_file, tail))

    def expect(self, regex, timeout=60):
        """Waits for a match behind the last one, lines as a terminal shows
        them, and returns it."""
        pattern = re.compile(regex, re.M)

        def search():
            return pattern.search(self.screen.text + self.screen.line,
                                  self.pos)

        m = self._until("match of %r" % regex, search, timeout)
        # The unfinished line may still change: don't skip beyond its start.
        self.pos = min(m.end(), len(self.screen.text))
        return m

    def mark(self):
        """expect() looks only at what comes from now on."""
        self.pos = len(self.screen.text)

    def drain(self, seconds):
        """Lets the machine run on for some wall time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self._pump(max(0, deadline - time.monotonic())):
                return

    # ---- the shell ----

    def boot(self, timeout=BOOT_TIMEOUT_S):
        """Waits for the shell's first prompt."""
        self._until("prompt", self._at_prompt, timeout)
        self.mark()

    def _at_prompt(self):
        return self.screen.line == PROMPT

    def cmd(self, command, timeout=CMD_TIMEOUT_S):
        """Types a command and returns what it printed."""
        self._until("prompt", self._at_prompt, timeout)
        start = len(self.screen.text)
        self.send(command + "\r")
        # A log line may redraw the prompt before the echo is there.
        echo = re.compile("^" + PROMPT + r"\S.*\n", re.M)

        def finished():
            m = echo.search(self.screen.text, start)
            return m and self._at_prompt() and m

        m = self._until("end of %r" % command, finished, timeout)
        return self.screen.text[m.end():]

    def cmd_json(self, command, timeout=CMD_TIMEOUT_S):
        """The JSON that `command -j` prints."""
        text = self.cmd(command + " -j", timeout)
        decoder = json.JSONDecoder()
        for m in re.finditer(r"^[\[{]", text, re.M):
            try:
                value, end = decoder.raw_decode(text, m.start())
            except json.JSONDecodeError:
                continue
            # "[   12.345678] ..." of a log line is JSON, but not all of it.
            if text[end:end + 1] in ("\n", ""):
                return value
        self._fail("%r printed no JSON: %r" % (command, text))
        return None

    def audit(self):
        """Asserts that the auditor finds no error; returns its JSON."""
        report = self.cmd_json("audit", timeout=120)
        assert report["clean"], report
        return report

    def check_bounds(self):
        """Asserts that since boot no CPU was kept, and no interrupt late, for
        too long; returns the JSON of `cpu`."""
        cpus = self.cmd_json("cpu")
        for cpu in cpus:
            assert 0 < cpu["longest_kept_ticks"] < MAX_KEPT_TICKS, cpus
            assert cpu["irq_late_ticks"] < MAX_KEPT_TICKS, cpus
        return cpus

    def vm(self, name):
        """`vm info NAME` as a dictionary."""
        return self.cmd_json("vm info " + name)

    def wait_vm(self, name, state, timeout=60):
        """Waits until the VM is in the state, and returns its info."""
        deadline = Deadline(self.emu, timeout)
        while True:
            info = self.vm(name)
            if info["state"] == state:
                return info
            if deadline.passed():
                self._fail("%s is %s, not %s, after %d s" % (
                    name, info["state"], state, timeout))
            self.drain(1)

    @contextmanager
    def console(self, name):
        """A guest's console: expect(), send() and sh() talk to the guest."""
        self._until("prompt", self._at_prompt, CMD_TIMEOUT_S)
        self.mark()
        self.send("console %s\r" % name)
        self.expect("^" + PROMPT + "console " + name)
        yield self
        self.send(ESCAPE)
        self._until("prompt", self._at_prompt, CMD_TIMEOUT_S)
        self.mark()

    def _guest_prompt(self):
        """Waits until the guest's shell reads commands."""
        def at_prompt():
            return self.screen.line.endswith(GUEST_PROMPT)
        # It may have been shown before this console was left and opened
        # again, or a message may have come behind it: ask for another.
        for _ in range(20):
            try:
                self._until("guest's prompt", at_prompt, 3)
                return
            except Timeout:
                self.send("\r")
        self._until("guest's prompt", at_prompt, 30)

    def sh(self, command, timeout=120, check=True):
        """Runs a shell command in the guest whose console is open; returns
        its output. check: it must exit with 0."""
        self._guest_prompt()
        self.mark()
        self.send(command + "; echo exit=$?\r")
        # The guest's line editor may break the line anywhere in it.
        self.expect(r"\n?".join(map(re.escape, "echo exit=$?")) + r"\n",
                    timeout)
        start = self.pos
        m = self.expect(r"^exit=(\d+)$", timeout)
        out = self.screen.text[start:m.start()]
        assert not check or m[1] == "0", "%s: exit %s\n%s" % (command, m[1],
                                                              out)
        return out

    def poweroff(self, timeout=60, how="-f"):
        """Switches the machine off and checks that this is what ends it.
        how: -f kills guests, -y shuts them down."""
        self.send("poweroff %s\r" % how)
        deadline = Deadline(self.emu, timeout)
        while not deadline.passed():
            if not self._pump(0.2) or not self.emu.running():
                self.emu.wait(10)   # the line is closed a moment earlier
                cause = self.emu.end_cause()
                if cause != "poweroff":
                    self._fail("ended by %s" % cause)
                return
        self._fail("still on %d s after poweroff" % timeout)


_machines = {}


def new_log_path(name):
    """A test that starts several machines gets a numbered log for each."""
    n = _machines[name] = _machines.get(name, 0) + 1
    return LOGS / (name + ("-%d" % n if n > 1 else "") + ".txt")


def current_test_name():
    """test_boot.py::test_two_cpus[2] -> test_two_cpus-2"""
    test = os.environ.get("PYTEST_CURRENT_TEST", "machine")
    test = test.split("::")[-1].split(" ")[0]
    return re.sub(r"\W+", "-", test).strip("-")
