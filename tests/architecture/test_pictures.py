"""ARCHITECTURE draws every package as rooms, arrows and floors; what it says is counted here, and no arrow goes up."""

from itertools import takewhile
from pathlib import Path

import pytest

from tests.architecture.pictures import Circle, Picture, picture_of

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("order", "credit_ledger", "card_redemption")
DRAWN = (
    "services", "services/kernel", "services/runtime",
    *(f"services/{name}{room}" for name in SERVICES for room in ("", "/domain")), "gateway", "settle",
)
HEAD = "| package | rooms | arrows | floors | from the ground floor up |"


def _line(package: str) -> str:
    picture = picture_of(ROOT, package)
    floors = picture.floors()
    names = " · ".join(", ".join(floor) for floor in floors)
    return f"| `{package}` | {len(picture.imports)} | {picture.arrows} | {len(floors)} | {names} |"


def _drawn() -> list[str]:
    """The lines of the table in ARCHITECTURE, without its head."""
    lines = (ROOT / "ARCHITECTURE.md").read_text().splitlines()
    return list(takewhile(lambda line: line.startswith("|"), lines[lines.index(HEAD) + 2 :]))


def test_the_pictures_are_as_architecture_draws_them() -> None:
    """Whoever adds a room or an arrow draws it, and sees whether it makes the house taller."""
    assert _drawn() == [_line(package) for package in DRAWN]


@pytest.mark.parametrize("package", DRAWN)
def test_no_arrow_goes_up(package: str) -> None:
    """Rooms that import each other in a circle have no floor."""
    assert picture_of(ROOT, package).floors()


def test_rooms_arrows_and_floors_are_counted(tmp_path: Path) -> None:
    """A folder and a file are rooms; however often one imports another, it is one arrow."""
    files = {
        "house/__init__.py": "", "house/cellar/stock.py": "import json\n",
        "house/cellar/more.py": "from house.cellar import stock\n",
        "house/kitchen.py": "from house.cellar import stock\nfrom house.cellar.more import x\n",
        "house/roof.py": "def look():\n    import house.kitchen\n    from house import cellar\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    picture = picture_of(tmp_path, "house")

    assert picture.floors() == [["cellar"], ["kitchen"], ["roof"]]
    assert picture.arrows == 3


def test_a_circle_has_no_floors() -> None:
    """Even a long one."""
    rooms = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set[str]()}

    with pytest.raises(Circle, match="'a', 'b', 'c'"):
        Picture({room: frozenset(used) for room, used in rooms.items()}).floors()
