"""Compiles what pyproject.toml declares into the hashed locks beside this file: `python requirements/lock.py`.

Versions that still fit stay as they are; `--upgrade` moves all of them, `--upgrade-package NAME` one (any option goes
to uv). Standard library only. Packages come from where pip is configured to look; the locks do not say where that is.
"""

import hashlib
import json
import runpy
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
LOCKS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "dev": (("local", "traces"), ("dev",)),
    "local": (("local",), ("checkout",)),
    "image": (("traces",), ()),
    "run": ((), ()),
    "newer": (("local",), ("dev",)),
}
"""Beside the project's dependencies, a lock holds these extras and groups; the largest is first and binds the rest."""
NEWER = "newer"
"""The lock of the newest gRPC and protobuf that pyproject allows; bounds.txt binds all others to an older line."""
ADDRESSES = ("--index-url", "--extra-index-url", "--find-links", "--trusted-host", "http://", "https://", "file://")
DIGEST = "declared sha256:"


def main(options: Sequence[str]) -> int:
    """Compile all the locks; the exit status is 0 if they hold what is declared now."""
    bootstrap = runpy.run_path(str(ROOT / "bin" / "bootstrap.py"))
    uv = bootstrap["find_uv"]()
    if uv is None:
        print("lock: uv cannot be had here; install it or pip", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="settle-lock-") as folder:
        for name in LOCKS:
            compiled = Path(folder) / f"{name}.lock"
            if (FOLDER / compiled.name).exists():
                shutil.copyfile(FOLDER / compiled.name, compiled)  # uv keeps the versions that it finds there
            status = subprocess.call(_command(uv, name, compiled, options), cwd=ROOT, env=bootstrap["uv_environment"]())
            if status:
                return status
            if any(address in compiled.read_text(encoding="utf-8") for address in ADDRESSES):
                print(f"lock: {name}.lock would name an address; nothing is written", file=sys.stderr)
                return 1
        for name in LOCKS:
            text = (Path(folder) / f"{name}.lock").read_text(encoding="utf-8")
            (FOLDER / f"{name}.lock").write_text(f"{header(name, project())}\n{text}", encoding="utf-8")
    return 0


def project() -> dict[str, Any]:  # Any: the values of a TOML file
    """What pyproject.toml says."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def declared(lock: str, said: Mapping[str, Any]) -> list[str]:  # Any: the values of a TOML file
    """The requirements that a lock is compiled from, in order of their names."""
    extras, groups = LOCKS[lock]
    found = list(said["project"]["dependencies"])
    for extra in extras:
        found += said["project"]["optional-dependencies"][extra]
    for group in groups:
        found += _members(group, said["dependency-groups"])
    return sorted(found)


def header(lock: str, said: Mapping[str, Any]) -> str:  # Any: the values of a TOML file
    """The first line of a lock: who writes it, and the digest of what it was compiled from."""
    text = json.dumps([said["project"]["requires-python"], *declared(lock, said)])
    return f"# Compiled by `python requirements/lock.py`; {DIGEST}{hashlib.sha256(text.encode()).hexdigest()}"


def _members(group: str, groups: Mapping[str, Sequence[str | Mapping[str, str]]]) -> Iterator[str]:
    for member in groups[group]:
        if isinstance(member, str):
            yield member
        else:
            yield from _members(member["include-group"], groups)


def _command(uv: str, name: str, compiled: Path, options: Sequence[str]) -> list[str]:
    extras, groups = LOCKS[name]
    largest = compiled.with_name(f"{next(iter(LOCKS))}.lock")
    bound = None if name == NEWER else FOLDER / "bounds.txt" if compiled == largest else largest
    return [
        uv, "pip", "compile", "--quiet", "pyproject.toml", "--output-file", str(compiled),
        "--universal", "--generate-hashes", "--no-annotate", "--no-header",
        "--python-version", project()["project"]["requires-python"].removeprefix(">="),
        *(word for extra in extras for word in ("--extra", extra)),
        *(word for group in groups for word in ("--group", group)),
        *(() if bound is None else ("--constraints", str(bound))),
        *options,
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
