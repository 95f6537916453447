"""What PostgreSQL keeps as it was first written: worlds in memory keep whole rows, so only this tells when a decision
changes what is never written again."""

from collections.abc import Mapping

from services.card_redemption.store import TABLES as CARD_TABLES
from services.credit_ledger.store import TABLES as CREDIT_TABLES
from services.kernel.decision import Aggregate
from services.kernel.notices import Notice
from services.order.store import TABLES as ORDER_TABLES
from services.runtime.ground.saving import Column, Saving
from services.runtime.ground.tables import Table

_TABLES: tuple[Table, ...] = (*ORDER_TABLES, *CREDIT_TABLES, *CARD_TABLES)
_ONCE: Mapping[type, tuple[Column, ...]] = {
    table.kind: table.save.once for table in _TABLES if isinstance(table.save, Saving) and table.kind is not Notice
}
"""But of notices, whose bodies every service encodes by a codec of its own."""


def stays_as_written(before: Aggregate | None, after: Aggregate) -> None:
    """A decision made this of a row: what its table writes with its first version alone is as it was."""
    if before is None:
        return
    for column in _ONCE.get(type(after), ()):
        was, now = column.value(before), column.value(after)
        assert was == now, f"{type(after).__name__} {after.key}: {column.name} is written once, {was} -> {now}"
