"""Write the code of the contracts, or prove that it is current and that the contracts are sound.

    python protos/generate.py generate    writes protos/gen
    python protos/generate.py check       format, lint, nothing broken since the last commit, generated code current

Nothing foreign lies in the project: what our protos import comes out of the installed packages as a descriptor set, and
the generator runs in an environment of its own (it needs an older protobuf than we run on). It works without a network
once uv has the generator in its cache. A module for gRPC is kept only where a file has a service.
"""

import contextlib
import filecmp
import functools
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
GENERATED = PROTOS / "gen"
GROUP = "protos"
"""The dependency group of pyproject.toml that generates: protoc first, then its plugins."""
DESCRIPTORS = Path("settlement/contract.binpb")
"""The contract as a FileDescriptorSet with its comments, for what is made from it: documents, clients of others."""
HAND_WRITTEN = frozenset({Path("buf/validate/validate_pb2.py")})
LINT = '{"version":"v2","lint":{"use":["STANDARD","COMMENTS"],"ignore":["buf","google"]}}'
BREAKING = '{"version":"v2","breaking":{"use":["FILE"]}}'


class Failed(Exception):
    """A step of the check did not hold; the text says which and why."""


def main(arguments: Sequence[str]) -> int:
    """Run one verb; the exit status is 0 if it held."""
    verbs = {"generate": generate, "check": check}
    if len(arguments) != 1 or arguments[0] not in verbs:
        print("usage: python protos/generate.py generate|check", file=sys.stderr)
        return 2
    try:
        verbs[arguments[0]]()
    except Failed as failure:
        print(f"protos: {failure}", file=sys.stderr)
        return 1
    return 0


def generate() -> None:
    """Write protos/gen anew; what is written by hand stays."""
    with tempfile.TemporaryDirectory(prefix="settle-protos-") as folder:
        fresh = _generated(Path(folder))
        for path in _files(GENERATED):
            if path not in HAND_WRITTEN and "__pycache__" not in path.parts:
                (GENERATED / path).unlink()
        for path in _files(fresh):
            (GENERATED / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(fresh / path, GENERATED / path)
    print(f"protos: code of {len(_sources(PROTOS))} files written")


def check() -> None:
    """Format, lint, no breaking change against the last commit that has protos, and generated code current."""
    with tempfile.TemporaryDirectory(prefix="settle-protos-") as folder:
        work = Path(folder)
        _buf("format", "-d", "--exit-code", str(PROTOS / "settlement"))
        image = _image(PROTOS, work, "all.binpb")
        _buf("lint", str(image), "--config", LINT)
        _unbroken(image, work)
        fresh = _generated(work)
        _current(fresh)
    print("protos: format, lint, breaking and generated code hold")


def _unbroken(image: Path, work: Path) -> None:
    before = work / "before"
    if not _committed(before):
        print("protos: no earlier protos to compare with")
        return
    _buf("breaking", str(image), "--against", str(_image(before, work, "before.binpb")), "--config", BREAKING)


def _committed(target: Path) -> bool:
    """Unpack the protos of the last commit on main (or of HEAD, where there is no main); False if there are none."""
    for revision in ("main", "HEAD"):
        names = _git("ls-tree", "-r", "--name-only", revision, "--", "protos/settlement")
        paths = [name for name in (names or "").splitlines() if name.endswith(".proto")]
        for name in paths:
            path = target / Path(name).relative_to("protos")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_git("show", f"{revision}:{name}") or "", encoding="utf-8")
        if paths:
            return True
    return False


def _current(fresh: Path) -> None:
    expected = set(_files(fresh)) | HAND_WRITTEN
    actual = {path for path in _files(GENERATED) if "__pycache__" not in path.parts}
    stale = sorted(
        str(path) for path in expected ^ actual
    ) or sorted(
        str(path) for path in expected - HAND_WRITTEN
        if not filecmp.cmp(fresh / path, GENERATED / path, shallow=False)
    )
    if stale:
        raise Failed(f"generated code is not current, run `python protos/generate.py generate`: {', '.join(stale)}")


