"""Where a chain is broken: which row was changed, taken out, put in or moved, and whether its end was cut off.

A chain that holds costs two hashes a row, whoever reads it; one that does not is followed row by row: at every place
it is tried which row fits behind the one before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from services.kernel.chain import NONE_YET, Value, head_of, link_of, row_of

NEAR = 50
"""A row that stands elsewhere is looked for among so many before its place and after it."""
FAULTS_MAX = 20
"""So many are told of one chain: where every row is moved, the rest says nothing more."""


class Row(NamedTuple):
    """A row as it is stored: its number, what it holds beside that and its root, and its link."""

    number: int
    values: tuple[Value, ...]
    link: bytes


@dataclass(frozen=True, slots=True)
class Ends:
    """What is known of a chain beside its rows: its name and root, up to which number its rows were dropped and the
    head that they left, up to which number rows may be without a link; how many rows and which head its root has."""

    chain: str
    root: str
    count: int
    head: bytes
    dropped: int = 0
    left: bytes = NONE_YET
    unlinked: int = 0

    def bytes_of(self, row: Row, number: int) -> bytes:
        """The row as it is hashed, if it had this number."""
        return row_of(self.chain, self.root, number, *row.values)


class Fault(StrEnum):
    """What is wrong with a row; of the root itself: its HEAD or its COUNT."""

    CHANGED = "CHANGED"
    RELINKED = "RELINKED"
    UNLINKED = "UNLINKED"
    MOVED = "MOVED"
    MISSING = "MISSING"
    ADDED = "ADDED"
    HEAD = "HEAD"
    COUNT = "COUNT"


class Broken(NamedTuple):
    """A fault at the row that has this number, with what should be there instead of what is."""

    number: int
    fault: Fault
    expected: str
    actual: str


class Follower:
    """Follows a chain while its rows are read; `holds` so far, in the end for good."""

    __slots__ = ("_ends", "_head", "_key", "_number", "holds")

    def __init__(self, ends: Ends, key: bytes) -> None:
        self._ends, self._key, self._number, self._head, self.holds = ends, key, ends.dropped, ends.left, True

    def take(self, row: Row) -> None:
        """The next row."""
        if not self.holds:
            return
        self._number += 1
        if row.number != self._number:
            self.holds = False
        elif not row.link:
            self.holds = row.number <= self._ends.unlinked
        elif row.link != link_of(self._head, self._ends.bytes_of(row, row.number), self._key):
            self.holds = False
        else:
            self._head = head_of(row.link, self._key)

    def end(self) -> bool:
        """Whether all of it holds, now that there are no more rows."""
        return self.holds and self._number == self._ends.count and self._head == self._ends.head


def holds(ends: Ends, rows: Iterable[Row], key: bytes = b"") -> bool:
    """Whether nothing is wrong with a chain."""
    follower = Follower(ends, key)
    for row in rows:
        follower.take(row)
    return follower.end()


def faults(ends: Ends, rows: Iterable[Row], key: bytes = b"") -> list[Broken]:
    """What is wrong with a chain, in the order of its rows; nothing if it holds."""
    by_number = {row.number: row for row in rows}
    if holds(ends, by_number.values(), key):
        return []
    return _Search(ends, by_number, key).find()[:FAULTS_MAX]


class _Search:
    """Goes along the places of a chain and looks for the row that belongs to each. `_head` is None behind a place whose
    row is gone: whatever comes next is taken as it is."""

    def __init__(self, ends: Ends, rows: Mapping[int, Row], key: bytes) -> None:
        self._ends, self._rows, self._key = ends, rows, key
        self._left = {number: row for number, row in rows.items() if number > ends.dropped}
        self._head: bytes | None = ends.left
        self._found: list[Broken] = []

    def find(self) -> list[Broken]:
        """All that is wrong."""
        place, last = self._ends.dropped, max([self._ends.count, *self._rows])
        while place < last and len(self._found) < FAULTS_MAX and not self._ended:
            place += 1
            self._look_at(place)
        if len(self._found) < FAULTS_MAX:
            self._look_at_the_end(place)
        back = [number for number in self._rows if number <= self._ends.dropped]
        self._found += [Broken(number, Fault.ADDED, "dropped long ago", "there") for number in back]
        return sorted(self._found, key=lambda broken: broken.number)

    @property
    def _ended(self) -> bool:
        """Whether the root has the head of the last row that was found: there is no further place."""
        return self._head == self._ends.head != NONE_YET

    def _look_at(self, place: int) -> None:
        own = self._left.get(place)
        if own is not None and self._fits(own, place, self._head):
            self._take(place)
        elif (moved := self._elsewhere(place)) is not None:
            self._tell(moved, Fault.MOVED, f"number {place}", f"number {moved}")
            self._take(moved)
        elif own is None:
            self._tell(place, Fault.MISSING, "a row", "none")
            self._head = None
        elif self._head is None:
            self._take(place)
        else:
            self._judge(own, place, self._head)

    def _judge(self, own: Row, place: int, head: bytes) -> None:
        """The row at its place does not fit, and no other does."""
        right = link_of(head, self._ends.bytes_of(own, place), self._key)
        if self._goes_on(place + 1, head_of(right, self._key)):
            self._tell(place, Fault.RELINKED, f"link {right.hex()}", f"link {_text(own.link)}")
            self._take(place)
            self._head = head_of(right, self._key)
            return
        if own.link:
            self._tell(place, Fault.CHANGED, f"what gives link {own.link.hex()}", f"what gives {right.hex()}")
        elif place > self._ends.unlinked:
            self._tell(place, Fault.UNLINKED, "a link", "none")
        self._take(place)

    def _goes_on(self, place: int, head: bytes) -> bool:
        """Whether the chain goes on at this place behind this head, or ends with it."""
        following = self._left.get(place)
        if following is None or not following.link:
            return head == self._ends.head
        return self._fits(following, place, head)

    def _fits(self, row: Row, place: int, head: bytes | None) -> bool:
        return head is not None and row.link == link_of(head, self._ends.bytes_of(row, place), self._key)

    def _elsewhere(self, place: int) -> int | None:
        """The number under which the row of this place stands."""
        near = range(max(place - NEAR, 0), place + NEAR + 1)
        return next((n for n in near if n in self._left and self._fits(self._left[n], place, self._head)), None)

    def _take(self, number: int) -> None:
        """This row has its place: what comes next stands behind it."""
        link = self._left.pop(number).link
        if link:
            self._head = head_of(link, self._key)

    def _look_at_the_end(self, place: int) -> None:
        """What is left behind the end belongs nowhere; and the root has to know the end."""
        for number, row in sorted(self._left.items()):
            if row.link or number > self._ends.unlinked:
                self._tell(number, Fault.ADDED, f"the end at number {place}", "a row behind it")
            else:
                place = max(place, number)
        if self._head not in (None, self._ends.head) and not self._found:
            self._tell(place, Fault.HEAD, f"head {_text(self._head)}", f"head {_text(self._ends.head)}")
        if place != self._ends.count and not self._found:
            self._tell(place, Fault.COUNT, f"{place} rows", f"{self._ends.count} counted")

    def _tell(self, number: int, fault: Fault, expected: str, actual: str) -> None:
        self._found.append(Broken(number, fault, expected, actual))


def _text(linked: bytes | None) -> str:
    return linked.hex() if linked else "none"
