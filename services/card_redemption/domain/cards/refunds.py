"""After shipment: a gift card's share of a refund, and its reversal (P12, P23, P24)."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.domain import books
from services.card_redemption.domain.books import Lines
from services.card_redemption.domain.cards.card import GiftCard, stepped
from services.card_redemption.domain.cards.posting import at_most, effect_on, posted
from services.card_redemption.domain.cards.tender import CardRefund, CardTender
from services.card_redemption.domain.commands import ReverseCardRefund
from services.card_redemption.domain.events import CardRefunded, CardRefundReversed
from services.card_redemption.domain.merchants.share import MerchantShare, owing
from services.kernel.decision import Decision
from services.kernel.errors import FailedPrecondition


def refund(
    card: GiftCard, tender: CardTender, share: MerchantShare, given: CardRefund, op: str, saga_id: str, at: datetime
) -> Decision:
    """Put a refunded share on the card; the sum of refunds never exceeds what was captured (P12, PR-5).

    What this book still owes the merchant pays for the covered part; credit_ledger has the rest back from it (P23).
    """
    at_most(given.amount_minor, tender.captured_minor - tender.refunded_minor, "REFUND_EXCEEDS_REMAINING")
    if tender.refund_of(given.refund_id):
        raise FailedPrecondition("CARD_STATE", f"{given.refund_id} was given already")
    after = stepped(card, given.amount_minor)
    return posted(
        card=after,
        tender=replace(tender, refunds=(*tender.refunds, given), covering_minor=0),
        effect=effect_on(after, tender.order_id, op, given.amount_minor, at, given=given),
        lines=_lines(tender, given, saga_id),
        event=CardRefunded(card.id, tender.order_id, given.refund_id, given.amount_minor, after.balance_minor),
        owed=owing(share, -given.covered_minor),
    )


def refund_to_reverse(tender: CardTender, body: ReverseCardRefund) -> CardRefund:
    """The refund that the reversal names by its id and amount (NO_REFUND_TO_REVERSE)."""
    given = tender.refund_of(body.refund_id)
    if given is None or given.amount_minor != body.amount_minor:
        raise FailedPrecondition("NO_REFUND_TO_REVERSE", f"{body.refund_id} did not refund {body.amount_minor} fen")
    return given


def reverse(
    card: GiftCard, tender: CardTender, share: MerchantShare, given: CardRefund, saga_id: str, at: datetime
) -> Decision:
    """Negate a refund exactly; refused if its value was spent meanwhile: INSUFFICIENT_CARD_VALUE (P24)."""
    at_most(given.amount_minor, card.spendable_minor, "INSUFFICIENT_CARD_VALUE")
    after = stepped(card, -given.amount_minor)
    return posted(
        card=after,
        tender=replace(tender, refunds=tuple(each for each in tender.refunds if each is not given)),
        effect=effect_on(after, tender.order_id, "refund_reverse", given.amount_minor, at, given=given),
        lines=books.negated(_lines(tender, given, saga_id)),
        event=CardRefundReversed(card.id, tender.order_id, given.refund_id, given.amount_minor, after.balance_minor),
        owed=owing(share, given.covered_minor),
    )


def _lines(tender: CardTender, given: CardRefund, saga_id: str) -> Lines:
    return books.refunded(tender.card_id, tender.merchant_id, saga_id, given.covered_minor, given.uncovered_minor)
