"""Money: what settlements left between the books is nothing, and the rail pays no payment back twice."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.reconciliation.comparing import compare
from settle.simulation.agenda import DAY
from settle.simulation.at_once import at_once

if TYPE_CHECKING:
    from settle.simulation.world import World

CLEARING = "X.CLEARING"


def clearing(world: "World") -> Iterator[str]:
    """X.CLEARING over both books is zero for every settlement and operation; and so is each book as a whole."""
    between: Counter[tuple[str, str]] = Counter()
    for name, store in world.stores.items():
        books: Counter[str] = Counter()
        for posted in store.journals.values():
            for line in posted.journal.lines:
                books[posted.journal.unit] += line.amount_minor
                if line.account == CLEARING:
                    between[line.sub, posted.journal.op] += line.amount_minor
        yield from (f"the book of {name} sums to {amount} {unit}" for unit, amount in books.items() if amount)
    yield from (f"{sub} {op} leaves {amount}" for (sub, op), amount in sorted(between.items()) if amount)


def rail(world: "World") -> Iterator[str]:
    """Of each payment the rail pays back no more than it was, but for what it paid against its own word."""
    paid: Counter[str] = Counter()
    for payment in world.rail.payments.values():
        if not payment.contradicted:
            paid[payment.leg.reference] += payment.paid * payment.leg.amount_minor
    for reference, amount in sorted(paid.items()):
        taken = world.taken.get(reference)
        if taken is not None and amount > taken:
            yield f"{reference} was {taken}, and {amount} of it was paid back"


def agreed(world: "World") -> Iterator[str]:
    """What the rail says of each payment is what its leg says, or is being asked about (PM-7): by the comparison that
    the ledger and the auditor make."""
    legs: dict[str, RefundLeg] = world.stores["credit_ledger"].rows[RefundLeg]
    listed, _ = at_once(world.rail.list("", len(legs)))
    compared = compare(listed, legs, world.stores["credit_ledger"].present(world.agenda.now + DAY))
    yield from (f"{each.kind}: {each.key}, {each.rail_minor} of {each.leg_minor}" for each in compared.differences)
