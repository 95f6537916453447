"""What the auditor finds in orders whose service runs in memory: what is stored, as it would be read; and what could be
changed of it."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from services.kernel.saga import Run
from services.order.domain.order import Order
from services.order.domain.returns import ReturnCase
from services.order.wire import CODEC
from settle.audit.folds.history import Fault, Stored
from settle.audit.folds.orders import of_order
from settle.audit.folds.told import Told, told
from tests.in_memory import InMemory


def stored(world: InMemory, order_id: str) -> Stored:
    """All that is stored of an order."""
    runs = {row.id: row for row in world.rows.values() if isinstance(row, Run) and row.root == order_id}
    cases = {row.id: row for row in world.rows.values() if isinstance(row, ReturnCase) and row.order_id == order_id}
    return Stored(world.row(Order, order_id), cases, runs, _events(world, order_id))


def faults(world: InMemory) -> list[Fault]:
    """What is wrong with the orders of a world, as the auditor sees it: by their whole histories, and by their
    settlements alone."""
    found: list[Fault] = []
    for row in list(world.rows.values()):
        if isinstance(row, Order):
            known = stored(world, row.id)
            found += [*of_order(known, whole=True), *of_order(known, whole=False)]
    return found


def _events(world: InMemory, order_id: str) -> list[Told]:
    events = []
    for event, at in zip(world.events, world.told_at, strict=True):
        if event.aggregate_id == order_id:
            name, payload = CODEC.encode(event.body)
            events.append(told(order_id, event.sequence, name, at, payload))
    return events


def changed(value: Any) -> Iterator[tuple[str, Any]]:  # Any: values of any type of the domain
    """A value with one thing in it changed: where, and the value as it is then."""
    names = [each.name for each in fields(value)] if is_dataclass(value) else getattr(value, "_fields", None)
    if names is not None:
        for name in names:
            for path, other in changed(getattr(value, name)):
                yield f".{name}{path}", _with(value, name, other)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield "[]", value[:index] + value[index + 1:]
            yield from ((f"[]{path}", (*value[:index], other, *value[index + 1:])) for path, other in changed(item))
    else:
        yield from (("", other) for other in _others(value))


def _with(value: Any, name: str, other: Any) -> Any:  # Any: a dataclass or a named tuple
    if hasattr(value, "_replace"):
        return value._replace(**{name: other})
    return replace(value, **{name: other})


def _others(value: object) -> list[object]:
    if isinstance(value, Enum):
        return [member for member in type(value) if member is not value]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, datetime):
        return [value + timedelta(microseconds=1), value - timedelta(days=1)]
    if isinstance(value, str):
        return [f"{value}x"]
    return [datetime(2026, 5, 5, tzinfo=UTC)] if value is None else []
