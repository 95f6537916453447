"""Makes `.venv` what the committed lock says, once, then becomes the `settle` command. Standard library only.

`settle test` needs the development lock, a superset of the one that everything else runs on. The lock's digest is
stamped into the environment, so a second start does nothing. No index is named here: pip's own settings apply.
"""

import ast
import contextlib
import hashlib
import json
import os
import shutil
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

UV_VERSION = "0.13.9"
CANNOT_RUN = 2
WINDOWS = os.name == "nt"
ROOT = Path(__file__).resolve().parent.parent
VENV = Path(os.environ.get("SETTLE_VENV") or ROOT / ".venv").absolute()
TOOLS = ROOT / ".tools"
STAMP = VENV / ".settle-lock"
SCRIPTS = VENV / ("Scripts" if WINDOWS else "bin")
PYTHON = str(SCRIPTS / "python")
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST", "cert": "SSL_CERT_FILE", "proxy": "ALL_PROXY",
}
"""pip's settings of where packages come from, and what uv, which does not read them, calls the same."""
PACKAGES = (
    "cannot make a virtual environment; "
    "install python3-venv and python3-pip (Debian: apt-get install them), or uv"
)


def main(arguments: list[str]) -> NoReturn:
    """Prepare the environment if it is not what the lock says, then run the command in it."""
    wanted = "dev" if arguments[:1] == ["test"] else "local"
    try:
        if not satisfied(wanted):
            with one_at_a_time():
                if not satisfied(wanted):
                    prepare(wanted)
        become(arguments)
    except OSError as error:
        say(f"{error.filename or VENV}: {error.strerror or error}; its environment cannot be made or run there")
        raise SystemExit(CANNOT_RUN) from None


def become(arguments: list[str]) -> NoReturn:
    """Be the command of the environment from here on."""
    environ = {**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ.get('PATH', '')}", "VIRTUAL_ENV": str(VENV)}
    environ.pop("PYTHONHOME", None)
    command = [str(SCRIPTS / "settle"), *arguments]
    if WINDOWS:
        raise SystemExit(subprocess.call(command, env=environ))
    os.execve(command[0], command, environ)


def digest(lock: str) -> str:
    """What the stamp says for a lock: its name, the digest of all that is installed, the interpreter, the place."""
    said = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    ours = json.dumps([said["project"], said["tool"]["hatch"]])  # the project itself: its command, its folders
    text = (ROOT / "requirements" / f"{lock}.lock").read_bytes()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"{lock} {hashlib.sha256(text + ours.encode()).hexdigest()} {version} {ROOT}"


def stamp() -> str:
    """What the environment was made from; empty if there is none."""
    try:
        return STAMP.read_text(encoding="utf-8")
    except OSError:
        return ""


def satisfied(wanted: str) -> bool:
    """Whether the environment was made from this lock, or from the development lock, which holds all of it."""
    return stamp() in {digest(wanted), digest("dev")}


def prepare(wanted: str) -> None:
    """Install what the lock lists, each file checked against its hash, and the project itself as it lies here."""
    if stamp().startswith("dev ") or has_dev_tools():
        wanted = "dev"  # what the tests need is not taken away from whoever runs the demo
    refuse_foreign_folder()
    say(f"installing requirements/{wanted}.lock into {VENV.name} (once)")
    lock = str(ROOT / "requirements" / f"{wanted}.lock")
    uv = find_uv()
    if uv is None or not with_uv(uv, lock):
        with_pip(lock)
    STAMP.write_text(digest(wanted), encoding="utf-8")


def has_dev_tools() -> bool:
    """Whether the tools of the tests lie there: put there by hand, no stamp tells of them, and a sync removes them."""
    return any(SCRIPTS.glob("pytest*"))


def refuse_foreign_folder() -> None:
    """An environment may be cleared while it is made: never a folder with other things in it."""
    VENV.mkdir(parents=True, exist_ok=True)
    if not (VENV / "pyvenv.cfg").exists() and set(os.listdir(VENV)) - {STAMP.name}:
        say(f"{VENV} holds other things and no environment; let SETTLE_VENV name another folder")
        raise SystemExit(CANNOT_RUN)


