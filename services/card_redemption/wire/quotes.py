"""A binding offer as a message."""

from datetime import datetime

from services.card_redemption.domain.quotes.explanation import Step, explain
from services.card_redemption.domain.quotes.offer import CancelWay, Offer
from services.card_redemption.domain.quotes.texts import text
from services.card_redemption.domain.quotes.token import QuoteContent, sign
from services.card_redemption.wire.policies import ASKERS, PAYOUTS, policy_to_wire, seconds_to_wire
from services.kernel.calendar import business_date
from services.runtime.ground.scalars import date_to_wire, instant_field, money_field
from settlement.card_redemption.v1 import redemption_quote_pb2 as pb
from settlement.common.v1 import explanation_pb2


def quote_message(
    offer: Offer, content: QuoteContent, key: bytes, now: datetime, settles_at: datetime | None
) -> pb.RedemptionQuote:
    """The quote of an offer that is made now."""
    return pb.RedemptionQuote(
        customer_id=offer.asked.customer_id, policy=policy_to_wire(offer.terms),
        face=money_field(offer.asked.face_minor), payout=money_field(offer.payout_minor),
        method=PAYOUTS.to_wire[offer.asked.method], cancel_ways=[_way(way, now, settles_at) for way in offer.ways],
        earliest_payout_date=date_to_wire(offer.settles_on), due_date=date_to_wire(offer.due_on),
        quote_time=instant_field(now), valid_until=instant_field(content.valid_until), token=sign(content, key),
        steps=[_step(step) for step in explain(offer, business_date(now))],
    )


def _way(way: CancelWay, now: datetime, settles_at: datetime | None) -> pb.CancelWay:
    deadline = way.deadline(now, settles_at)
    return pb.CancelWay(
        asked_by=ASKERS.to_wire[way.asked_by], window_seconds=seconds_to_wire(way.window),
        fee=money_field(way.fee_minor), only_unverified=way.only_unverified,
        review_within_seconds=seconds_to_wire(way.review_within),
        deadline=None if deadline is None else instant_field(deadline),
    )


def _step(step: Step) -> explanation_pb2.ExplanationStep:
    words = text(step)
    return explanation_pb2.ExplanationStep(
        rule=step.rule, subject=step.subject, formula=step.formula, inputs=step.inputs, amount_minor=step.amount,
        text_zh=words.zh, text_en=words.en,
    )
