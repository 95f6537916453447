"""The chains that a batch goes on with: its events and logs get their links, the changed roots the new heads.

The head of before is in the root, which is locked and read anyway: no statement more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.kernel import chain
from services.kernel.decision import Aggregate
from services.kernel.errors import Defect
from services.runtime.ground.tables import Log, Table
from services.runtime.lanes.business import Business
from services.runtime.stored.journals import StoredEvent

Changed = Mapping[type, dict[str, Aggregate]]
"""The changed rows of a batch, by kind and key."""


def link_rows(changed: Changed, events: Sequence[StoredEvent], business: Business) -> list[bytes]:
    """Put links and heads into the changed rows; answers the links of the events."""
    chains = _Chains(changed, business.chain_key)
    tables = [table for table in business.tables if table.kind in changed]
    links = _link_events(chains, events, tables)
    for table in tables:
        if table.log:
            _link_log(chains, table.log, changed[table.kind])
    chains.keep_heads()
    return links


class _Chains:
    """Steps along the chains of the changed roots, and what their heads come to."""

    def __init__(self, changed: Changed, key: bytes) -> None:
        self.changed, self._key = changed, key
        self._heads: dict[tuple[type, str], dict[str, bytes]] = {}

    def step(self, kind: type, root: str, head: str, row: bytes) -> bytes:
        """Go one row on in the chain whose `head` is an attribute of the root; answers the row's link."""
        if root not in self.changed.get(kind, ()):
            raise Defect(f"a row for the chain of {root}, which did not change")
        heads = self._heads.setdefault((kind, root), {})
        before = heads[head] if head in heads else getattr(self.changed[kind][root], head)
        link, heads[head] = chain.linked(before, row, self._key)
        return link

    def keep_heads(self) -> None:
        """Give every root the heads to which its chains came."""
        for (kind, root), heads in self._heads.items():
            self.changed[kind][root] = _with(self.changed[kind][root], **heads)


def _link_events(chains: _Chains, events: Sequence[StoredEvent], tables: Sequence[Table]) -> list[bytes]:
    telling = [table.kind for table in tables if table.tells]
    links = []
    for event in events:
        teller = next((kind for kind in telling if event.aggregate_id in chains.changed[kind]), type(event))
        row = chain.row_of(chain.EVENTS, event.aggregate_id, event.sequence, *event.chained)
        links.append(chains.step(teller, event.aggregate_id, "events_head", row))
    return links


def _link_log(chains: _Chains, log: Log, rows: dict[str, Aggregate]) -> None:
    for key, row in rows.items():  # in the order in which they were decided
        rows[key] = _with(row, link=chains.step(log.root, row.root, log.head, log.row(row)))


def _with(row: Any, **values: bytes) -> Any:  # Any: a row of whatever kind
    return replace(row, **values)
