"""After shipment: a gift card's share of a refund, and its reversal (P12, P23, P24).

Between TRY and decision a refund claims of the merchant's share what it will use up, so that CONFIRM finds covered what TRY
answered.
"""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.posting import CARD, Lines, at_most, body_of, card_of, posted, spend, tender_of
from services.card_redemption.domain.cards.tender import CardRefund, CardTender
from services.card_redemption.domain.commands import RefundCard, ReverseCardRefund
from services.card_redemption.domain.events import CardRefunded, CardRefundReversed
from services.card_redemption.domain.merchants.share import CLEARING, MERCHANT_PAYABLE, MerchantShare, owing, share_of
from services.kernel.decision import Decision, Done, Known
from services.kernel.errors import FailedPrecondition
from services.kernel.messages import Message, Op
from services.kernel.participant import take_part


def refund(known: Known, message: Message, now: datetime) -> Decision:
    """P12, the gift-card share; the sum of refunds never exceeds what was captured (PR-5).

    It uses up what this book owes the merchant first; what was paid already goes over X.CLEARING to credit_ledger, which
    claims it (P23, OP-3). Beside a credit share that waits for the flash network it is posted as accepted (P21).
    """
    body = body_of(message, RefundCard)
    card, tender = card_of(known, body.card_id), tender_of(known, body.order_id, body.card_id)
    share, claimed = share_of(known, tender.merchant_id, card.id), tender.covering_minor
    let_go = replace(share, refunding_minor=share.refunding_minor - claimed)
    covered = claimed if tender.pending else min(body.amount_minor, share.free_minor)

    def execute(claim: CardTender, at: datetime) -> Decision:
        at_most(body.amount_minor, claim.captured_minor - claim.refunded_minor, "REFUND_EXCEEDS_REMAINING")
        if claim.refund_of(body.refund_id):
            raise FailedPrecondition("CARD_STATE", f"{body.refund_id} was given already")
        given = CardRefund(body.refund_id, body.amount_minor, body.amount_minor - covered)
        refunded = replace(claim, refunds=(*claim.refunds, given), covering_minor=0)
        left = card.balance_minor + body.amount_minor
        lines = (*_from_merchant(claim.merchant_id, given, _saga_id(message)), (CARD, card.id, -body.amount_minor))
        event = CardRefunded(card.id, body.order_id, body.refund_id, body.amount_minor, left)
        op = "refund_accept" if body.awaits_network else "refund"
        return posted(
            card, refunded, op, lines, event, at, body.amount_minor, left, given, owing(let_go, -covered)
        )

    return _claiming(take_part(tender, message, now, execute), message, let_go, covered)


def reverse_refund(known: Known, message: Message, now: datetime) -> Decision:
    """P24, the gift-card share: the exact negation; refused if the refunded value was spent meanwhile."""
    body = body_of(message, ReverseCardRefund)
    card, tender = card_of(known, body.card_id), tender_of(known, body.order_id, body.card_id)

    def execute(free: GiftCard, claim: CardTender, at: datetime) -> Decision:
        given = claim.refund_of(body.refund_id)
        if given is None or given.amount_minor != body.amount_minor:
            raise FailedPrecondition("NO_REFUND_TO_REVERSE", f"{body.refund_id} did not refund {body.amount_minor} fen")
        at_most(given.amount_minor, free.spendable_minor, "INSUFFICIENT_CARD_VALUE")
        undone = replace(claim, refunds=tuple(each for each in claim.refunds if each is not given))
        left = free.balance_minor - given.amount_minor
        taken = _from_merchant(claim.merchant_id, given, _saga_id(message))
        lines = (*((account, sub, -amount) for account, sub, amount in taken), (CARD, free.id, given.amount_minor))
        event = CardRefundReversed(free.id, body.order_id, body.refund_id, given.amount_minor, left)
        owed = owing(share_of(known, claim.merchant_id, free.id), given.amount_minor - given.uncovered_minor)
        return posted(free, undone, "refund_reverse", lines, event, at, given.amount_minor, left, given, owed)

    return spend(card, tender, message, now, body.amount_minor, execute)


def _saga_id(message: Message) -> str:
    return message.saga.saga_id if message.saga else ""


def _from_merchant(merchant_id: str, given: CardRefund, saga_id: str) -> Lines:
    """Where a refund comes from: what is owed to the merchant, and what credit_ledger claims from it."""
    covered = given.amount_minor - given.uncovered_minor
    return (MERCHANT_PAYABLE, merchant_id, covered), (CLEARING, saga_id, given.uncovered_minor)


def _claiming(decision: Decision, message: Message, share: MerchantShare, covered_minor: int) -> Decision:
    """TRY claims of the share what the refund will use up, CANCEL lets it go; like every claim it moves no version."""
    op = message.saga.op if message.saga else Op.EXECUTE
    if op in (Op.EXECUTE, Op.CONFIRM) or not isinstance(decision.outcome, Done):
        return decision
    claims = covered_minor if op is Op.TRY else 0
    tender = next(row for row in decision.changes if isinstance(row, CardTender))
    return replace(decision, changes=(
        replace(tender, covering_minor=claims), replace(share, refunding_minor=share.refunding_minor + claims),
    ))
