"""The data folder: whether it can be used, and the one lock that says who uses it.

Whoever changes what lies in the folder holds `engine.lock` (flock) until its end, however it ends: the kernel frees it.
The file names the holder. It is never deleted, for a second one could then be locked beside the first.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from settle.local import children
from settle.local.refusals import AlreadyRunning, WrongFolder

LOCK = "engine.lock"
ENDPOINTS = "endpoints.json"
ENGINE = "the engine"
LOCK_SECONDS_MAX = 1.0
"""A lock that no living process is seen to hold may be a reader's, or one whose holder is just writing its name."""
SHOWN_MAX = 3
_BESIDE_DATA = frozenset({"up.log", "logs", "lost+found", ".gitignore", ".gitkeep"})
"""What may lie in a folder in which no engine ever ran."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a folder. `pid` is 0 if it cannot be told, as from another machine or container."""

    what: str
    pid: int
    began: str

    @property
    def alive(self) -> bool:
        """Whether that very process runs, as far as can be seen from here."""
        return children.alive(self.pid, self.began)

    def refusal(self, data: Path) -> AlreadyRunning:
        """Why somebody else cannot have the folder now."""
        who = f"process {self.pid}" if self.pid else "a process that cannot be seen from here"
        if self.what == ENGINE:
            return AlreadyRunning(f"the engine runs already ({who}); `settle down` stops it")
        return AlreadyRunning(f"{self.what} uses {data} now ({who}); try again when it has ended")


NOBODY_KNOWN = Holder(ENGINE, 0, "")


class Claim:
    """The lock of a folder, held until `release` or the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Let others have the folder."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.ftruncate(descriptor, 0)
            os.close(descriptor)


def claim(data: Path, what: str = ENGINE) -> Claim:
    """Make the folder if need be and hold it; raises `AlreadyRunning` or `WrongFolder`, and then changed nothing."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        _refuse_foreign(data)
        descriptor = os.open(data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise WrongFolder(f"{data} cannot be used for data: {_why(error)}; choose another --data") from error
    try:
        _lock(descriptor, data)
        os.ftruncate(descriptor, 0)
        said = json.dumps(asdict(Holder(what, os.getpid(), children.started_at(os.getpid()))))
        os.pwrite(descriptor, said.encode(), 0)
    except OSError as error:
        os.close(descriptor)
        raise WrongFolder(f"{data / LOCK} cannot be locked: {_why(error)}") from error
    except BaseException:
        os.close(descriptor)
        raise
    return Claim(descriptor)


def holder(data: Path) -> Holder | None:
    """Who holds the folder; None if nobody does."""
    try:
        descriptor = os.open(data / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        named = _named(descriptor)
        if named and named.alive:
            return named
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return named or NOBODY_KNOWN
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None


def exists(data: Path) -> bool:
    """Whether there is a folder to look into; raises `WrongFolder` if it is none, or is closed to us."""
    try:
        os.listdir(data)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise WrongFolder(f"{data} cannot be read: {_why(error)}") from error
    return True


def resolved(data: Path) -> Path:
    """The folder's full path."""
    try:
        return data.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise WrongFolder(f"{data} cannot be used for data: {error}") from error


def _lock(descriptor: int, data: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS_MAX
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            named = _named(descriptor)
            if (named and named.alive) or time.monotonic() > deadline:
                raise (named or NOBODY_KNOWN).refusal(data) from None
            time.sleep(0.02)
        else:
            return


def _named(descriptor: int) -> Holder | None:
    try:
        said = json.loads(os.pread(descriptor, 1_000, 0))
        return Holder(str(said["what"]), int(said["pid"]), str(said["began"]))
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):  # whatever somebody wrote there
        return None


def _refuse_foreign(data: Path) -> None:
    """A folder with other things in it is a slip of the hand, and another user's data stays that user's.

    One look at the folder answers both: another start may be making its lock at this moment.
    """
    names = set(os.listdir(data))
    for mark in sorted(names & {LOCK, ENDPOINTS}):
        if (owner := _owner(data / mark)) is not None and owner != os.geteuid():
            whose = f"{data} holds the engine of {_user(owner)}"
            raise WrongFolder(f"{whose}; run it as that user, or choose another --data")
    if not names & {LOCK, ENDPOINTS} and (others := sorted(names - _BESIDE_DATA)):
        what = f"{data} holds other things ({_some(others)}) and no engine's data"
        raise WrongFolder(f"{what}; choose an empty or a new folder with --data")


def _owner(mark: Path) -> int | None:
    """Whose file it is; None if it went away since it was seen, as when an engine ends."""
    try:
        return mark.stat().st_uid
    except FileNotFoundError:
        return None


def _some(names: Iterable[str]) -> str:
    *first, = names
    return ", ".join(first[:SHOWN_MAX]) + (", ..." if len(first) > SHOWN_MAX else "")


def _user(uid: int) -> str:
    import pwd  # absent on Windows

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _why(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}"
