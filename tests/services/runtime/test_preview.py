"""A preview comes to what the message would come to, over tables that are handed in, and keeps nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import pytest

from services.kernel.decision import Busy, Decision, Done, Outcome, Refused
from services.kernel.notices import Notice
from services.kernel.participant import Pending
from services.runtime.ground.tables import Table, unlocked
from services.runtime.rpc.preview import preview
from tests.in_memory import NOW
from tests.services.kernel.jars import JAR, RULES, Break, Jar, Label, Put, ReadLabels


@dataclass
class Shelf:
    """Tables over lists, which note what was read and how."""

    rows: Sequence[Jar | Label]
    read: list[str] = field(default_factory=list)

    async def jars(self, connection: Any, keys: Sequence[str]) -> list[Any]:
        """Locked."""
        self.read.append("locked")
        return [row for row in self.rows if isinstance(row, Jar) and row.key in keys]

    async def looked_at(self, connection: Any, keys: Sequence[str]) -> list[Any]:
        """Not locked."""
        self.read.append("jars")
        return [row for row in self.rows if isinstance(row, Jar) and row.key in keys]

    async def labels(self, connection: Any, keys: Sequence[str]) -> list[Any]:
        """By key."""
        self.read.append("labels")
        return [row for row in self.rows if isinstance(row, Label) and row.key in keys]

    async def family(self, connection: Any, roots: Sequence[str]) -> list[Any]:
        """The open ones of a jar."""
        self.read.append("family")
        return [row for row in self.rows if isinstance(row, Label) and row.open and row.root in roots]

    async def notices(self, connection: Any, roots: Sequence[str]) -> list[Any]:
        """None waits."""
        return []

    def save(self, rows: Sequence[Any], found: Mapping[str, int], seal_key: bytes = b"") -> NoReturn:
        """Never called."""
        raise AssertionError("a preview keeps nothing")

    async def come_to(self, body: object) -> Outcome:
        """What this would come to."""
        labels = Table(Label, self.labels, self.save, load_family=self.family)
        notices = Table(Notice, self.notices, self.save, load_family=self.notices)
        tables = (labels, notices, Table(Jar, self.jars, self.save, root=True))
        nothing: Any = None  # these tables ask no connection
        return await preview(nothing, unlocked(tables, {Jar: self.looked_at}), RULES, key=JAR, body=body, now=NOW)


@pytest.mark.parametrize(("jar", "outcome"), [
    (Jar(held=1), Done(5, (("JAR", 4),))),
    (Jar(held=9), Refused("NO_ROOM", "1 fit in")),
    (Jar(pending=Pending("saga_1", NOW)), Busy("saga_1")),
])
async def test_a_preview_comes_to_what_the_message_would(jar: Jar, outcome: Outcome) -> None:
    """Done, refused or busy; no table was written, no row locked."""
    shelf = Shelf([jar])

    assert await shelf.come_to(Put(4)) == outcome
    assert shelf.read == ["jars"]


async def test_a_preview_loads_what_its_rule_asks_for() -> None:
    """Round by round, each kind by one statement."""
    shelf = Shelf([Jar(), Label("l1", text="sweet"), Label("l2", text="sour"), Label("l3", open=False)])

    assert await shelf.come_to(ReadLabels(("l1", "l3"))) == Done((("sweet", ""), ("l1", "l2")))
    assert shelf.read == ["jars", "labels", "labels", "family"]


async def test_a_fault_is_the_callers() -> None:
    """Nothing is set aside for a preview."""

    def fail(jar: Jar) -> Decision:
        raise ValueError("unlucky")

    with pytest.raises(ValueError, match="unlucky"):
        await Shelf([Jar()]).come_to(Break(fail))
