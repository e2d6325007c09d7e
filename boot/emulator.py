# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts an emulated machine (Bochs or QEMU with UEFI firmware) on a disk
image and gives its first serial line as a connected socket.

Each emulator has its own temporary folder and process group, and is ended by
these only.
"""
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

OVMF = "/usr/share/ovmf/OVMF.fd"
CYLINDER = 16 * 63 * 512
# Bochs keeps memory beyond this in a file, which is a hundred times slower once
# the machine really uses it (and Aerostat zeroes all that is free).
MAX_HOST_MIB = 2048
START_TRIES = 5
START_TIMEOUT_S = 30

BOCHSRC = """\
config_interface: textconfig
display_library: rfb, options="timeout=0"
cpu: model={cpu_model}, count={cpus}, ips={ips}, reset_on_triple_fault={reset}, ignore_bad_msrs=1
memory: guest={mem_mib}, host={host_mib}
romimage: file={ovmf}
vgaromimage: file=/usr/share/vgabios/vgabios.bin
pci: enabled=1, chipset=i440fx, slot1=pcivga
vga: extension=vbe
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path={image}, mode=flat, cylinders={cylinders}, heads=16, spt=63
boot: disk
clock: sync={sync}
log: {log}
panic: action=fatal
error: action=ignore
info: action=ignore
com1: enabled=1, mode=socket-server, dev=localhost:{port}
"""


PR_SET_PDEATHSIG = 1    # prctl(2)
LIBC = ctypes.CDLL(None)


class EmulatorError(Exception):
    pass


def die_with_parent():
    """In the child: no emulator outlives the (thread of the) program that
    started it, even if that is killed."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def kvm_has_vmx():
    """Can QEMU here run a guest that uses VT-x?"""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError:
        return False
    nested = Path("/sys/module/kvm_intel/parameters/nested")
    if nested.exists() and nested.read_text().strip() not in ("Y", "1"):
        return False
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        return any(line.startswith("flags") and " vmx" in line for line in f)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Emulator:
    """kind: "bochs", "qemu" (TCG) or "kvm". The image is used in place.

    ips (Bochs): how many executed instructions are one second of emulated
    time. sync: Bochs' clock mode; "none" runs as fast as it can, "slowdown"
    never faster than real time.
    """

    def __init__(self, kind, image, cpus=1, mem_mib=1024, ips=100000000,
                 sync="none", cpu_model="corei7_skylake_x", reboot=False,
                 qemu_args=(), log_to=None):
        self.kind, self.image = kind, Path(image).resolve()
        self.cpus, self.mem_mib = cpus, mem_mib
        self.ips, self.sync, self.cpu_model = ips, sync, cpu_model
        self.reboot, self.qemu_args = reboot, list(qemu_args)
        self.log_to = log_to
        self.proc = self.sock = self.cause = None
        self.tmp = Path(tempfile.mkdtemp(prefix="aerostat-emu-"))

    def start(self):
        """Returns the socket of COM1."""
        for i in range(START_TRIES):
            try:
                self._spawn()
                self.sock = self._connect()
                return self.sock
            except EmulatorError:
                self._kill()
                if i == START_TRIES - 1:    # else: the port was taken
                    self.stop()
                    raise
        raise AssertionError

    def stop(self):
        """Ends the emulator and removes its folder."""
        if self.sock:
            self.sock.close()
            self.sock = None
        self._kill()
        if self.log_to:
            for f in self.tmp.glob("*.log"):
                shutil.copy(f, "%s.%s" % (self.log_to, f.name))
        shutil.rmtree(self.tmp, ignore_errors=True)
        Path("%s.lock" % self.image).unlink(missing_ok=True)

    def running(self):
        return self.proc is not None and self.proc.poll() is None

    def end_cause(self):
        """Why the emulator is not running any more: "poweroff" (the machine
        switched itself off), "killed" (stop() did), or what happened. None:
        it runs."""
        if self.cause is None and not self.running():
            self.cause = self._end_cause()
        return self.cause

    def _end_cause(self):
        if self.proc is None:
            return "never started"
        code = self.proc.returncode
        if self.kind == "bochs":
            # It ends in a "panic" of the device whatever the reason is, and
            # with 4 CPUs may fall over its own feet when it cleans up then.
            panics = [l for l in self._log("bochs.log").splitlines()
                      if ">>PANIC<<" in l]
            last = panics[-1] if panics else "exit code %d" % code
            return "poweroff" if "soft power off" in last else last
        if code < 0:
            return "signal %d" % -code
        if code == 0 and "qemu_system_shutdown_request" in self._log(
                "emulator.log"):
            return "poweroff"
        return "exit code %d: %s" % (code, self._log("emulator.log")[-300:])

    def _log(self, name):
        return (self.tmp / name).read_text(errors="replace")

    def cpu_seconds(self):
        """CPU time that the emulator's processes have used so far."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                # Behind the name in parentheses: state, ppid, pgrp, ...
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if self.proc and int(fields[2]) == self.proc.pid:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def wait(self, timeout):
        """True if the machine switched itself off in time."""
        try:
            self.proc.wait(timeout)
            return True
        except subprocess.TimeoutExpired:
            return False

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def _spawn(self):
        self.cause = None
        argv = self._bochs() if self.kind == "bochs" else self._qemu()
        with open(self.tmp / "emulator.log", "wb") as log:
            self.proc = subprocess.Popen(
                argv, cwd=self.tmp, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
                preexec_fn=die_with_parent)

    def _bochs(self):
        Path("%s.lock" % self.image).unlink(missing_ok=True)
        self.address = ("127.0.0.1", free_port())
        (self.tmp / "bochsrc").write_text(BOCHSRC.format(
            cpu_model=self.cpu_model, cpus=self.cpus, ips=self.ips,
            reset=int(self.reboot), mem_mib=self.mem_mib,
            host_mib=min(self.mem_mib, MAX_HOST_MIB), ovmf=OVMF, image=self.image,
            cylinders=os.stat(self.image).st_size // CYLINDER,
            sync=self.sync, log=self.tmp / "bochs.log",
            port=self.address[1]))
        # Debian's Bochs stops in its debugger at first: tell it to go on.
        (self.tmp / "commands").write_text("c\n")
        return ["bochs", "-q", "-f", "bochsrc", "-rc", "commands"]

    def _qemu(self):
        self.address = str(self.tmp / "com1")
        argv = ["qemu-system-x86_64", "-machine", "q35", "-m",
                str(self.mem_mib), "-smp", str(self.cpus), "-bios", OVMF,
                "-drive", "format=raw,file=%s" % self.image, "-display",
                "none", "-net", "none", "-monitor", "none", "-trace",
                "qemu_system_shutdown_request", "-serial",
                "unix:%s,server=on,wait=on" % self.address]
        if self.kind == "kvm":
            argv += ["-accel", "kvm", "-cpu", "host"]
        else:
            argv += ["-accel", "tcg", "-cpu", "max"]
        if not self.reboot:
            argv += ["-no-reboot"]
        return argv + self.qemu_args

    def _connect(self):
        family = (socket.AF_INET if isinstance(self.address, tuple)
                  else socket.AF_UNIX)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.proc.poll() is not None:
                break
            s = socket.socket(family)
            try:
                s.connect(self.address)
                return s
            except OSError:
                s.close()
                time.sleep(0.05)
        log = (self.tmp / "emulator.log").read_text(errors="replace")
        raise EmulatorError("%s does not start:\n%s" % (self.kind,
                                                        log[-2000:]))

    def _kill(self):
        if not self.proc:
            return
        if self.end_cause() is None:
            self.cause = "killed"
        try:
            os.killpg(self.proc.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.proc.wait()
        self.proc = None
