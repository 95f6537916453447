"""The enumerations of the credit ledger and its tenders, between the wire and the domain."""

from typing import Protocol

from services.credit_ledger.domain.model.account import AccountState
from services.credit_ledger.domain.model.agreement import AgreementState
from services.credit_ledger.domain.model.commands import ReleaseCause
from services.credit_ledger.domain.model.effects import Component
from services.credit_ledger.domain.model.instalment import InstalmentState
from services.credit_ledger.domain.model.leg import LegState, LegStep, Rail
from services.credit_ledger.domain.model.payout import PayoutMethod, PayoutState
from services.credit_ledger.domain.model.reconciliation import DifferenceKind, ReconciliationState
from services.credit_ledger.domain.model.redemptions import ClaimCause, WalletCreditCause
from services.credit_ledger.domain.model.refund import RefundState
from services.credit_ledger.domain.model.statement import StatementState
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import PlanKind, Route, Strategy, SurplusPolicy
from services.runtime.ground.scalars import Enumeration
from settlement.common.v1 import instalment_pb2, tender_pb2
from settlement.credit_ledger.v1 import (
    account_pb2,
    commands_pb2,
    effects_pb2,
    leg_pb2,
    payout_pb2,
    reconciliation_service_pb2,
    statement_pb2,
)

ACCOUNT_STATES = Enumeration(AccountState, account_pb2.AccountState)
AGREEMENT_STATES = Enumeration(AgreementState, account_pb2.AgreementState)
INSTALMENT_STATES = Enumeration(InstalmentState, instalment_pb2.InstalmentState)
STATEMENT_STATES = Enumeration(StatementState, statement_pb2.StatementState)
REFUND_STATES = Enumeration(RefundState, effects_pb2.RefundState)
COMPONENTS = Enumeration(Component, effects_pb2.DueComponent)
LEG_STATES = Enumeration(LegState, leg_pb2.LegState)
LEG_STEPS = Enumeration(LegStep, leg_pb2.LegStep)
PAYOUT_METHODS = Enumeration(PayoutMethod, payout_pb2.PayoutMethod)
PAYOUT_STATES = Enumeration(PayoutState, payout_pb2.PayoutState)
CLAIM_CAUSES = Enumeration(ClaimCause, commands_pb2.ClaimCause)
CREDIT_CAUSES = Enumeration(WalletCreditCause, commands_pb2.WalletCreditCause)
RECONCILIATION_STATES = Enumeration(ReconciliationState, reconciliation_service_pb2.ReconciliationState)
DIFFERENCE_KINDS = Enumeration(DifferenceKind, reconciliation_service_pb2.DifferenceKind)
RAILS = Enumeration(Rail, leg_pb2.Rail)
PLANS = Enumeration(PlanKind, tender_pb2.PlanType)
STRATEGIES = Enumeration(Strategy, tender_pb2.RefundStrategy, unspecified=Strategy.PROPORTIONAL)
ROUTES = Enumeration(Route, tender_pb2.CreditRoute, unspecified=Route.DIRECT)
SURPLUS_POLICIES = Enumeration(SurplusPolicy, tender_pb2.SurplusPolicy, unspecified=SurplusPolicy.KEEP)
CAUSES = Enumeration(ReleaseCause, commands_pb2.ReleaseCause, unspecified=ReleaseCause.CANCELLED)


class _Shares(Protocol):
    credit_minor: int
    wallet_minor: int
    bank_minor: int
    coupon_minor: int


def tenders_of(message: _Shares) -> Tenders:
    """The four shares of a message."""
    return Tenders(message.credit_minor, message.wallet_minor, message.bank_minor, message.coupon_minor)
