"""The tables of all lives beside services in memory: what moves may, what is stored is sound, what waits is woken.

Every world in memory is witnessed (`tests.in_memory`); histories also ask `is_sound` of it after each step.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from services.card_redemption.domain.cards.closing import SWEEP
from services.credit_ledger.domain import soundness as credit_soundness
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement
from services.kernel.lifecycle import Wait
from services.kernel.notices import Notice
from services.kernel.saga_life import BY_HAND, notice_wait
from services.order.domain import soundness as order_soundness
from services.order.domain.order import Order
from services.order.domain.returns import ReturnCase
from settle.simulation.lives import LIVES, changes

if TYPE_CHECKING:
    from tests.in_memory import InMemory

Move = tuple[str, StrEnum | None, StrEnum]


_collecting: list[set[Move]] = []


def witness(before: Any, after: Any) -> None:  # rows of one kind, or none before
    """A decision made this of a row: its moves are in its table."""
    for life, was, now in changes(before, after):
        assert life.allows(was, now), f"{life.name}: {was} -> {now} in {after.key}"
        if was is not now:
            for seen in _collecting:
                seen.add((life.name, was, now))


@contextmanager
def collected() -> Iterator[set[Move]]:
    """The moves that decisions make meanwhile."""
    seen: set[Move] = set()
    _collecting.append(seen)
    try:
        yield seen
    finally:
        _collecting.remove(seen)


def flaws_of(world: "InMemory") -> Iterator[str]:
    """What of the rows of a service contradicts their states, or each other."""
    rows = list(world.rows.values())
    for row in rows:
        life = LIVES.get(type(row))
        for flaw in life.all_flaws(row, row.version) if life is not None else ():
            yield f"{type(row).__name__} {row.key}: {flaw}"
        if isinstance(row, Order):
            for key, flaw in order_soundness.of_cases(row, world.family(ReturnCase, row.id)):
                yield f"{key}: {flaw}"
        if isinstance(row, CreditAccount):
            yield from _of_account(row, world.family(Agreement, row.id), world.now)


def _of_account(account: CreditAccount, agreements: list[Agreement], now: datetime) -> Iterator[str]:
    owing = next((agreement.order_id for agreement in agreements if agreement.open), "")
    for flaw in credit_soundness.of_account(account, owing, now):
        yield f"{account.id}: {flaw}"
    for agreement in agreements:
        for flaw in credit_soundness.of_instalments(account, agreement):
            yield f"{agreement.key}: {flaw}"


def waits_of(world: "InMemory") -> Iterator[Wait]:
    """What the rows of a service wait for."""
    for row in world.rows.values():
        if isinstance(row, Notice):
            yield from (notice_wait(row.id, row.root),) if row.open else ()
        elif (life := LIVES.get(type(row))) is not None:
            waits = list(life.waits(row))
            unsaid = {wait.kind for wait in waits} - set(life.woken.get(life.state(row), ()))
            assert not unsaid, f"{life.name} waits for {unsaid} while {life.state(row)}, and its table does not say so"
            yield from waits


def timers_are_those_of_the_rows(world: "InMemory") -> None:
    """Each row that waits has its timers, due within their bounds, and there is no other timer; but one that looks at a
    card to which something came back, which may be good again by then (PM-3)."""
    waits = {(wait.kind, wait.key): wait for wait in waits_of(world)}
    timers = {key: timer for key, timer in world.timers.items() if key[0] not in (*BY_HAND, SWEEP)}
    missing, idle = waits.keys() - timers.keys(), timers.keys() - waits.keys()
    assert not missing, f"no timers {missing}"
    assert not idle, f"timers of nothing {idle}"
    for key, wait in waits.items():
        due_at = timers[key].due_at
        assert due_at <= wait.until(world.now), f"{key} is due at {due_at}, at most {wait.until(world.now)}: {wait}"
        assert wait.earliest is None or due_at >= wait.earliest, f"{key} is due at {due_at}, too early: {wait}"
        assert timers[key].root == wait.root


def is_sound(world: "InMemory") -> None:
    """Nothing of a service contradicts its tables."""
    flaws = list(flaws_of(world))
    assert flaws == [], flaws
    timers_are_those_of_the_rows(world)
