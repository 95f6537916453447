"""Aggregates as callers see them."""

import re
from collections.abc import Iterable
from datetime import date, datetime

from google.protobuf.duration_pb2 import Duration

from services.credit_ledger.domain.log.inputs import LOGGED
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.adjustment import Adjustment
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.payout import RedemptionPayout
from services.credit_ledger.domain.model.payout_switch import PayoutSwitch
from services.credit_ledger.domain.model.reconciliation import RailDifference, Reconciliation
from services.credit_ledger.domain.model.statement import Statement
from services.credit_ledger.domain.statements.still_due import StillDue
from services.credit_ledger.wire.scalars import (
    ACCOUNT_STATES,
    DIFFERENCE_KINDS,
    INSTALMENT_STATES,
    LEG_STATES,
    PAYOUT_METHODS,
    PAYOUT_STATES,
    RAILS,
    RECONCILIATION_STATES,
    STATEMENT_STATES,
    SURPLUS_POLICIES,
)
from services.runtime.ground.scalars import date_to_wire, instant_field, instant_to_wire, money_field, money_to_wire
from settlement.common.v1 import instalment_pb2
from settlement.credit_ledger.v1 import (
    account_pb2,
    adjustment_service_pb2,
    leg_pb2,
    movement_pb2,
    payout_pb2,
    payout_service_pb2,
    reconciliation_service_pb2,
    statement_pb2,
)

KINDS = {name: re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper() for name in LOGGED}
"""Kinds of operations as callers see them: RefundTenders is REFUND_TENDERS."""
KIND_OF = {shown: name for name, shown in KINDS.items()}


def account(row: CreditAccount) -> account_pb2.CreditAccount:
    """An account, without what is due: that is in its agreements."""
    return account_pb2.CreditAccount(
        account_id=row.id, customer_id=row.customer_id, state=ACCOUNT_STATES.to_wire[row.state],
        granted_limit=money_field(row.granted_minor), available_limit=money_field(row.available_minor),
        held_limit=money_field(row.held_minor), used_limit=money_field(row.used_minor),
        wallet=money_field(row.wallet_minor), credit_balance=money_field(row.credit_balance_minor),
        receivable=money_field(row.receivable_minor), bill_day=row.bill_day, due_day=row.due_day,
        surplus_policy=SURPLUS_POLICIES.to_wire[row.surplus_policy], late_fee_ppm_per_day=row.late_fee_ppm_per_day,
        next_cut_time=instant_field(row.next_cut_at) if row.next_cut_at else None,
        create_time=instant_field(row.opened_at), version=row.version,
        pending_settlement_id=row.pending.saga_id if row.pending else "",
        last_bill_date=date_to_wire(row.last_bill_date),
    )


def account_with_dues(row: CreditAccount, agreements: Iterable[Agreement]) -> account_pb2.CreditAccount:
    """An account with all that is billed and unpaid."""
    due = fee = late = 0
    for agreement in agreements:
        for item in agreement.instalments:
            due += item.due_minor
            fee += item.fee_due_minor
            late += item.late_minor
    shown = account(row)
    shown.due.CopyFrom(money_to_wire(due))
    shown.fee_due.CopyFrom(money_to_wire(fee))
    shown.late_fee_due.CopyFrom(money_to_wire(late))
    return shown


def instalments(agreement: Agreement, today: date) -> list[instalment_pb2.Instalment]:
    """The repayment table of an agreement on a business date."""
    return [
        instalment_pb2.Instalment(
            no=item.no, principal_minor=item.principal_minor, paid_minor=item.paid_minor,
            refunded_minor=item.refunded_minor, outstanding_minor=item.outstanding_minor, fee_minor=item.fee_minor,
            fee_paid_minor=item.fee_paid_minor, late_minor=item.late_minor, written_off_minor=item.written_off_minor,
            bill_date=date_to_wire(item.bill_date), due_date=date_to_wire(item.due_date), billed=item.billed,
            state=INSTALMENT_STATES.to_wire[item.state(today)], order_id=agreement.order_id,
        )
        for item in agreement.instalments
    ]


def issued(row: Statement) -> statement_pb2.Statement:
    """An issued statement as the document says it."""
    return statement_pb2.Statement(
        account_id=row.account_id, bill_date=date_to_wire(row.bill_date), due_date=date_to_wire(row.due_date),
        amount=money_field(row.amount_minor), offset=money_field(row.offset_minor),
        cut_time=instant_field(row.cut_at), issue_time=instant_field(row.issued_at),
        lines=[
            statement_pb2.StatementLine(
                order_id=line.order_id, no=line.no, due_date=date_to_wire(line.due_date),
                principal_minor=line.principal_minor, fee_minor=line.fee_minor, late_minor=line.late_minor,
            )
            for line in row.lines
        ],
        movement_ids=[movement_id(row.account_id, n) for n in range(row.first_operation, row.last_operation + 1)],
    )


