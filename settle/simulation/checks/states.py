"""States: every row is sound, everything that waits is woken in time, and no claim outlives its settlement."""

from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING

from services.card_redemption.domain.cards.closing import SWEEP
from services.card_redemption.domain.four_eyes import ADOPT_TIMER
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.timers import DRAFT_ENDS, RESUBMITTED
from services.credit_ledger.domain.model.account import CreditAccount
from services.kernel.ids import partition_of
from services.kernel.saga_life import BY_HAND
from services.order.domain.order import Order
from settle.audit.states.timers import Present, compared
from settle.simulation import lives

if TYPE_CHECKING:
    from settle.simulation.world import World

OF_NO_ROW = frozenset({*BY_HAND, DRAFT_ENDS, RESUBMITTED, ADOPT_TIMER, SWEEP})
"""Timers that no row waits for: a person set them, a draft has none, nor has a submission that was denied, what is
adopted comes with its row, and what came back to a card is looked at however that stands by then."""
CLAIMS = ("pending", "settling_minor", "refunding_minor", "covering_minor")
"""What an undecided saga keeps of a row, whatever the row is."""
LOCKED = frozenset({Order, RedemptionOrder})
"""What a saga of its own keeps for itself by its `settlement_id`."""


def sound(world: "World") -> Iterator[str]:
    """No row contradicts its state, or the rows beside it."""
    for store in world.stores.values():
        present = store.present(world.agenda.now)
        for kind in store.rows:
            for row in store.every(kind):
                yield from lives.flaws(store, row)
        for account in store.every(CreditAccount) if CreditAccount in store.rows else ():
            yield from lives.flaws_of_account(store, account, present)


def woken(world: "World") -> Iterator[str]:
    """What waits has its timer, due in time, and no timer wakes nothing."""
    for name, store in world.stores.items():
        waits = [wait for kind in store.rows for row in store.every(kind) for wait in lives.waits_of(row)]
        partitions = store.business.partitions
        there = {
            key: {"root": each.root, "partition": partition_of(each.root, partitions), "due_at": each.due_at}
            for key, each in store.timers.all.items() if key[0] not in OF_NO_ROW
        }
        now = Present(store.present(world.agenda.now), partitions)
        for finding in compared("woken", name, waits, there, now):
            yield f"{name}: {finding.what}: {finding.expected}, not {finding.actual}"


def free(world: "World") -> Iterator[str]:
    """No claim is left, of the root or of what else its saga kept, for all settlements are over."""
    for store in world.stores.values():
        for kind in store.rows:
            there = {field.name for field in fields(kind)}
            claims = [name for name in CLAIMS if name in there] + ["settlement_id"] * (kind in LOCKED)
            for row in store.every(kind) if claims else ():
                for name in claims:
                    if getattr(row, name):
                        yield f"{kind.__name__} {row.key} is still claimed: {name} {getattr(row, name)}"
