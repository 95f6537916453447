"""What has to hold of a world that has come to rest: the auditor's own checks over its stores, and what only a history
shows."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from settle.simulation.checks import audited, disputes, histories, money, recycling, refunds, states

if TYPE_CHECKING:
    from settle.simulation.world import World

Check: TypeAlias = "Callable[[World], Iterator[str]]"
CHECKS: tuple[Check, ...] = (
    audited.orders, audited.cards, audited.accounts, states.sound, states.woken, states.free, money.clearing,
    money.rail, money.agreed, recycling.audited, recycling.settled, recycling.paid, recycling.let_go, disputes.audited,
    disputes.remedied, disputes.ended, histories.answered, histories.gapless, histories.forward, histories.atomic,
    refunds.linear,
)


def examine(world: "World") -> None:
    """Ask everything; what does not hold is a violation of the world."""
    world.subscriber.compare()
    for check in CHECKS:
        for what in check(world):
            world.fail(name_of(check), what)


def name_of(check: Check) -> str:
    """Its room and its own name, as a violation names it."""
    return f"{check.__module__.rpartition('.')[2]}.{check.__name__}"
