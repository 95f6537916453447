"""Terms of channels in the documents of operators and of the release, and on the wire."""

from collections.abc import Mapping
from datetime import timedelta
from importlib import resources

from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import (
    ALL_PAYOUTS,
    Asker,
    CancelFee,
    ChannelPolicy,
    Demand,
    Kind,
    Limits,
    Settlement,
)
from services.card_redemption.domain.recycling.soundness import check_terms
from services.card_redemption.wire.documents import Fields, read_document
from services.kernel.errors import InvalidArgument
from services.kernel.money import AMOUNT_MAX_MINOR
from services.runtime.ground.scalars import Enumeration
from settlement.card_redemption.v1 import channel_pb2 as pb

REVIEW_SECONDS = 86_400
"""A request without a decision is rejected after 24 hours (A20)."""
KINDS = Enumeration(Kind, pb.ChannelKind)
SETTLEMENTS = Enumeration(Settlement, pb.SettlementTerm)
ASKERS = Enumeration(Asker, pb.CancelAsker)
PAYOUTS = Enumeration(PayoutMethod, pb.PayoutMethod)
DEMANDS = Enumeration(Demand, pb.SubmissionDemand)


def policy_of_document(document: bytes) -> ChannelPolicy:
    """The one channel that a proposal describes, refused as `check_terms` refuses it."""
    policies = _policies(document)
    if len(policies) != 1:
        raise InvalidArgument("DOCUMENT_MALFORMED", f"{len(policies)} channels: a proposal is of one")
    return policies[0]


def shipped_policies() -> Mapping[str, ChannelPolicy]:
    """The channels that come with this release, by name."""
    file = resources.files("services.card_redemption.channels").joinpath("shipped.yaml")
    return {policy.channel: policy for policy in _policies(file.read_bytes())}


def _policies(document: bytes) -> list[ChannelPolicy]:
    fields = read_document(document)
    channels = fields.fields("channels")
    fields.end()
    policies = [_policy(name, channels.fields(name)) for name in channels.names]
    for policy in policies:
        check_terms(policy)
    return policies


def _policy(name: str, fields: Fields) -> ChannelPolicy:
    """The terms of a channel; what it does not name is as in `ChannelPolicy`."""
    window, review = fields.maybe_whole("window_seconds"), fields.maybe_whole("review_within_seconds")
    policy = ChannelPolicy(
        channel=name, name_zh=fields.word("name"), kind=fields.member("kind", Kind), rate_ppm=fields.whole("rate_ppm"),
        commission_ppm=fields.whole("commission_ppm", 0), window=None if window is None else _span(window),
        until_settled=fields.flag("until_settled"), only_unverified=fields.flag("only_unverified"),
        reviewed=review is not None, review_within=_span(REVIEW_SECONDS if review is None else review),
        asked_by=fields.member("asked_by", Asker, Asker.CUSTOMER), fee=_fee(fields.fields("fee")),
        settlement=fields.member("settlement", Settlement, Settlement.INSTANT), limits=_limits(fields.fields("limits")),
        payouts=fields.members("payouts", PayoutMethod, ALL_PAYOUTS),
        demands=fields.members("demands", Demand, ()), sla_working_days=fields.maybe_whole("sla_working_days"),
        by_hand=fields.flag("by_hand"),
    )
    fields.end()
    return policy


def _span(seconds: int) -> timedelta:
    """A span of time; one that no clock could count is out of bounds, here as in `check_terms`."""
    try:
        return timedelta(seconds=seconds)
    except OverflowError as error:
        raise InvalidArgument("VALUE_OUT_OF_BOUNDS", f"{seconds} seconds are out of all bounds") from error


def _fee(fields: Fields) -> CancelFee:
    fee = CancelFee(flat_minor=fields.whole("flat_minor", 0), share_ppm=fields.whole("share_ppm", 0))
    fields.end()
    return fee


def _limits(fields: Fields) -> Limits:
    limits = Limits(
        face_min_minor=fields.whole("face_min_minor", 1),
        face_max_minor=fields.whole("face_max_minor", AMOUNT_MAX_MINOR),
        cancelled_daily_minor=fields.maybe_whole("cancelled_daily_minor"),
    )
    fields.end()
    return limits


def policy_to_wire(terms: ChannelPolicy) -> pb.ChannelPolicy:
    """Terms, all of them."""
    limits = terms.limits
    return pb.ChannelPolicy(
        channel=terms.channel, version=terms.version, name_zh=terms.name_zh, kind=KINDS.to_wire[terms.kind],
        rate_ppm=terms.rate_ppm, commission_ppm=terms.commission_ppm,
        window_seconds=seconds_to_wire(terms.window), until_settled=terms.until_settled,
        only_unverified=terms.only_unverified, reviewed=terms.reviewed,
        review_within_seconds=int(terms.review_within.total_seconds()), asked_by=ASKERS.to_wire[terms.asked_by],
        fee_flat_minor=terms.fee.flat_minor, fee_share_ppm=terms.fee.share_ppm,
        settlement=SETTLEMENTS.to_wire[terms.settlement], face_min_minor=limits.face_min_minor,
        face_max_minor=limits.face_max_minor, cancelled_daily_minor=limits.cancelled_daily_minor,
        payouts=[PAYOUTS.to_wire[method] for method in terms.payouts],
        demands=[DEMANDS.to_wire[demand] for demand in terms.demands], sla_working_days=terms.sla_working_days,
        by_hand=terms.by_hand,
    )


def seconds_to_wire(span: timedelta | None) -> int | None:
    """Write a span of time in whole seconds."""
    return None if span is None else int(span.total_seconds())
