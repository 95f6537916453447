"""The house rules that a machine can hold: where things may lie, how long they may get, which words they may use."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
SERVICE_NOUNS = re.compile(
    r"\b(credit|card|redemption|gift|instalment|wallet|merchant|refund|tender|agreement|customer)s?\b"
)
FORBIDDEN_MODULES = {"utils", "helpers", "common", "base", "manager"}


def _sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py") if "gen" not in path.parts)


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", _sources("services", "tests"), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_short(path: Path) -> None:
    """No file is longer than a reader can hold, and none is named after nothing."""
    assert len(path.read_text().splitlines()) <= FILE_LINES_MAX
    assert path.stem not in FORBIDDEN_MODULES


@pytest.mark.parametrize("path", _sources("services"), ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_stay_short_and_say_what_they_are(path: Path) -> None:
    """No function is longer than a page; every module, class and public function has a docstring."""
    tree = ast.parse(path.read_text())

    long = [f.name for f in _functions(path) if (f.end_lineno or 0) - f.lineno >= FUNCTION_LINES_MAX]
    mute = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]

    assert long == []
    assert mute == []
    assert ast.get_docstring(tree) or not tree.body


@pytest.mark.parametrize("path", _sources("services/kernel", "services/runtime"), ids=lambda path: path.name)
def test_kernel_and_runtime_know_no_business(path: Path) -> None:
    """No identifier of the shared packages names a thing of one service."""
    tree = ast.parse(path.read_text())

    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)}

    assert sorted(name for name in names if SERVICE_NOUNS.search(name.lower().replace("_", " ")) and name != "order_id") == []


def test_nothing_swallows_every_exception_outside_the_runtime() -> None:
    """`except Exception` has one home: the runtime and the tools that supervise processes; and one place in the kernel, where
    a message whose decision is at fault is set aside from the others."""
    allowed, broad = {"runtime", "local"}, ("Exception", "BaseException")
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in _sources("services")
        if path.relative_to(ROOT).parts[1] not in allowed and path != ROOT / "services/kernel/admission.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or getattr(node.type, "id", "") in broad)
    ]

    assert found == []


def test_no_mocks() -> None:
    """A fake implements the protocol and passes the contract test; nothing is patched."""
    needle = "unittest" + ".mock"
    assert [str(path) for path in _sources("services", "tests") if needle in path.read_text()] == []