def statement(row: Statement, still_due: StillDue) -> statement_pb2.Statement:
    """A statement with what is still due of it."""
    shown = issued(row)
    shown.due.CopyFrom(money_to_wire(still_due.amount_minor))
    shown.state = STATEMENT_STATES.to_wire[still_due.state]
    return shown


def movement_id(account_id: str, number: int) -> str:
    """The id of a movement: its place in the account's log."""
    return f"{account_id}/{number:08d}"


def movement(row: Operation) -> movement_pb2.Movement:
    """One change of an account with its reason."""
    return movement_pb2.Movement(
        movement_id=row.key, number=row.number, kind=KINDS[row.kind], reason=LOGGED[row.kind].reason(row.body),
        order_id=row.order_id, reference=row.reference, settlement_id=row.saga_id, post_time=instant_field(row.at),
        figures=[movement_pb2.MovedFigure(name=name.lower(), amount_minor=amount) for name, amount in row.moved],
    )


def adjustment(row: Adjustment) -> adjustment_service_pb2.Adjustment:
    """A refund or a leg completed, or a journal posted, by hand."""
    return adjustment_service_pb2.Adjustment(
        adjustment_id=row.id, account_id=row.account_id, order_id=row.order_id, refund_id=row.refund_id,
        maker=row.maker, checker=row.checker, evidence=row.evidence, reason=row.reason,
        post_time=instant_field(row.posted_at), effective_date=date_to_wire(row.effective_date), case_id=row.case_id,
        lines=[adjustment_service_pb2.AdjustmentLine(account=name, amount_minor=amount) for name, amount in row.lines],
    )


def leg(row: RefundLeg) -> leg_pb2.Leg:
    """A payment to the outside world."""
    return leg_pb2.Leg(
        leg_id=row.id, account_id=row.account_id, order_id=row.order_id, refund_id=row.refund_id,
        rail=RAILS.to_wire[row.rail], reference=row.reference, amount=money_field(row.amount_minor),
        state=LEG_STATES.to_wire[row.state], attempts=row.attempts, detail=row.detail,
        create_time=instant_field(row.created_at),
        update_time=instant_field(row.updated_at) if row.updated_at else None,
    )


def payout(row: RedemptionPayout) -> payout_pb2.Payout:
    """The payout of a redemption."""
    return payout_pb2.Payout(
        payout_id=row.id, account_id=row.account_id, order_id=row.order_id, card_id=row.card_id,
        amount=money_field(row.amount_minor), netted=money_field(row.netted_minor),
        method=PAYOUT_METHODS.to_wire[row.method], instrument=row.instrument, state=PAYOUT_STATES.to_wire[row.state],
        attempts=row.attempts, create_time=instant_field(row.requested_at), update_time=instant_field(row.moved_at),
    )


def payout_switch(row: PayoutSwitch) -> payout_service_pb2.PayoutSwitch:
    """Whether payouts are paused."""
    return payout_service_pb2.PayoutSwitch(
        paused=row.paused, operator_id=row.operator_id, reason=row.reason, version=row.version,
        change_time=instant_field(row.changed_at) if row.changed_at else None,
    )


def reconciliation(row: Reconciliation) -> reconciliation_service_pb2.Reconciliation:
    """How far a comparison is, without what is open of it."""
    shown = reconciliation_service_pb2.Reconciliation(
        reconciliation_id=row.id, state=RECONCILIATION_STATES.to_wire[row.state], run=row.run, compared=row.compared,
        found=row.found, version=row.version,
    )
    if row.started_at is not None:
        shown.start_time.CopyFrom(instant_to_wire(row.started_at))
    if row.ended_at is not None:
        shown.end_time.CopyFrom(instant_to_wire(row.ended_at))
    return shown


def difference(row: RailDifference, now: datetime) -> reconciliation_service_pb2.RailDifference:
    """A difference with its age: until now, or until it was resolved."""
    found = row.difference
    shown = reconciliation_service_pb2.RailDifference(
        leg_id=found.key, kind=DIFFERENCE_KINDS.to_wire[found.kind], account_id=found.account_id,
        reference=found.reference, leg_minor=found.leg_minor, rail_minor=found.rail_minor, detail=found.detail,
        open_time=instant_field(row.opened_at), seen_time=instant_field(row.seen_at),
        age=Duration(seconds=max(0, int(((row.resolved_at or now) - row.opened_at).total_seconds()))),
    )
    if row.resolved_at is not None:
        shown.resolve_time.CopyFrom(instant_to_wire(row.resolved_at))
    return shown
