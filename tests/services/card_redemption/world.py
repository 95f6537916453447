"""A gift card and the orders that use it: the service in memory, asked as by sagas."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.card_redemption.decisions import RULES, TIMERS
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.tender import CardTender
from services.card_redemption.domain.commands import (
    CaptureDeposit,
    ClearMerchantShare,
    DepositCard,
    IssueCard,
    RefundCard,
    ReturnDeposit,
    ReverseCardRefund,
)
from services.card_redemption.domain.merchants.share import MerchantShare
from services.card_redemption.domain.postings import POSTINGS, SUBS
from services.kernel.decision import Aggregate, Rule
from services.kernel.effects import PostedJournal
from services.kernel.journal import Unit
from services.kernel.messages import Op
from services.kernel.shares import first_share
from tests.in_memory import InMemory, Step

NOW = datetime(2026, 3, 10, tzinfo=UTC)
FACE_MINOR = 10_000
CARD = GiftCard("crd_1", "cus_1", FACE_MINOR, FACE_MINOR, NOW)
ORDERS = ("ord_1", "ord_2", "ord_3")
CardCommand = (
    IssueCard | DepositCard | CaptureDeposit | ReturnDeposit | RefundCard | ReverseCardRefund | ClearMerchantShare
)


def key_of(body: CardCommand) -> str:
    """The root of a command: its card, or the merchant's first share."""
    return first_share(body.merchant_id) if isinstance(body, ClearMerchantShare) else body.card_id


def posted_by_the_table(body: object, rows: Sequence[Aggregate], posted: Sequence[PostedJournal]) -> None:
    """Every journal is what the table of postings says of its command, on the sub-accounts that it names."""
    for place in posted:
        journal = place.journal
        codes = [may for may in POSTINGS[type(body)] if (may.op, may.unit) == (journal.op, journal.unit)]
        known = {"card": place.root, "order": journal.order_id, "settlement": place.saga_id}
        for line in journal.lines:
            assert any(may.allows(line.account, line.amount_minor) for may in codes), (body, journal)
            assert line.sub == known.get(SUBS[line.account], line.sub), (line, place)


@dataclass
class World(InMemory):
    """One card, its orders' tenders and its book."""

    rules: Mapping[type, Rule] = field(default_factory=lambda: RULES)
    timer_rules: Mapping[str, Rule] = field(default_factory=lambda: TIMERS)
    name: str = "card_redemption"
    explained: Callable[[object, Sequence[Aggregate], Sequence[PostedJournal]], None] = posted_by_the_table
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.given(CARD)
        self.balances.update({
            (Unit.CNY, "L.GIFTCARD", CARD.id): -FACE_MINOR, (Unit.CNY, "X.OPENING", CARD.id): FACE_MINOR,
        })

    def play(self, body: CardCommand, op: Op = Op.EXECUTE, saga: str = "") -> Step:
        """Decide a command of a saga; a refusal raises, and like BUSY it changes nothing."""
        step = self.command(key_of(body), body, op, saga or f"saga_of_message_{self.messages}")
        if step.reason:
            step.then_refused(step.reason)
        if step.reason != "BUSY":
            _ = step.result  # a refusal raises its error
        return step

    @property
    def book(self) -> Counter[tuple[str, str]]:
        """What stands on every account, by its sub-account."""
        return Counter({(account, sub): amount for (_, account, sub), amount in self.balances.items()})

    @property
    def card(self) -> GiftCard:
        """The card as it is now."""
        return self.row(GiftCard, CARD.id)

    def tender(self, order_id: str = "ord_1") -> CardTender:
        """The tender of an order; an empty one if it has none."""
        return self.find(CardTender, order_id) or CardTender(order_id, CARD.id, "mer_1")

    def owed(self) -> int:
        """What the merchant's shares say that this book owes it."""
        return sum(share.payable_minor for share in self.shares())

    def shares(self) -> list[MerchantShare]:
        """The merchant's shares that were used."""
        return [row for row in self.rows.values() if isinstance(row, MerchantShare)]
