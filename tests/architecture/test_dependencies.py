"""pyproject.toml is where dependencies are declared: the locks are compiled from it, and nothing else is imported."""

import ast
import copy
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from requirements import lock

OURS = {"services", "gateway", "settle", "settlement", "buf", "protos", "requirements", "tests"}
EXTRA = ("settle/local/embedded.py", "settle/bench/subscriber.py", "settle/client/events.py")
"""The files that need the extra `local`; their verbs say so where it is missing."""
TRACES = ("services/runtime/ground/exporting.py",)
"""The file that needs the extra `traces`; only a process that traces imports it."""
ROOMS = {
    "run": ("services", "gateway", "settle"), "local": EXTRA, "image": TRACES, "dev": ("tests", "protos/generate.py"),
}
"""Which lock's declarations are enough for which files."""


@pytest.mark.parametrize("name", lock.LOCKS)
def test_a_lock_is_compiled_from_what_is_declared(name: str) -> None:
    """Whoever changes pyproject.toml runs `python requirements/lock.py`."""
    assert (lock.FOLDER / f"{name}.lock").read_text().splitlines()[0] == lock.header(name, lock.project())


@pytest.mark.parametrize("name", lock.LOCKS)
def test_a_lock_holds_every_declared_name_within_its_range(name: str) -> None:
    """Also where a lock was edited by hand or merged."""
    wanted = [Requirement(text) for text in lock.declared(name, lock.project())]
    locked = _locked(name)

    assert [
        str(each) for each in wanted if not each.specifier.contains(locked.get(canonicalize_name(each.name), ""))
    ] == []


@pytest.mark.parametrize(
    ("name", "stale"), [
        ("run", {"run", "image", "local", "dev", "newer"}), ("local", {"local", "dev", "newer"}),
        ("traces", {"image", "dev"}), ("dev", {"dev", "newer"}),
    ]
)
def test_an_edit_makes_every_lock_stale_that_it_concerns(name: str, stale: set[str]) -> None:
    """Another range, of the project, of an extra or of a group."""
    said = lock.project()
    edited = copy.deepcopy(said)
    lists = {
        "run": edited["project"]["dependencies"], "local": edited["project"]["optional-dependencies"]["local"],
        "traces": edited["project"]["optional-dependencies"]["traces"], "dev": edited["dependency-groups"]["dev"],
    }

    lists[name][-1] += ",!=1"

    assert {each for each in lock.LOCKS if lock.header(each, said) != lock.header(each, edited)} == stale


@pytest.mark.parametrize("name", ROOMS)
def test_what_is_imported_is_declared(name: str) -> None:
    """By us, not only by something that we depend on, which may let go of it."""
    declared = {canonicalize_name(Requirement(text).name) for text in lock.declared(name, lock.project())}
    owners = packages_distributions()

    undeclared = {
        f"{path.relative_to(lock.ROOT)}: {module}"
        for path in _sources(name)
        for module in _imported(path)
        if not declared & {canonicalize_name(owner) for owner in owners.get(module, ())}
    }

    assert undeclared == set()


@pytest.mark.parametrize("path", ["bin/bootstrap.py", "requirements/lock.py"])
def test_what_makes_the_environment_needs_none(path: str) -> None:
    """A bare Python has to run it."""
    assert _imported(lock.ROOT / path) == set()


def _locked(name: str) -> dict[str, str]:
    lines = (lock.FOLDER / f"{name}.lock").read_text().splitlines()
    pins = [line.split(" ")[0].split("==") for line in lines if not line.startswith((" ", "#"))]
    return {canonicalize_name(package): version for package, version in pins}


def _sources(name: str) -> Iterator[Path]:
    for room in ROOMS[name]:
        folder = lock.ROOT / room
        for path in [folder] if folder.is_file() else sorted(folder.rglob("*.py")):
            if name in ("local", "image") or str(path.relative_to(lock.ROOT)) not in (*EXTRA, *TRACES):
                yield path


def _imported(path: Path) -> set[str]:
    """The foreign packages that a file imports, at its top or when a function runs."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - OURS - set(sys.stdlib_module_names)
