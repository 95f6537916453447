"""Rows as values of the services' domains, as far as their states and timers need them."""

import asyncpg
import msgspec

from services.credit_ledger.domain.model.account import AccountState, CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement, AgreementState, Hold, Plan
from services.credit_ledger.domain.model.leg import LegEnd, LegState, Rail, RailWord, RefundLeg
from services.credit_ledger.domain.model.payout import PayoutMethod, PayoutState, RedemptionPayout
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.credit_ledger.domain.model.tenders import NOTHING, Tenders
from services.credit_ledger.domain.model.terms import CreditTerms
from settle.audit import sealed_tables as tables
from settle.audit.folds import credit_rows

ACCOUNTS = """
select id, customer_id, state, opened_at, held_minor, used_minor, credit_balance_minor, bill_day, next_cut_at,
       last_bill_date, pending_saga_id
from credit_accounts where id = any($1::text[]) order by id
"""
AGREEMENTS = credit_rows.AGREEMENTS.query
LEGS, PAYOUTS = tables.LEGS.query, tables.PAYOUTS.query
"""As the fold reads agreements, and as seals are over legs and payouts: so they are read once."""
REFUNDS = """
select id, account_id, order_id, merchant_id, state, accepted_at, posted_at, version
from credit_refunds where account_id = any($1::text[])
"""


_NO_TERMS = CreditTerms()
"""No state depends on them."""
_HOLD = msgspec.json.Decoder(Hold)
_AMOUNTS = msgspec.json.Decoder(Tenders)
_PLANS = msgspec.json.Decoder(tuple[Plan, ...])


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
        order_id=row["key"], account_id=row["account_id"], customer_id="", merchant_id="",
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
    values = {name: row[name] for name in tables.PAYOUTS.columns}
    return RedemptionPayout(**values | {"method": PayoutMethod(row["method"]), "state": PayoutState(row["state"])})
