"""What this book owes a merchant (L.MERCH.PAY), spread over shares so that no row is hot; a card uses the same always.

A refund uses up what its share owes, then what the others do; only the rest, paid already, is credit_ledger's to claim
from the merchant (P23, OP-3).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from services.kernel.chain import NONE_YET
from services.kernel.money import balance
from services.kernel.participant import Pending


@dataclass(frozen=True, slots=True)
class MerchantShare:
    """A share, a root, locked after the card.

    Of its payable `settling_minor` is claimed by a settlement that is not decided, whose claim itself stands on the
    merchant's first share, and `refunding_minor` by refunds; see `CardTender`. `events_head` is the head of the
    chain of its events, which no rule reads.
    """

    id: str
    merchant_id: str
    payable_minor: int = 0
    settling_minor: int = 0
    sequence: int = 0
    pending: Pending | None = None
    version: int = 0
    refunding_minor: int = 0
    events_head: bytes = field(default=NONE_YET, compare=False, repr=False)

    @property
    def key(self) -> str:
        """The name of its row, `<merchant>/<share>`."""
        return self.id

    @property
    def root(self) -> str:
        """The merchant: its shares are one family."""
        return self.merchant_id

    @property
    def free_minor(self) -> int:
        """What is owed and claimed by nobody."""
        return max(0, self.payable_minor - self.settling_minor - self.refunding_minor)


def owing(share: MerchantShare, amount_minor: int) -> MerchantShare:
    """The share with the amount more (or less) owed."""
    return replace(share, payable_minor=share.payable_minor + amount_minor, version=share.version + 1)


def must_hold(share: MerchantShare, amount_minor: int) -> None:
    """Refuse (INVALID_AMOUNT) what would owe more than a balance may come to, as long as it can be refused: others may
    have filled the share since a TRY."""
    balance(share.payable_minor + amount_minor, what=f"what is owed to {share.merchant_id}")


def borrowed(
    share: MerchantShare, others: Iterable[MerchantShare], needed_minor: int
) -> tuple[MerchantShare, tuple[MerchantShare, ...]]:
    """The share with the amount free, as far as the others have it free, and those that lent it, in their order.

    All of them together owe what they owed, so it is not seen and moves no version.
    """
    lenders = []
    for other in others:
        lent = min(other.free_minor, needed_minor - share.free_minor)
        if other.id != share.id and lent > 0:
            lenders.append(replace(other, payable_minor=other.payable_minor - lent))
            share = replace(share, payable_minor=share.payable_minor + lent)
    return share, tuple(lenders)


def covering(share: MerchantShare, amount_minor: int) -> MerchantShare:
    """The share with the amount more (or less) of it claimed by refunds; like every claim it moves no version."""
    return replace(share, refunding_minor=share.refunding_minor + amount_minor)
