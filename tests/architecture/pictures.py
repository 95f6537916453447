"""The picture of a package: its rooms, who imports whom, and on which floor each room stands.

A room is a folder or a file directly in the package. An arrow goes from a room to another that it imports, however
often. The ground floor imports no other room; every other room stands one floor above the highest that it imports.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


class Circle(Exception):
    """Some rooms import each other in a circle, so that none is above the other."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Each room with the rooms that it imports."""

    imports: Mapping[str, frozenset[str]]

    @property
    def arrows(self) -> int:
        """How many pairs of rooms import one another, in one direction."""
        return sum(map(len, self.imports.values()))

    def floors(self) -> list[list[str]]:
        """The rooms by floor, the ground floor first; raises `Circle`."""
        built: list[list[str]] = []
        below: set[str] = set()
        while len(below) < len(self.imports):
            floor = sorted(room for room, used in self.imports.items() if room not in below and used <= below)
            if not floor:
                raise Circle(f"among {sorted(set(self.imports) - below)}")
            built.append(floor)
            below.update(floor)
        return built


def picture_of(root: Path, package: str) -> Picture:
    """The picture of a package (`services/runtime`) of the checkout at `root`."""
    folder = root / package
    rooms = {room.stem for room in folder.iterdir() if _is_room(room)}
    imports: dict[str, set[str]] = {room: set() for room in rooms}
    for file in folder.rglob("*.py"):
        own = file.relative_to(folder).parts[0].removesuffix(".py")
        if own in rooms:
            imports[own] |= {room for name in _imported(file) if (room := _room_in(name, package)) in rooms} - {own}
    return Picture({room: frozenset(used) for room, used in imports.items()})


def _is_room(path: Path) -> bool:
    """Folders with code and files; `__init__.py` is the door, and migrations are no code."""
    if path.is_dir():
        return any(path.rglob("*.py")) and path.name != "__pycache__"
    return path.suffix == ".py" and path.name != "__init__.py"


def _imported(file: Path) -> Iterator[str]:
    """Every dotted name that a file imports, wherever in the file; of `from a import b` both `a` and `a.b`."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _room_in(name: str, package: str) -> str:
    """The room of this package that an imported name lies in, "" if it lies elsewhere."""
    prefix = package.replace("/", ".") + "."
    return name.removeprefix(prefix).partition(".")[0] if name.startswith(prefix) else ""
