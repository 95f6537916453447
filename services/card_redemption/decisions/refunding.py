"""After shipment: a gift card's share of a refund, and its reversal (P12, P23, P24)."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.decisions.closing import followed
from services.card_redemption.decisions.rows import card_of, share_of, tender_of
from services.card_redemption.decisions.tendering import spend
from services.card_redemption.domain.cards import refunds
from services.card_redemption.domain.cards.card import GiftCard, refuse_unless
from services.card_redemption.domain.cards.tender import CardRefund, CardTender
from services.card_redemption.domain.commands import RefundCard, ReverseCardRefund
from services.card_redemption.domain.merchants.share import MerchantShare, borrowed, covering, must_hold
from services.card_redemption.domain.states import CardStanding
from services.kernel.decision import Decision, Known
from services.kernel.messages import Message
from services.kernel.participant import claimed_by, refusable, saga_of, take_part


def refund(known: Known, body: RefundCard, message: Message, now: datetime) -> Decision:
    """Put a refunded share on the card (P12).

    What is owed to the merchant covers it: first the card's own share, then those that no other lane has in hand
    (OP-3). Between TRY and decision it claims what it will use up, so that CONFIRM finds covered what TRY answered
    (P23). Beside a credit share that waits for the flash network it is posted as accepted (P21).
    """
    card, tender = card_of(known, body.card_id), tender_of(known, body.order_id, body.card_id)
    share, claimed = share_of(known, tender.merchant_id, card.id), tender.covering_minor
    free, covered = covering(share, -claimed), claimed
    lenders: tuple[MerchantShare, ...] = ()
    if not claimed_by(tender, message):
        free, lenders = _with_enough(known, free, body.amount_minor)
        covered = min(body.amount_minor, free.free_minor)

    def execute(claim: CardTender, at: datetime) -> Decision:
        decision = refunds.refund(
            card=card, tender=claim, share=free,
            given=CardRefund(body.refund_id, body.amount_minor, body.amount_minor - covered),
            op="refund_accept" if body.awaits_network else "refund", saga_id=saga_of(message).saga_id, at=at,
        )
        with_lenders = replace(decision, changes=(*decision.changes, *lenders))
        return followed(card, with_lenders, body.amount_minor, message, now)

    return take_part(
        tender, message, now, execute,
        keep=lambda claim: (replace(claim, covering_minor=covered), covering(free, covered), *lenders),
        let_go=lambda freed: (replace(freed, covering_minor=0), free),
    )


def _with_enough(
    known: Known, share: MerchantShare, amount_minor: int
) -> tuple[MerchantShare, tuple[MerchantShare, ...]]:
    """The share with the amount free, and those that it borrowed from, which are loaded only where it falls short."""
    if share.free_minor >= amount_minor:
        return share, ()
    return borrowed(share, known.children(MerchantShare, share.merchant_id), amount_minor)


def reverse_refund(known: Known, body: ReverseCardRefund, message: Message, now: datetime) -> Decision:
    """Negate a refund exactly; refused if its value was spent meanwhile, or its card is not active (P24)."""
    card, tender = card_of(known, body.card_id), tender_of(known, body.order_id, body.card_id)
    share = share_of(known, tender.merchant_id, card.id)
    if refusable(message):
        refuse_unless(card, CardStanding.ACTIVE)
        must_hold(share, body.amount_minor)

    def execute(free: GiftCard, claim: CardTender, at: datetime) -> Decision:
        return refunds.reverse(
            card=free, tender=claim, share=share,
            given=refunds.refund_to_reverse(claim, body), saga_id=saga_of(message).saga_id, at=at,
        )

    return spend(
        card=card, tender=tender, amount_minor=body.amount_minor, message=message, now=now, execute=execute
    )
