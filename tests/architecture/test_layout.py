"""The house rules that a machine can hold: how long things may get, which words they may use, what is nowhere.

Nothing is counted but the length of a file, a function and a line (that is ruff's): a budget of lines teaches density.
The measure for the rest is a stranger who looks for the room of a new line.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
POSITIONS_MAX = 5
"""So many arguments are told apart by their places; of more, the rest is named."""
ALIKE = {
    "CompactArray", "Schema", "columns", "execute", "fetch", "fetchrow", "fetchval", "max", "min", "rules",
    "timer_rules",
}
"""What takes as many as there are: the values `$1`, `$2`, ... of a query, the columns or the rows of a table."""
NAMELESS = {"replied", "woken"}
"""What is called through a `Callable`, whose parameters have no names (`kernel/coordination.py`)."""
SERVICE_NOUNS = re.compile(
    r"\b(credit|card|redemption|gift|instalment|wallet|merchant|refund|tender|agreement|customer)s?\b"
)
FORBIDDEN_MODULES = {"utils", "helpers", "common", "base", "manager"}
CATCH_ALL = (
    "gateway/app.py", "services/runtime/", "services/kernel/admission.py", "settle/local/", "settle/audit/",
    "settle/simulation/seeds.py",
)
"""Where `except Exception` lives: in the runtime, where a message whose decision is at fault is set aside from the
others, in the gateway, whose callers learn only where to find a defect of ours, in the tools that supervise processes,
in the auditor, to which a row that it cannot read is a finding, and in the simulator, to which a defect is one."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py") if "gen" not in path.parts)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, Function))


@pytest.mark.parametrize("path", _sources("protos", "services", "gateway", "settle", "tests"), ids=_name)
def test_files_and_functions_stay_short(path: Path) -> None:
    """A file fits into a head, a function on a page, and no module is named after nothing."""
    long = [f.name for f in _functions(path) if (f.end_lineno or 0) - f.lineno >= FUNCTION_LINES_MAX]

    assert len(path.read_text().splitlines()) <= FILE_LINES_MAX
    assert long == []
    assert path.stem not in FORBIDDEN_MODULES


@pytest.mark.parametrize("path", _sources("protos", "services", "gateway", "settle"), ids=_name)
def test_what_others_use_says_what_it_is(path: Path) -> None:
    """Every module, class and public function has a docstring; what stands inside a class need not."""
    tree = ast.parse(path.read_text())

    mute = [
        node.name
        for node in tree.body
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]

    assert mute == []
    assert ast.get_docstring(tree) or not tree.body


@pytest.mark.parametrize("path", _sources("services", "gateway", "settle"), ids=_name)
def test_calls_name_what_they_pass(path: Path) -> None:
    """Nobody counts to the sixth argument of a call. One that unpacks what it passes has its order from elsewhere."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]

    long = [
        f"{_called(call)}, line {call.lineno}" for call in calls
        if len(call.args) > POSITIONS_MAX and _called(call) not in ALIKE | NAMELESS
        and not any(isinstance(each, ast.Starred) for each in call.args)
    ]

    assert long == []


@pytest.mark.parametrize("path", _sources("services/kernel", "services/runtime"), ids=_name)
def test_kernel_and_runtime_know_no_business(path: Path) -> None:
    """No name of the shared packages is that of a thing of one service."""
    tree = ast.parse(path.read_text())

    names = {path.stem}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.name for node in ast.walk(tree) if isinstance(node, Function | ast.ClassDef)}

    assert sorted(name for name in names - {"order_id"} if SERVICE_NOUNS.search(name.lower().replace("_", " "))) == []


def test_nothing_else_swallows_every_exception() -> None:
    """`except Exception` has its homes; everybody else names what he can handle."""
    broad = ("Exception", "BaseException")
    found = [
        f"{_name(path)}:{node.lineno}"
        for path in _sources("services", "gateway", "settle")
        if not _name(path).startswith(CATCH_ALL)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or getattr(node.type, "id", "") in broad)
    ]

    assert found == []


def test_no_mocks() -> None:
    """A fake implements the protocol and passes the contract test; nothing is patched."""
    needle = "unittest" + ".mock"
    sources = _sources("services", "gateway", "settle", "tests")
    assert [_name(path) for path in sources if needle in path.read_text()] == []
