"""A gift card and the orders that use it, played in memory as the lane would."""

from collections import Counter
from datetime import UTC, datetime
from itertools import count

from services.card_redemption.decisions import RULES
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.tender import CardTender
from services.card_redemption.domain.merchants.share import MerchantShare
from services.kernel.decision import Busy, Decision, Known
from services.kernel.messages import Message, Op, SagaRef
from services.kernel.shares import share_keys

NOW = datetime(2026, 3, 10, tzinfo=UTC)
FACE_MINOR = 10_000
CARD = GiftCard("crd_1", "cus_1", FACE_MINOR, FACE_MINOR, NOW)
ORDERS = ("ord_1", "ord_2", "ord_3")


class World:
    """One card, its orders' tenders and its book."""

    def __init__(self) -> None:
        self.known = Known()
        self.known.load(GiftCard, {"crd_1": CARD}, ["crd_1"])
        self.known.load(CardTender, {}, ORDERS)
        self.known.load(MerchantShare, {}, share_keys("mer_1"))
        self.book: Counter[tuple[str, str]] = Counter({("L.GIFTCARD", "crd_1"): -FACE_MINOR, ("X.OPENING", "crd_1"): FACE_MINOR})
        self._sagas = count(1)

    def play(self, body: object, op: Op = Op.EXECUTE, saga: str = "") -> Decision:
        """Decide and take over what changed; a refusal raises, BUSY changes nothing."""
        ref = SagaRef(saga or f"saga_{next(self._sagas)}", "card_redemption", op)
        key = getattr(body, "card_id", "mer_1/00")
        message = Message(f"{ref.saga_id}/{op}", key, body, saga=ref)
        decision = RULES[type(body)].decide(self.known, body, message, NOW)
        assert not (isinstance(decision.outcome, Busy) and decision.changes)
        for row in decision.changes:
            self.known.put(row)
        for journal in decision.journals:
            for line in journal.lines:
                self.book[line.account, line.sub] += line.amount_minor
        return decision

    @property
    def card(self) -> GiftCard:
        """The card as it is now."""
        found = self.known.find(GiftCard, "crd_1")
        assert found is not None
        return found

    def tender(self, order_id: str = "ord_1") -> CardTender:
        """The tender of an order; an empty one if it has none."""
        return self.known.find(CardTender, order_id) or CardTender(order_id, "crd_1", "mer_1")

    def owed(self) -> int:
        """What the merchant's shares say that this book owes it."""
        return sum(share.payable_minor for share in self.shares())

    def shares(self) -> list[MerchantShare]:
        """The merchant's shares that were used."""
        found = (self.known.find(MerchantShare, key) for key in share_keys("mer_1"))
        return [share for share in found if share is not None]
