"""Processes that we started: in groups of their own, stopped by id, recognised after a crash of their starter."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

STOP_SECONDS = 17.0
"""Longer than a service takes that ends itself by force (`SETTLE_DRAIN_SECONDS`, and 5 more)."""
STALE_SECONDS = 5.0
_BECOME = """import os, sys
os.setgroups([]), os.setgid(int(sys.argv[2])), os.setuid(int(sys.argv[1]))
os.execv(sys.argv[3], sys.argv[3:])"""


def started_at(pid: int) -> str:
    """When the process with this id began, in the kernel's own count; empty if there is none. Ids are used again."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    fields = stat.rsplit(")", 1)[1].split()
    return "" if fields[0] == "Z" else fields[19]


def alive(pid: int, began: str) -> bool:
    """Whether the very process that began then still runs."""
    return bool(began) and started_at(pid) == began


@dataclass(slots=True)
class Child:
    """One running process. `interrupt` is the signal that ends it in good order."""

    name: str
    process: "subprocess.Popen[bytes]"
    interrupt: int = signal.SIGTERM

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def send(self, number: int) -> None:
        """A signal to the process alone; nothing if it has ended."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    def interrupt_now(self) -> None:
        """Ask it to end in good order, even if it is paused; do not wait."""
        self.send(signal.SIGCONT)
        self.send(self.interrupt)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End it in good order, or after `seconds` at once, with all that it started."""
        self.interrupt_now()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)


def start(
    name: str, command: Sequence[str], environ: Mapping[str, str] | None = None,
    log: IO[bytes] | int = subprocess.DEVNULL, folder: Path | None = None, unprivileged: bool = False,
    interrupt: int = signal.SIGTERM,
) -> Child:
    """Start a process in a session of its own, so that Ctrl-C reaches only us; `unprivileged` runs it as nobody.

    It becomes nobody by itself, not in a fork of ours: gRPC's fork handlers now and then crashed there.
    """
    if unprivileged and os.geteuid() == 0:
        command = [sys.executable, "-I", "-S", "-c", _BECOME, *map(str, nobody()), *command]
    process = subprocess.Popen(
        list(command), env=dict(os.environ) if environ is None else dict(environ), cwd=folder, stdin=subprocess.DEVNULL,
        stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
    )
    return Child(name, process, interrupt)


def nobody() -> tuple[int, int]:
    """The user and group ids of `nobody`, whose group has another name on every distribution."""
    import pwd  # absent on Windows, where nobody is root

    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def end_stale(pid: int, began: str, interrupt: int = signal.SIGTERM) -> bool:
    """End a process that a killed run left behind, if it is still the same one; answers whether it was there."""
    if not alive(pid, began):
        return False
    for number, seconds in ((interrupt, STALE_SECONDS), (signal.SIGKILL, STALE_SECONDS)):
        _signal_group(pid, signal.SIGCONT)
        _signal_group(pid, number)
        deadline = time.monotonic() + seconds
        while alive(pid, began) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not alive(pid, began):
            break
    return True


def _signal_group(pid: int, number: int) -> None:
    """To all that the process started too, if it leads its group, as every process of ours does."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


def remember(child: Child, file: Path) -> None:
    """Note who runs on the data beside the file, for whoever starts there after we were killed."""
    file.write_text(f"{child.pid} {started_at(child.pid)}", encoding="ascii")


def end_remembered(file: Path) -> bool:
    """End the process that was noted, if it still is the same one; answers whether it was there."""
    try:
        pid, _, began = file.read_text(encoding="ascii").partition(" ")
        return end_stale(int(pid), began)
    except (OSError, ValueError):
        return False
