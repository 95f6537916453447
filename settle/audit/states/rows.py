"""Rows as values of the services' domains, as far as their states and timers need them."""

from datetime import datetime

import asyncpg
import msgspec

from services.credit_ledger.domain.model.account import AccountState, CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement, AgreementState, Hold, Plan
from services.credit_ledger.domain.model.leg import LegEnd, LegState, Rail, RailWord, RefundLeg
from services.credit_ledger.domain.model.payout import PayoutMethod, PayoutState, RedemptionPayout
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.credit_ledger.domain.model.tenders import NOTHING, Tenders
from services.credit_ledger.domain.model.terms import CreditTerms
from services.order.domain.bank_shares import Refund
from services.order.domain.deductions import Deduction
from services.order.domain.lines import Line, LineQuantity
from services.order.domain.order import Order
from services.order.domain.returns import ReturnCase
from services.order.domain.states import DeductionState, OrderState, ReturnState
from services.order.domain.tenders import Tender

ORDERS = """
select id, state, settlement_id, placed_at, updated_at, hold_expires_at, lines, tenders, refunds, details, version
from orders where id = any($1::text[]) order by id
"""
CASES = """
select id, order_id, state, settlement_id, requested_at, updated_at, deadline_at, lines, details, version
from return_cases where order_id = any($1::text[]) order by id
"""
ACCOUNTS = """
select id, customer_id, state, opened_at, held_minor, used_minor, credit_balance_minor, bill_day, next_cut_at,
       last_bill_date, pending_saga_id
from credit_accounts where id = any($1::text[]) order by id
"""
AGREEMENTS = """
select order_id, account_id, state, open, hold, refunded, plans, written_off_minor, version
from agreements where account_id = any($1::text[])
"""
LEGS = """
select id, account_id, order_id, refund_id, rail, reference, amount_minor, created_at, state, attempts, updated_at,
       word, ended, moved_at, reversed, detail, version
from legs where account_id = any($1::text[])
"""
REFUNDS = """
select id, account_id, order_id, merchant_id, state, accepted_at, posted_at, version
from credit_refunds where account_id = any($1::text[])
"""


PAYOUTS = """
select id, account_id, order_id, card_id, amount_minor, method, instrument, requested_at, moved_at, state, netted_minor,
       attempts, version
from payouts where account_id = any($1::text[])
"""


class _OrderDetails(msgspec.Struct):
    delivered_at: datetime | None = None
    expired: bool = False
    reject_reason: str = ""
    contestable_until: datetime | None = None


class _CaseDetails(msgspec.Struct):
    waybill_number: str = ""
    reject_reason: str = ""
    disputed_by: str = ""
    deductions: tuple[Deduction, ...] = ()
    deduction_state: DeductionState | None = None
    deducted_at: datetime | None = None
    give_back_id: str = ""


_LINES = msgspec.json.Decoder(tuple[Line, ...])
_TENDERS = msgspec.json.Decoder(tuple[Tender, ...])
_REFUNDS = msgspec.json.Decoder(tuple[Refund, ...])
_ORDER_DETAILS = msgspec.json.Decoder(_OrderDetails)
_UNITS = msgspec.json.Decoder(tuple[LineQuantity, ...])
_CASE_DETAILS = msgspec.json.Decoder(_CaseDetails)
_NO_TERMS = CreditTerms()
"""No state depends on them."""
_HOLD = msgspec.json.Decoder(Hold)
_AMOUNTS = msgspec.json.Decoder(Tenders)
_PLANS = msgspec.json.Decoder(tuple[Plan, ...])


def order_of(row: asyncpg.Record) -> Order:
    """The order of a row of `ORDERS`."""
    details = _ORDER_DETAILS.decode(row["details"])
    return Order(
        id=row["id"], customer_id="", merchant_id="", account_id="", state=OrderState(row["state"]),
        lines=_LINES.decode(row["lines"]), tenders=_TENDERS.decode(row["tenders"]), placed_at=row["placed_at"],
        updated_at=row["updated_at"], refunds=_REFUNDS.decode(row["refunds"]), settlement_id=row["settlement_id"],
        hold_expires_at=row["hold_expires_at"], delivered_at=details.delivered_at, expired=details.expired,
        contestable_until=details.contestable_until, reject_reason=details.reject_reason, version=row["version"],
    )


def case_of(row: asyncpg.Record) -> ReturnCase:
    """The return case of a row of `CASES`."""
    details = _CASE_DETAILS.decode(row["details"])
    return ReturnCase(
        id=row["id"], order_id=row["order_id"], state=ReturnState(row["state"]), lines=_UNITS.decode(row["lines"]),
        requested_at=row["requested_at"], updated_at=row["updated_at"], deadline_at=row["deadline_at"],
        waybill_number=details.waybill_number, reject_reason=details.reject_reason, disputed_by=details.disputed_by,
        settlement_id=row["settlement_id"], deductions=details.deductions, deduction_state=details.deduction_state,
        deducted_at=details.deducted_at, give_back_id=details.give_back_id, version=row["version"],
    )


def account_of(row: asyncpg.Record) -> CreditAccount:
    """The account of a row of `ACCOUNTS`."""
    return CreditAccount(
        id=row["id"], customer_id=row["customer_id"], opened_at=row["opened_at"], held_minor=row["held_minor"],
        used_minor=row["used_minor"], credit_balance_minor=row["credit_balance_minor"], bill_day=row["bill_day"],
        state=AccountState(row["state"]), next_cut_at=row["next_cut_at"], last_bill_date=row["last_bill_date"],
    )


def hold_of(row: asyncpg.Record) -> Hold:
    """The hold of a row of `agreements`."""
    return _HOLD.decode(row["hold"])


def agreement_of(row: asyncpg.Record) -> Agreement:
    """The agreement of a row of `AGREEMENTS`."""
    return Agreement(
        order_id=row["order_id"], account_id=row["account_id"], customer_id="", merchant_id="",
        terms=_NO_TERMS, hold=hold_of(row), state=AgreementState(row["state"]),
        refunded=_AMOUNTS.decode(row["refunded"]), plans=_PLANS.decode(row["plans"]),
        written_off_minor=row["written_off_minor"], version=row["version"],
    )


def leg_of(row: asyncpg.Record) -> RefundLeg:
    """The leg of a row of `LEGS`, but of one whose rail's word was not kept yet."""
    return RefundLeg(
        id=row["id"], account_id=row["account_id"], order_id=row["order_id"], refund_id=row["refund_id"],
        rail=Rail(row["rail"]), reference=row["reference"], amount_minor=row["amount_minor"],
        created_at=row["created_at"], state=LegState(row["state"]), attempts=row["attempts"],
        updated_at=row["updated_at"], word=RailWord(row["word"]), end=LegEnd(row["ended"]), moved_at=row["moved_at"],
        reversed=row["reversed"], detail=row["detail"], version=row["version"],
    )


def refund_of(row: asyncpg.Record) -> CreditRefund:
    """The refund of a row of `REFUNDS`."""
    return CreditRefund(
        id=row["id"], account_id=row["account_id"], order_id=row["order_id"], merchant_id=row["merchant_id"],
        tenders=NOTHING, state=RefundState(row["state"]), accepted_at=row["accepted_at"], posted_at=row["posted_at"],
        version=row["version"],
    )


def payout_of(row: asyncpg.Record) -> RedemptionPayout:
    """The payout of a row of `PAYOUTS`."""
    return RedemptionPayout(**{**row, "method": PayoutMethod(row["method"]), "state": PayoutState(row["state"])})