def _generated(work: Path) -> Path:
    fresh = work / "gen"
    described = fresh / DESCRIPTORS
    described.parent.mkdir(parents=True)
    outputs = [f"--{kind}_out={fresh}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    _protoc(PROTOS, work, *outputs, "--include_source_info", f"--descriptor_set_out={described}")
    for name in _without_service(described):
        for suffix in (".py", ".pyi"):
            (fresh / f"{name.removesuffix('.proto')}_pb2_grpc{suffix}").unlink()
    return fresh


def _without_service(described: Path) -> list[str]:
    """The files for which the plugins of gRPC write a module with nothing in it."""
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

    return [file.name for file in FileDescriptorSet.FromString(described.read_bytes()).file if not file.service]


def _image(protos: Path, work: Path, name: str) -> Path:
    _protoc(protos, work, "--include_imports", "--include_source_info", f"--descriptor_set_out={work / name}")
    return work / name


def _protoc(protos: Path, work: Path, *options: str) -> None:
    dependencies = work / "deps.binpb"
    if not dependencies.exists():
        dependencies.write_bytes(_dependencies())
    arguments = [f"--descriptor_set_in={dependencies}", f"-I{protos}", *options, *_sources(protos)]
    _run([*_generator(), "-m", "grpc_tools.protoc", *arguments], "protoc")


@functools.cache
def _generator() -> tuple[str, ...]:
    """The Python that has the generator: uv's, if its cache or the index has it, else one that pip makes."""
    tools, *plugins = _group()
    for where in ("--offline", "--quiet"):
        python = (*_uv(), "tool", "run", where, "--from", tools, "--with", ",".join(plugins), "python")
        with contextlib.suppress(Failed):
            _run([*python, "-c", "import grpc_tools"], "uv")
            return python
    return (_pip_made(),)


def _group() -> list[str]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted: list[str] = tomllib.loads(text)["dependency-groups"][GROUP]
    return wanted


def _pip_made() -> str:
    """The Python of an environment for the generator that pip made, once: where uv is not served, pip may be."""
    folder = ROOT / ".tools" / "-".join(("generator", *_group())).replace("==", "-")
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    if not (folder / "complete").exists():
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], "making an environment for protoc")
        _run([str(scripts / "python"), "-m", "pip", "install", "--quiet", *_group()], "installing protoc")
        (folder / "complete").touch()
    os.environ["PATH"] = f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"  # protoc looks for its plugins there
    return str(scripts / "python")


def _dependencies() -> bytes:
    """What our protos import, as a FileDescriptorSet with dependencies first."""
    from google.api import annotations_pb2, field_behavior_pb2, http_pb2
    from google.protobuf import any_pb2, descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2
    from google.rpc import status_pb2
    from protovalidate._gen.buf.validate import validate_pb

    files = descriptor_pb2.FileDescriptorSet()
    modules = (
        any_pb2, descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2, http_pb2, annotations_pb2,
        field_behavior_pb2, status_pb2,
    )
    for module in modules:
        module.DESCRIPTOR.CopyToProto(files.file.add())
    files.file.add().ParseFromString(validate_pb.desc().proto.to_binary())
    return files.SerializeToString()


def _buf(*arguments: str) -> None:
    beside = Path(sysconfig.get_path("scripts")) / "buf"
    executable = str(beside) if beside.exists() else shutil.which("buf")
    if executable is None:
        raise Failed("buf is missing: install the group dev")
    _run([executable, *arguments], f"buf {arguments[0]}")


def _uv() -> list[str]:
    """uv from PATH, from .tools, or as a module of this Python."""
    found = shutil.which("uv") or next((str(p) for p in (ROOT / ".tools/bin/uv",) if p.exists()), None)
    return [found] if found else [sys.executable, "-m", "uv"]


def _run(command: list[str], what: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{what} failed\n{done.stdout}{done.stderr}")


def _git(*arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def _sources(protos: Path) -> list[str]:
    return sorted(str(path.relative_to(protos)) for path in (protos / "settlement").rglob("*.proto"))


def _files(folder: Path) -> Iterable[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
