"""What the log of a credit account tells of each table: its rows, column by column.

Not told, since no log has it: versions and the number of events (legs step without an operation; `versions` in
`credit_accounts` has their bounds), claims of sagas, the steps of a leg after it was sent (`state`, `attempts`,
`detail`, `word`, what rails report) and with them of its payout (`state`, `moved_at`), that a flash refund waits too
long (EXCEPTION), and what of a payment counts for later legs (`used_minor`). Merchants' shares belong to many accounts
and have a fold of their own.
"""

from operator import attrgetter

from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.adjustment import AdjustedLine, Adjustment
from services.credit_ledger.domain.model.agreement import Agreement, Hold, Plan
from services.credit_ledger.domain.model.leg import LegEnd, RefundLeg
from services.credit_ledger.domain.model.payment_reference import PaymentReference
from services.credit_ledger.domain.model.payout import PayoutState, RedemptionPayout
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.credit_ledger.domain.model.repayment import Repayment
from services.credit_ledger.domain.model.statement import Statement, StatementLine
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms
from settle.audit.folds.tables import Column, Table, column, columns, listed

ACCOUNTS = Table("credit_accounts", CreditAccount, "id", of="id", version="version", columns=columns(
    "customer_id", "state", "opened_at", "granted_minor", "held_minor", "used_minor", "wallet_minor",
    "credit_balance_minor", "receivable_minor", "bill_day", "due_day", "late_fee_ppm_per_day", "surplus_policy",
    "next_cut_at", "last_bill_date", "stated_operations", "shipments", "operations",
))
AGREEMENTS = Table("agreements", Agreement, "order_id", (
    *columns(
        "customer_id", "merchant_id", "state", "open", "payment_reference", "written_off_minor", "charged_back_at",
    ),
    listed("terms", CreditTerms), listed("hold", Hold), listed("refunded", Tenders), listed("plans", tuple[Plan, ...]),
), version="version")
STATEMENTS = Table("statements", Statement, "bill_date::text", (
    *columns(
        "bill_date", "due_date", "cut_at", "issued_at", "amount_minor", "offset_minor", "first_operation",
        "last_operation",
    ),
    listed("lines", tuple[StatementLine, ...]),
))
REPAYMENTS = Table("repayments", Repayment, "id", columns(
    "number", "received_at", "amount_minor", "instrument", "given_back_minor",
), version="version")


def _waiting(refund: CreditRefund) -> str:
    """A refund that waits may wait too long: then a person has to look, and nothing else is different."""
    return RefundState.PENDING_CHANNEL if refund.open else refund.state


REFUNDS = Table("credit_refunds", CreditRefund, "id", (
    *columns("order_id", "merchant_id", "accepted_at", "posted_at"), listed("tenders", Tenders),
    Column("state", _waiting, select="replace(state, 'EXCEPTION', 'PENDING_CHANNEL')"),
), version="version")
ADJUSTMENTS = Table("adjustments", Adjustment, "id", (
    *columns(
        "order_id", "refund_id", "maker", "checker", "reason", "posted_at", "effective_date", "case_id",
    ),
    listed("evidence", tuple[str, ...]), listed("lines", tuple[AdjustedLine, ...]),
))
LEGS = Table("legs", RefundLeg, "id", (
    *columns(
        "order_id", "refund_id", "rail", "reference", "amount_minor", "created_at", "counted_minor", "payout_id",
    ),
    Column("ended", lambda leg: leg.end is LegEnd.REROUTED, select="ended = 'REROUTED' or state = 'REROUTED'"),
    Column(
        "reversed", attrgetter("reversed"), unless_null=True,
        select="case when word <> '' then reversed or state = 'RECALLED' and ended <> 'REPLACED' end",
    ),
))
"""Older code noted no reversal; a leg that another one replaced was not reversed."""


def _under_way(payout: RedemptionPayout) -> str:
    """How far a payout is, as far as the log has it: what the bank says of its legs is not there."""
    return payout.state if payout.state in (PayoutState.REROUTED, PayoutState.STOPPED) else "UNDER WAY"


PAYOUTS = Table("payouts", RedemptionPayout, "id", (
    *columns(
        "order_id", "card_id", "amount_minor", "method", "instrument", "requested_at", "netted_minor", "attempts",
    ),
    Column("state", _under_way, select="case when state in ('REROUTED', 'STOPPED') then state else 'UNDER WAY' end"),
))
CHILDREN = (AGREEMENTS, STATEMENTS, REPAYMENTS, REFUNDS, ADJUSTMENTS, LEGS, PAYOUTS)
REFERENCES = Table("payment_references", PaymentReference, "id", (column("order_id"),), of="id")
"""An acquirer's payment: no account's own row, but an order of the account has claimed it."""
