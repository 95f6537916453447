"""What the documents point at is there: their links, and the files that they name."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(ROOT.glob("*.md"))
NOT_OURS = {".venv", ".tools", ".git", "__pycache__", ".mypy_cache", ".ruff_cache"}
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
NAMED = re.compile(r"`([\w./<>*-]+)`")
DECISION = re.compile(r"^## D(\d+)\.", re.MULTILINE)
SUFFIXES = (".py", ".proto", ".sql", ".md", ".toml", ".yaml", ".yml", ".json", ".lock", ".jsonc", "/")
"""A word in backticks that ends so, or that has a slash and begins at a folder of ours, names a file or a folder."""


@cache
def _paths() -> frozenset[str]:
    """Every file and folder of the checkout."""
    found: set[str] = set()
    for top in ROOT.iterdir():
        if top.name not in NOT_OURS:
            found.add(top.name)
            below = top.rglob("*") if top.is_dir() else ()
            found |= {path.relative_to(ROOT).as_posix() for path in below if NOT_OURS.isdisjoint(path.parts)}
    return frozenset(found)


def _named(text: str) -> list[str]:
    tops = {path.name for path in ROOT.iterdir() if path.is_dir()}
    return [word for word in NAMED.findall(text) if word.endswith(SUFFIXES) or word.partition("/")[0] in tops]


def _is_there(word: str) -> bool:
    """Whether it is a path of the checkout, or the end of one; `<service>`, `*` and NNNN stand for any name."""
    any_name = re.sub(r"<\w+>|\*|NNNN", "*", word.strip("/").removeprefix("./"))
    pattern = re.compile("(?:.*/)?" + re.escape(any_name).replace(r"\*", "[^/]*"))
    return any(pattern.fullmatch(path) for path in _paths())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_links_lead_somewhere(document: Path) -> None:
    """A link within the repository leads to a file of it."""
    links = [link for link in LINK.findall(document.read_text()) if "://" not in link]

    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_files_that_are_named_are_there(document: Path) -> None:
    """By their whole path or the end of it; a placeholder stands for some name."""
    assert [word for word in _named(document.read_text()) if not _is_there(word)] == []


def test_every_decision_has_a_number_of_its_own() -> None:
    """They count on without a gap: "D14" in the code is one entry, and two branches that both wrote D29 are noticed."""
    numbers = [int(number) for number in DECISION.findall((ROOT / "DECISIONS.md").read_text())]

    assert numbers == list(range(1, len(numbers) + 1))


def test_a_file_that_is_gone_is_noticed() -> None:
    """The check finds what it is for."""
    text = "See `services/kernel/saga.py`, `kernel/saga.py`, `saga.py`, `services/<one>/rpc/*.py`, `nowhere_at_all.py`."

    assert [word for word in _named(text) if not _is_there(word)] == ["nowhere_at_all.py"]
