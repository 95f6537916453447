"""Claims as they stand: nobody else writes what an undecided saga has claimed, only its second phase ends the claim,
and what it keeps is logged as of the instant of its TRY, but for a cut that was due before it (BZ-1, BZ-2, OP-1)."""

from typing import TYPE_CHECKING

from services.card_redemption.domain.cards.tender import CardTender
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.commands import CutStatement
from services.credit_ledger.domain.model.operation import Operation
from services.kernel.messages import SECOND_PHASE
from settle.simulation.store import Store

if TYPE_CHECKING:
    from settle.simulation.transaction import Transaction
    from settle.simulation.world import World

Claimed = CreditAccount | CardTender
CLAIMED: tuple[type[Claimed], ...] = (CreditAccount, CardTender)
"""What one saga alone may write. A merchant's share is claimed in part: others may owe more on it meanwhile."""


def saw(world: "World", store: Store, transaction: "Transaction") -> None:
    """What a transaction did to rows that were claimed before it."""
    changed = transaction.admission.effects.dirty
    for kind in CLAIMED:
        for key, row in changed.get(kind, {}).items():
            assert isinstance(row, Claimed)
            before = world.claims.pop((kind, key), None)
            if row.pending is not None:
                world.claims[kind, key] = row
            if before is not None:
                _kept_to(world, store, transaction, before, row)


def _kept_to(world: "World", store: Store, transaction: "Transaction", before: Claimed, row: Claimed) -> None:
    claim = before.pending
    assert claim is not None
    if row.pending == claim:
        if row.version != before.version:
            world.fail("claims", f"{row.key} was written while {claim.saga_id} had claimed it")
        return
    if not any(f"{claim.saga_id}/{op}" in store.inbox for op in SECOND_PHASE):
        world.fail("claims", f"the claim of {claim.saga_id} on {row.key} is gone, and it was neither kept nor let go")
    for operation in transaction.admission.effects.dirty.get(Operation, {}).values():
        assert isinstance(operation, Operation)
        its_own = operation.saga_id == claim.saga_id and not isinstance(operation.body, CutStatement)
        if its_own and operation.at != claim.tried_at:
            world.fail("claims", f"{claim.saga_id} was kept as of {operation.at}, and tried at {claim.tried_at}")
