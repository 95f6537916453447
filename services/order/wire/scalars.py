"""Amounts, instants and enumerations between domain and protobuf."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from services.order.domain.credit_terms import CreditTerms, PlanType, Route, Strategy
from services.order.domain.lines import LineQuantity, LineValue
from services.order.domain.tenders import Share, TenderType
from settlement.common.v1 import money_pb2, tender_pb2
from settlement.order.v1 import events_pb2, order_pb2, settlement_pb2

TENDER_TYPES = {kind: tender_pb2.TenderType.Value(f"TENDER_TYPE_{kind}") for kind in TenderType}
TENDERS = {number: kind for kind, number in TENDER_TYPES.items()}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def money(amount_minor: int) -> money_pb2.Money:
    """Fen as money."""
    return money_pb2.Money(minor_units=amount_minor, currency_code="CNY")


def stamp(instant: datetime) -> Timestamp:
    """An aware instant as a timestamp, to the microsecond."""
    since = instant - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1000)


def instant(timestamp: Timestamp) -> datetime:
    """A timestamp as an aware instant; what is finer than a microsecond is cut off."""
    return _EPOCH + timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)


def units(quantities: Iterable[LineQuantity | LineValue]) -> list[order_pb2.LineQuantity]:
    """Units by line."""
    return [order_pb2.LineQuantity(line_id=each.id, quantity=each.quantity) for each in quantities]


def quantities(wire: Iterable[order_pb2.LineQuantity]) -> tuple[LineQuantity, ...]:
    """Units by line, read."""
    return tuple(LineQuantity(each.line_id, each.quantity) for each in wire)


def tender_amounts(shares: Iterable[Share]) -> list[events_pb2.TenderAmount]:
    """Shares of tenders, for events."""
    return [events_pb2.TenderAmount(type=TENDER_TYPES[s.type], amount_minor=s.amount_minor) for s in shares]


def tender_shares(shares: Iterable[Share]) -> list[settlement_pb2.TenderShare]:
    """Shares of tenders, for settlements."""
    return [settlement_pb2.TenderShare(type=TENDER_TYPES[s.type], amount=money(s.amount_minor)) for s in shares]


def terms_message(terms: CreditTerms) -> tender_pb2.CreditTerms:
    """The terms of a CREDIT tender."""
    return tender_pb2.CreditTerms(
        plan=tender_pb2.PlanType.Value(f"PLAN_TYPE_{terms.plan}"), instalment_count=terms.instalment_count,
        fee_ppm=terms.fee_ppm, defer_months=terms.defer_months, flat_fee_minor=terms.flat_fee_minor,
        term_days=terms.term_days, free_days=terms.free_days,
        strategy=tender_pb2.RefundStrategy.Value(f"REFUND_STRATEGY_{terms.strategy}"),
        route=tender_pb2.CreditRoute.Value(f"CREDIT_ROUTE_{terms.route}"),
    )


def terms_of(wire: tender_pb2.CreditTerms) -> CreditTerms:
    """The terms of a CREDIT tender, read; what is absent has its default."""
    return CreditTerms(
        plan=PlanType(named(tender_pb2.PlanType, wire.plan, "PLAN_TYPE_") or PlanType.INSTALMENT),
        instalment_count=wire.instalment_count or 1, fee_ppm=wire.fee_ppm, defer_months=wire.defer_months or 1,
        flat_fee_minor=wire.flat_fee_minor, term_days=wire.term_days or 1,
        free_days=wire.free_days if wire.HasField("free_days") else -1,
        strategy=Strategy(named(tender_pb2.RefundStrategy, wire.strategy, "REFUND_STRATEGY_") or Strategy.PROPORTIONAL),
        route=Route(named(tender_pb2.CreditRoute, wire.route, "CREDIT_ROUTE_") or Route.DIRECT),
    )


def named(enum: Any, number: int, prefix: str) -> str:  # Any: generated enum wrappers share no type
    """The name of an enum value without its prefix, "" for the zero value; ValueError for an unknown number."""
    return str(enum.Name(number)).removeprefix(prefix) if number else ""
