"""What this book owes a merchant (L.MERCH.PAY), spread over shares so that no row is hot, and its settlement (DOMAIN 3.3).

A card always uses the same share. A refund uses up what its share owes; the rest, paid already, is credit_ledger's to claim
from the merchant (P23, OP-3).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.card_redemption.domain.commands import ClearMerchantShare
from services.card_redemption.domain.events import MerchantShareCleared
from services.kernel.allocation import in_order
from services.kernel.decision import Decision, Done, Event, Known
from services.kernel.errors import Defect, FailedPrecondition, InvalidArgument
from services.kernel.journal import Unit, post
from services.kernel.messages import Message, Op
from services.kernel.participant import Pending, take_part
from services.kernel.shares import share_key, share_keys

MERCHANT_PAYABLE = "L.MERCH.PAY"
CLEARING = "X.CLEARING"
VECTOR_NAME = "GIFTCARD"


@dataclass(frozen=True, slots=True)
class MerchantShare:
    """A share, a root, locked after the card. `settling_minor` of it is claimed by a settlement that is not decided; the
    claim itself stands on the merchant's first share. `refunding_minor` of it is claimed by refunds; see `CardTender`."""

    id: str
    merchant_id: str
    payable_minor: int = 0
    settling_minor: int = 0
    sequence: int = 0
    pending: Pending | None = None
    version: int = 0
    refunding_minor: int = 0

    @property
    def free_minor(self) -> int:
        """What is owed and claimed by nobody."""
        return max(0, self.payable_minor - self.settling_minor - self.refunding_minor)

    @property
    def key(self) -> str:
        """`<merchant>/<share>`."""
        return self.id

    @property
    def root(self) -> str:
        """Itself."""
        return self.id


def share_of(known: Known, merchant_id: str, card_id: str) -> MerchantShare:
    """The share that the card's orders at this merchant use."""
    key = share_key(merchant_id, card_id)
    return known.find(MerchantShare, key) or MerchantShare(key, merchant_id)


def owing(share: MerchantShare, amount_minor: int) -> MerchantShare:
    """The share with so much more (or less) owed."""
    return replace(share, payable_minor=share.payable_minor + amount_minor, version=share.version + 1)


def clear(known: Known, message: Message, now: datetime) -> Decision:
    """Give up so much of the payable, over all shares in their order; credit_ledger pays it in the same saga. TRY claims it,
    so that CONFIRM cannot be refused. One settlement with a merchant at a time."""
    body, saga = message.body, message.saga
    if not isinstance(body, ClearMerchantShare) or saga is None:
        raise Defect(f"{message.id} clears no share")
    shares = [known.find(MerchantShare, key) or MerchantShare(key, body.merchant_id) for key in share_keys(body.merchant_id)]
    claim = shares[0].pending
    mine = claim is not None and claim.saga_id == saga.saga_id

    def execute(root: MerchantShare, at: datetime) -> Decision:
        parts = [share.settling_minor for share in shares] if mine else _parts(shares, body.amount_minor)
        return _cleared([root, *shares[1:]], parts, body, saga.saga_id)

    decision = take_part(shares[0], message, now, execute)
    if not isinstance(decision.outcome, Done) or saga.op in (Op.EXECUTE, Op.CONFIRM):
        return decision
    parts = _parts(shares, body.amount_minor) if saga.op is Op.TRY else [0] * len(shares)
    return replace(decision, changes=_settling([_root(decision), *shares[1:]], parts))


def _parts(shares: Sequence[MerchantShare], amount_minor: int) -> Sequence[int]:
    """How much of each share goes; never more than is owed over all."""
    if amount_minor <= 0:
        raise InvalidArgument("INVALID_AMOUNT", "the amount must be above 0")
    free = [share.free_minor for share in shares]
    if amount_minor > sum(free):
        raise FailedPrecondition("EXCEEDS_PAYABLE", f"{sum(free)} is owed to {shares[0].merchant_id}")
    return in_order(amount_minor, free)


def _settling(shares: Sequence[MerchantShare], parts: Sequence[int]) -> tuple[MerchantShare, ...]:
    """The shares with these parts claimed; like every claim it moves no version."""
    return tuple(
        replace(share, settling_minor=part) for share, part in zip(shares, parts, strict=True)
        if share is shares[0] or share.settling_minor != part
    )


def _cleared(
    shares: Sequence[MerchantShare], parts: Sequence[int], body: ClearMerchantShare, saga_id: str
) -> Decision:
    root = shares[0]
    changed = tuple(
        replace(
            share, payable_minor=share.payable_minor - part, settling_minor=0, version=share.version + 1,
            sequence=share.sequence + (share is root),
        )
        for share, part in zip(shares, parts, strict=True) if part or share is root
    )
    lines = ((MERCHANT_PAYABLE, body.merchant_id, body.amount_minor), (CLEARING, saga_id, -body.amount_minor))
    return Decision(
        Done(moved=((VECTOR_NAME, body.amount_minor),)), changes=changed, journals=post("merchant_settle", Unit.CNY, lines),
        events=(Event(root.id, changed[0].sequence, MerchantShareCleared(body.merchant_id, body.amount_minor)),),
    )


def _root(decision: Decision) -> MerchantShare:
    root = decision.changes[0]
    if not isinstance(root, MerchantShare):
        raise Defect(f"{root.key} is no share")
    return root
