"""Redemptions as values of their domain: of a row, and of an event, which does not say the terms whole."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeVar

import asyncpg
import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from services.card_redemption.domain.codes import Envelope
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import ChannelPolicy
from services.card_redemption.domain.redemption.events import FreezeCaseOpened, RedemptionStepped
from services.card_redemption.domain.redemption.order import FraudReport, Payout, RedemptionOrder, Voucher
from services.card_redemption.domain.redemption.states import PayoutState, RedemptionState, Step
from settlement.card_redemption.v1 import channel_pb2, redemption_events_pb2
from settlement.card_redemption.v1 import redemption_pb2 as pb

ROWS = """
select id, card_id, customer_id, account_id, terms, declared_minor, face_minor, entry, method, instrument, state,
       accepted_at, updated_at, settlement_id, reason, verify_at, cancel_requested_at, cancel_fee_minor, evidence,
       scheduled_at, deadline, verified_at, settled_at, agreement_id, payouts, voucher, fraud, frozen_from,
       channel_fee_minor, remitted_minor, claimed_minor, adjusted_minor, verification_code, version
from redemption_orders
"""
OF_CARDS = f"{ROWS} where card_id = any($1::text[]) order by id"
_TERMS = msgspec.json.Decoder(ChannelPolicy)
_DOCUMENTS: Mapping[str, Any] = {  # Any: decoders of different types
    "terms": _TERMS, "payouts": msgspec.json.Decoder(tuple[Payout, ...]),
    "evidence": msgspec.json.Decoder(tuple[str, ...]), "voucher": msgspec.json.Decoder(Voucher),
    "fraud": msgspec.json.Decoder(FraudReport), "verification_code": msgspec.json.Decoder(Envelope),
}
_INSTANTS = {
    "accepted_at": "accept_time", "updated_at": "update_time", "verify_at": "verify_time",
    "cancel_requested_at": "cancel_request_time", "scheduled_at": "schedule_time", "deadline": "condition_deadline",
    "verified_at": "verified_time", "settled_at": "settle_time",
}
_AMOUNTS = {
    "declared_minor": "declared", "face_minor": "face", "cancel_fee_minor": "cancel_fee",
    "channel_fee_minor": "channel_fees", "remitted_minor": "remitted", "claimed_minor": "claimed",
    "adjusted_minor": "adjusted",
}
_SAME = (
    "card_id", "customer_id", "account_id", "instrument", "settlement_id", "reason", "agreement_id", "version",
)
T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


def terms_of(text: str | bytes) -> ChannelPolicy:
    """The terms in a column."""
    return _TERMS.decode(text)


def order_of(row: asyncpg.Record | Mapping[str, Any]) -> RedemptionOrder:
    """The redemption in a row; raises where the engine never wrote it so."""
    values = dict(row)
    for name, decoder in _DOCUMENTS.items():
        values[name] = None if values[name] is None else decoder.decode(values[name])
    frozen_from = values["frozen_from"]
    return RedemptionOrder(**values | {
        "entry": EntryChannel(values["entry"]), "method": PayoutMethod(values["method"]),
        "state": RedemptionState(values["state"]),
        "frozen_from": None if frozen_from is None else RedemptionState(frozen_from),
    })


def step_of(payload: bytes, terms: Mapping[str, ChannelPolicy]) -> RedemptionStepped | str:
    """The step that an event tells; of a redemption whose terms are not known, only which that is."""
    told = redemption_events_pb2.RedemptionStepped.FromString(payload)
    known = terms.get(told.redemption.redemption_id)
    if known is None:
        return str(told.redemption.redemption_id)
    return RedemptionStepped(_named(Step, redemption_events_pb2.RedemptionStep, told.step),
                             _order(told.redemption, known))


def case_of(payload: bytes) -> FreezeCaseOpened:
    """The freeze case that an event tells."""
    told = redemption_events_pb2.FreezeCaseOpened.FromString(payload)
    return FreezeCaseOpened(
        told.case_id, told.card_id, told.redemption_id, told.submitted_by, date.fromisoformat(told.due_date)
    )


def _order(told: pb.Redemption, terms: ChannelPolicy) -> RedemptionOrder:
    """The redemption that an event shows; the code of another issuer's card is told by none."""
    return RedemptionOrder(
        id=told.redemption_id, terms=terms, entry=_named(EntryChannel, pb.RedemptionEntry, told.entry),
        method=_named(PayoutMethod, channel_pb2.PayoutMethod, told.method), evidence=tuple(told.evidence),
        state=_named(RedemptionState, pb.RedemptionState, told.state),
        payouts=tuple(map(_payout, told.payouts)), voucher=_voucher(told), fraud=_fraud(told),
        frozen_from=_named(RedemptionState, pb.RedemptionState, told.frozen_from) if told.frozen_from else None,
        **{name: getattr(told, name) for name in _SAME},
        **{name: getattr(told, wire).minor_units for name, wire in _AMOUNTS.items()},
        **{name: _instant(getattr(told, wire)) if told.HasField(wire) else None for name, wire in _INSTANTS.items()},  # type: ignore[arg-type]  # a name of each field
    )


def _payout(told: pb.RedemptionPayout) -> Payout:
    return Payout(
        told.payout_id, told.amount.minor_units, _named(PayoutMethod, channel_pb2.PayoutMethod, told.method),
        _named(PayoutState, pb.RedemptionPayoutState, told.state),
    )


def _voucher(told: pb.Redemption) -> Voucher | None:
    if not told.HasField("voucher"):
        return None
    return Voucher(told.voucher.voucher_id, told.voucher.value.minor_units, told.voucher.left.minor_units)


def _fraud(told: pb.Redemption) -> FraudReport | None:
    if not told.HasField("fraud"):
        return None
    return FraudReport(_instant(told.fraud.report_time), told.fraud.reporter, told.fraud.police_case)


def _instant(told: Timestamp) -> datetime:
    return told.ToDatetime(tzinfo=UTC)


def _named(kind: type[E], wire: Any, number: int) -> E:  # Any: an enum of the contract
    """The value of the domain that is named as this one; its name behind that of the enum."""
    return kind[str(wire.Name(number)).removeprefix(_prefix(wire))]


def _prefix(wire: Any) -> str:  # Any: as above
    """What stands in front of the names of an enum: that of its zero without its last word."""
    return str(wire.Name(0)).removesuffix("UNSPECIFIED")
