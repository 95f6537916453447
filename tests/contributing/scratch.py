"""A copy of the checkout that a recipe of CONTRIBUTING may change; nothing of it comes back."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("protos", "services", "settle", "tests", "pyproject.toml")
GENERATED = "protos/gen/"
SECONDS_MAX = 120


class Scratch:
    """The copy: `write` and `insert` change it, `touched` are the files that somebody changed by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            else:
                shutil.copyfile(source, folder / name)
        if (ROOT / ".tools").exists():
            (folder / ".tools").symlink_to(ROOT / ".tools")  # where the generator of the protos is kept

    def write(self, path: str, text: str) -> None:
        """A new file."""
        file = self.folder / path
        assert not file.exists(), f"{path} is there already"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def insert(self, path: str, before: str, text: str) -> None:
        """New lines in a file, before the only place where this stands."""
        file = self.folder / path
        old = file.read_text()
        assert old.count(before) == 1, f"{before!r} stands {old.count(before)} times in {path}: adapt the recipe"
        file.write_text(old.replace(before, text + before))

    def generate(self) -> None:
        """Generate the code of the protos, as CONTRIBUTING says."""
        self._run("protos/generate.py", "generate")

    def prove(self, test: str) -> None:
        """Run a test of the copy, by the copy's code."""
        self._run("-m", "pytest", test, "-p", "no:cacheprovider", "-q")

    def touched(self) -> list[str]:
        """The files that differ from the checkout's, but for generated ones."""
        return sorted(
            path for path in _files(self.folder)
            if not path.startswith(GENERATED) and not _same(self.folder / path, ROOT / path)
        )

    def _run(self, *arguments: str) -> None:
        environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(self.folder), str(self.folder / "protos/gen")])}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=environ, capture_output=True, text=True, check=False,
            timeout=SECONDS_MAX,
        )
        assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}{done.stderr}"


@contextmanager
def scratch(folder: Path) -> Iterator[Scratch]:
    """A copy for a while."""
    try:
        yield Scratch(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path) -> Iterator[str]:
    for name in COPIED:
        paths = (folder / name).rglob("*") if (folder / name).is_dir() else [folder / name]
        for path in paths:
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(folder).as_posix()


def _same(copy: Path, original: Path) -> bool:
    return original.exists() and copy.read_bytes() == original.read_bytes()
