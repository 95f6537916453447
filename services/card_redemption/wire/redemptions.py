"""Redemptions as callers see them, what they tell, and what is told of them, between the wire and the domain."""

from datetime import datetime
from typing import Any

from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.recycling.windows import Verdict
from services.card_redemption.domain.redemption.drafts import Prepared
from services.card_redemption.domain.redemption.events import FreezeCaseOpened, RedemptionStepped
from services.card_redemption.domain.redemption.order import FraudReport, Payout, RedemptionOrder, Voucher
from services.card_redemption.domain.redemption.states import PayoutState, RedemptionState, Step
from services.card_redemption.domain.redemption.submitting import Denied
from services.card_redemption.wire.policies import PAYOUTS
from services.runtime.ground.scalars import Enumeration, date_to_wire, instant_field, money_field, money_to_wire
from settlement.card_redemption.v1 import redemption_events_pb2, redemption_service_pb2
from settlement.card_redemption.v1 import redemption_pb2 as pb

STATES = Enumeration(RedemptionState, pb.RedemptionState)
PAYOUT_STATES = Enumeration(PayoutState, pb.RedemptionPayoutState)
STEPS = Enumeration(Step, redemption_events_pb2.RedemptionStep)
VERDICTS = Enumeration(Verdict, redemption_service_pb2.CancelVerdict)
ENTRIES = Enumeration(
    EntryChannel, pb.RedemptionEntry, unspecified=EntryChannel.APP,
    unshown=[each for each in EntryChannel if each.name not in ("APP", "WEB")],
)


def redemption(order: RedemptionOrder) -> pb.Redemption:
    """A redemption, whole."""
    message = pb.Redemption(
        redemption_id=order.id, card_id=order.card_id, customer_id=order.customer_id, account_id=order.account_id,
        channel=order.terms.channel, terms_version=order.terms.version, state=STATES.to_wire[order.state],
        version=order.version, declared=money_field(order.declared_minor), face=money_field(order.face_minor),
        payout=money_field(order.payout_minor), entry=ENTRIES.to_wire[order.entry],
        method=PAYOUTS.to_wire[order.method], instrument=order.instrument, settlement_id=order.settlement_id,
        reason=order.reason, cancel_fee=money_field(order.cancel_fee_minor), evidence=order.evidence,
        agreement_id=order.agreement_id, payouts=[_payout(each) for each in order.payouts],
        voucher=_voucher(order.voucher), fraud=_fraud(order.fraud),
        channel_fees=money_field(order.channel_fee_minor), remitted=money_field(order.remitted_minor),
        claimed=money_field(order.claimed_minor), adjusted=money_field(order.adjusted_minor), **_instants(order),
    )
    if order.frozen_from is not None:
        message.frozen_from = STATES.to_wire[order.frozen_from]
    return message


def stepped(fact: RedemptionStepped) -> redemption_events_pb2.RedemptionStepped:
    """A step, with the redemption as it left it."""
    return redemption_events_pb2.RedemptionStepped(
        step=STEPS.to_wire[fact.step], redemption=redemption(fact.redemption)
    )


def freeze_case_opened(fact: FreezeCaseOpened) -> redemption_events_pb2.FreezeCaseOpened:
    """A code was submitted twice."""
    return redemption_events_pb2.FreezeCaseOpened(
        case_id=fact.case_id, card_id=fact.card_id, redemption_id=fact.redemption_id,
        submitted_by=fact.submitted_by, due_date=date_to_wire(fact.due_on),
    )


def denied(value: Denied) -> redemption_service_pb2.SubmissionDenied:
    """A submission that was denied, and left something on record."""
    return redemption_service_pb2.SubmissionDenied(reason=value.reason, detail=value.detail)


def _instants(order: RedemptionOrder) -> dict[str, Any]:  # Any: they are fields of a message
    """When what happened; what did not is absent."""
    known: dict[str, datetime | None] = {
        "accept_time": order.accepted_at, "update_time": order.updated_at, "verify_time": order.verify_at,
        "cancel_request_time": order.cancel_requested_at, "schedule_time": order.scheduled_at,
        "condition_deadline": order.deadline, "verified_time": order.verified_at, "settle_time": order.settled_at,
    }
    return {name: instant_field(at) for name, at in known.items() if at is not None}


def _payout(payout: Payout) -> pb.RedemptionPayout:
    return pb.RedemptionPayout(
        payout_id=payout.id, amount=money_field(payout.amount_minor), method=PAYOUTS.to_wire[payout.method],
        state=PAYOUT_STATES.to_wire[payout.state],
    )


def _voucher(voucher: Voucher | None) -> pb.Voucher | None:
    if voucher is None:
        return None
    return pb.Voucher(
        voucher_id=voucher.id, value=money_field(voucher.value_minor), left=money_field(voucher.left_minor)
    )


def _fraud(fraud: FraudReport | None) -> pb.FraudReport | None:
    if fraud is None:
        return None
    told = instant_field(fraud.reported_at)
    return pb.FraudReport(reporter=fraud.reporter, report_time=told, police_case=fraud.police_case)


def prepared(value: Prepared) -> redemption_service_pb2.PrepareRedemptionResponse:
    """What a submission would come to."""
    draft, terms = value.draft, value.terms
    message = redemption_service_pb2.PrepareRedemptionResponse(
        token=value.token, payout=money_field(terms.payout_minor(draft.declared_minor)),
        confirm_after_time=instant_field(value.confirm_from),
        confirm_until_time=instant_field(value.confirm_until),
    )
    if terms.cancellable:
        message.cancel_fee.CopyFrom(money_to_wire(terms.fee.of(draft.declared_minor)))
    if terms.window is not None:
        message.cancel_window.FromTimedelta(terms.window)
    return message
