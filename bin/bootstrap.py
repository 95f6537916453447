"""Makes `.venv` what the committed lock says, once, then becomes the `settle` command. Standard library only.

`settle test` needs the development lock, a superset of the one that everything else runs on. The lock's digest is
stamped into the environment, so a second start does nothing. No index is named here: pip's own settings apply.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

UV_VERSION = "0.13.9"
ROOT = Path(__file__).resolve().parent.parent
VENV = Path(os.environ.get("SETTLE_VENV", ROOT / ".venv"))
TOOLS = ROOT / ".tools"
STAMP = VENV / ".settle-lock"
SCRIPTS = VENV / ("Scripts" if os.name == "nt" else "bin")


def main(arguments: list[str]) -> int:
    """Prepare the environment, then run the command in it."""
    wanted = "dev" if arguments[:1] == ["test"] else "local"
    if not satisfied(wanted):
        prepare(wanted)
    environ = {**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ.get('PATH', '')}", "VIRTUAL_ENV": str(VENV)}
    environ.pop("PYTHONHOME", None)
    command = [str(SCRIPTS / "python"), "-m", "services.cli", *arguments]
    environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "protos" / "gen")])
    if os.name == "nt":
        return subprocess.call(command, env=environ)
    os.execve(command[0], command, environ)


def digest(lock: str) -> str:
    """What the stamp says for a lock: its name and the digest of its text, for this interpreter."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_bytes()
    return f"{lock} {hashlib.sha256(text).hexdigest()} {sys.version_info.major}.{sys.version_info.minor}"


def satisfied(wanted: str) -> bool:
    """Whether the environment was made from this lock, or from the development lock, which holds all of it."""
    try:
        stamp = STAMP.read_text()
    except OSError:
        return False
    return stamp in {digest(wanted), digest("dev")}


def prepare(wanted: str) -> None:
    """Install exactly what the lock lists, each file checked against its hash."""
    say(f"installing requirements/{wanted}.lock into {VENV.name} (once)")
    lock = str(ROOT / "requirements" / f"{wanted}.lock")
    uv = find_uv()
    if uv is None:
        with_pip(lock)
    else:
        call([*uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(VENV)])
        call([*uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(SCRIPTS / "python"), lock])
    STAMP.write_text(digest(wanted))


def find_uv() -> list[str] | None:
    """A uv that is new enough: on the PATH, fetched before, or fetched now with pip; None if it cannot be had."""
    for found in (shutil.which("uv"), TOOLS / "bin" / "uv"):
        if found and new_enough(str(found)):
            return [str(found)]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(TOOLS), "--upgrade", f"uv=={UV_VERSION}"]
    if subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
        return [str(TOOLS / "bin" / "uv")]
    return None


def new_enough(uv: str) -> bool:
    """Whether this uv runs and is at least the pinned one."""
    try:
        answer = subprocess.run([uv, "--version"], capture_output=True, text=True, check=True).stdout.split()
        return [int(part) for part in answer[1].split(".")[:3]] >= [int(part) for part in UV_VERSION.split(".")]
    except (OSError, subprocess.CalledProcessError, IndexError, ValueError):
        return False


def with_pip(lock: str) -> None:
    """The documented equivalent without uv."""
    if subprocess.call([sys.executable, "-m", "venv", "--clear", str(VENV)]) != 0:
        say("cannot make a virtual environment; install the system's venv package (Debian: apt-get install python3-venv)")
        raise SystemExit(1)
    call([str(SCRIPTS / "python"), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r", lock])


def call(command: list[str]) -> None:
    """Run a step of the installation; its failure ends the start with its own message."""
    status = subprocess.call(command, stdout=sys.stderr)
    if status:
        say(f"{Path(command[0]).name} ended with status {status}")
        raise SystemExit(1)


def say(text: str) -> None:
    """One line for the person who waits."""
    print(f"settle: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
