"""Enums, instants and tenders between the wire and the domain."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from services.credit_ledger.domain.model.account import AccountState
from services.credit_ledger.domain.model.agreement import AgreementState
from services.credit_ledger.domain.model.commands import ReleaseCause
from services.credit_ledger.domain.model.effects import Component
from services.credit_ledger.domain.model.instalment import InstalmentState
from services.credit_ledger.domain.model.leg import LegState, Rail
from services.credit_ledger.domain.model.refund import RefundState
from services.credit_ledger.domain.model.statement import StatementState
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import PlanKind, Route, Strategy, SurplusPolicy
from settlement.common.v1 import instalment_pb2, money_pb2, tender_pb2
from settlement.credit_ledger.v1 import account_pb2, commands_pb2, effects_pb2, leg_pb2, statement_pb2

E = TypeVar("E", bound=StrEnum)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
CURRENCY = "CNY"


class _WireEnum(Protocol):
    def Value(self, name: str) -> int: ...  # the name is protobuf's


def _numbers(kind: type[E], enum: _WireEnum, prefix: str) -> dict[E, Any]:  # Any: the stubs make each enum a type of its own
    return {member: enum.Value(f"{prefix}_{member.name}") for member in kind}


def _members(numbers: Mapping[E, int]) -> dict[int, E]:
    return {number: member for member, number in numbers.items()}


ACCOUNT_STATES = _numbers(AccountState, account_pb2.AccountState, "ACCOUNT_STATE")
AGREEMENT_STATES = _numbers(AgreementState, account_pb2.AgreementState, "AGREEMENT_STATE")
INSTALMENT_STATES = _numbers(InstalmentState, instalment_pb2.InstalmentState, "INSTALMENT_STATE")
STATEMENT_STATES = _numbers(StatementState, statement_pb2.StatementState, "STATEMENT_STATE")
REFUND_STATES = _numbers(RefundState, effects_pb2.RefundState, "REFUND_STATE")
COMPONENTS = _numbers(Component, effects_pb2.DueComponent, "DUE_COMPONENT")
LEG_STATES = _numbers(LegState, leg_pb2.LegState, "LEG_STATE")
RAILS = _numbers(Rail, leg_pb2.Rail, "RAIL")
SURPLUS_POLICIES = _numbers(SurplusPolicy, tender_pb2.SurplusPolicy, "SURPLUS_POLICY")
"""Domain to wire; the other direction below."""

ACCOUNT_STATE_OF = _members(ACCOUNT_STATES)
INSTALMENT_STATE_OF = _members(INSTALMENT_STATES)
LEG_STATE_OF = _members(LEG_STATES)
SURPLUS_POLICY_OF = {0: SurplusPolicy.KEEP, **_members(SURPLUS_POLICIES)}
PLAN_OF = _members(_numbers(PlanKind, tender_pb2.PlanType, "PLAN_TYPE"))
STRATEGY_OF = {0: Strategy.PROPORTIONAL, **_members(_numbers(Strategy, tender_pb2.RefundStrategy, "REFUND_STRATEGY"))}
ROUTE_OF = {0: Route.DIRECT, **_members(_numbers(Route, tender_pb2.CreditRoute, "CREDIT_ROUTE"))}
CAUSE_OF = {0: ReleaseCause.CANCELLED, **_members(_numbers(ReleaseCause, commands_pb2.ReleaseCause, "RELEASE_CAUSE"))}


def instant(moment: datetime | None) -> Timestamp | None:
    """An aware instant, exact to the microsecond; None stays None."""
    if moment is None:
        return None
    seconds, micros = divmod((moment - _EPOCH) // _MICROSECOND, 1_000_000)
    return Timestamp(seconds=seconds, nanos=micros * 1000)


def moment(stamp: Timestamp) -> datetime:
    """The UTC instant of a timestamp."""
    return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)


def iso(day: date | None) -> str:
    """A date as YYYY-MM-DD; empty if there is none."""
    return "" if day is None else day.isoformat()


def money(amount_minor: int) -> money_pb2.Money:
    """Fen as money."""
    return money_pb2.Money(minor_units=amount_minor, currency_code=CURRENCY)


class _Shares(Protocol):
    credit_minor: int
    wallet_minor: int
    bank_minor: int
    coupon_minor: int


def tenders_of(message: _Shares) -> Tenders:
    """The four shares of a message."""
    return Tenders(message.credit_minor, message.wallet_minor, message.bank_minor, message.coupon_minor)