def foreign() -> bool:
    """Whether the environment was made elsewhere or for another Python: its scripts name a path that is not theirs."""
    made_for = stamp().split(" ", 3)[2:]
    return bool(made_for) and made_for != digest("dev").split(" ", 3)[2:] and len(made_for) == 2


def find_uv() -> str | None:
    """A uv that is new enough: on the PATH, fetched before, or fetched now with pip; None if it cannot be had."""
    fetched = TOOLS / "bin" / ("uv.exe" if WINDOWS else "uv")
    for found in (shutil.which("uv"), str(fetched)):
        if found and new_enough(found):
            return found
    for pip in pips():
        if quietly([*pip, "install", "--quiet", "--target", str(TOOLS), "--upgrade", f"uv=={UV_VERSION}"]):
            return str(fetched) if new_enough(str(fetched)) else None
    return None


def pips() -> Iterator[list[str]]:
    """This Python's pip; where the distribution left it out, that of an environment made for it."""
    own = [sys.executable, "-m", "pip"]
    if quietly([*own, "--version"]):
        yield own
        return
    made = TOOLS / "pip"
    if quietly([sys.executable, "-m", "venv", str(made)]):
        yield [str(made / SCRIPTS.name / "python"), "-m", "pip"]


def new_enough(uv: str) -> bool:
    """Whether this uv runs and is at least the pinned one."""
    try:
        answer = subprocess.run([uv, "--version"], capture_output=True, text=True, check=True).stdout.split()
        return [int(part) for part in answer[1].split(".")[:3]] >= [int(part) for part in UV_VERSION.split(".")]
    except (OSError, subprocess.CalledProcessError, IndexError, ValueError):
        return False


def with_uv(uv: str, lock: str) -> bool:
    """Whether uv could install it; its own message says why not."""
    existing = "--clear" if foreign() else "--allow-existing"
    environ = uv_environment()
    steps = (
        ("venv", "--quiet", "--no-project", existing, "--python", sys.executable, str(VENV)),
        ("pip", "sync", "--quiet", "--require-hashes", "--python", PYTHON, lock),
        ("pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--python", PYTHON, "-e", str(ROOT)),
    )
    done = all(subprocess.call([uv, *step], stdout=sys.stderr, env=environ) == 0 for step in steps)
    if not done:
        say("uv could not install it; trying pip")
    return done


def uv_environment() -> dict[str, str]:
    """The user's environment, and for uv what pip is configured with and the certificates that this machine trusts."""
    environ = dict(os.environ)
    if ssl.create_default_context().cert_store_stats()["x509_ca"]:
        environ.setdefault("UV_SYSTEM_CERTS", "1")
    for name, value in pip_settings().items():
        if name in UV_NAMES:
            environ.setdefault(UV_NAMES[name], " ".join(value.split()))
    return environ


def pip_settings() -> dict[str, str]:
    """pip's configuration by option, from its files and the environment; the nearer to the command wins, as in pip."""
    listed = [
        subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False).stdout for pip in pips()
    ]
    found = [line.partition("=") for line in "".join(listed).splitlines()]
    return {
        name.removeprefix(f"{section}."): ast.literal_eval(value)
        for section in ("global", "install", ":env:") for name, _, value in found if name.startswith(f"{section}.")
    }


def with_pip(lock: str) -> None:
    """The documented equivalent without uv."""
    if not quietly([sys.executable, "-m", "venv", "--clear", str(VENV)]):
        say(PACKAGES)
        raise SystemExit(CANNOT_RUN)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    call([*pip, "--require-hashes", "-r", lock])
    call([*pip, "--no-build-isolation", "-e", str(ROOT)])


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two first starts at once wait for each other; where files cannot be locked, they take their chance."""
    TOOLS.mkdir(exist_ok=True)
    with open(TOOLS / ".lock", "w", encoding="ascii") as held:
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def quietly(command: list[str]) -> bool:
    """Whether a step that may fail went well."""
    try:
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def call(command: list[str]) -> None:
    """Run a step of the installation; its failure ends the start with its own message."""
    status = subprocess.call(command, stdout=sys.stderr)
    if status:
        say(f"{Path(command[0]).name} {command[1]} ended with status {status}")
        raise SystemExit(CANNOT_RUN)


def say(text: str) -> None:
    """One line for the person who waits."""
    print(f"settle: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
