"""The statement cut: bill day 00:00:00 business time; what happens exactly at it happens after it (SC-1, SC-6, CV-12).

Every decision first calls `up_to_now`, so a late timer or run can never change a result.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.dues.spending import Spent, billed_dues, lines_of, spend
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement, concluded, due_total
from services.credit_ledger.domain.model.books import Lines
from services.credit_ledger.domain.model.commands import CutStatement
from services.credit_ledger.domain.model.events import StatementIssued
from services.credit_ledger.domain.model.instalment import Instalment
from services.credit_ledger.domain.model.statement import Statement, StatementLine, statement_key
from services.kernel.calendar import business_date, day_in_month, due_date, next_bill_date, start_of
from services.kernel.decision import Timer
from services.kernel.errors import FailedPrecondition, InvalidArgument, NotFound
from services.kernel.ids import partition_of
from services.kernel.journal import Journal, Unit, post

CUT_TIMER = "statement_cut"
"""The kind of the timer that makes a due cut happen early enough; its key is the account."""

SPREAD_SECONDS = 4 * 3600
"""Cuts are exact without their timers, since every decision makes the cuts that are due: the timers only have to come
early enough, and are spread so that a bill day's midnight does not stop settlements."""

OFFSET_RULE = "SC-3"


def up_to_now(position: Position) -> Position:
    """The position after every cut that is due at its instant, in order."""
    cut_at = position.account.next_cut_at
    while cut_at is not None and cut_at <= position.at:
        position = cut(position, business_date(cut_at))
        cut_at = position.account.next_cut_at
    return position


def scheduled(account: CreditAccount, bill_date: date) -> tuple[CreditAccount, tuple[Timer, ...]]:
    """The account with a cut to come, if none was; a plan that
    starts never bills before the cut that is already set."""
    if account.next_cut_at is not None:
        return account, ()
    cut_at = start_of(bill_date)
    return replace(account, next_cut_at=cut_at), (cut_timer(account.id, cut_at),)


def cut_timer(account_id: str, cut_at: datetime) -> Timer:
    """The timer of a cut, at a moment of the account's own after it."""
    own_moment = timedelta(seconds=partition_of(account_id, SPREAD_SECONDS))
    return Timer(CUT_TIMER, account_id, account_id, cut_at + own_moment)


def cut_on_request(position: Position, body: CutStatement) -> Applied:
    """The statement of a bill date: the one that is there, or the cut made now."""
    account = position.account
    found = position.find(Statement, statement_key(account.id, body.bill_date))
    if found is not None:
        return Applied(position, found, logged=False)
    if body.bill_date != day_in_month(body.bill_date.year, body.bill_date.month, account.bill_day):
        raise InvalidArgument("INVALID_ARGUMENT", f"{account.id} is billed on day {account.bill_day}")
    if start_of(body.bill_date) > position.at:
        raise FailedPrecondition("BILL_DATE_AHEAD", f"the cut of {body.bill_date} is still to come")
    passed = account.last_bill_date is not None and body.bill_date <= account.last_bill_date
    if passed or start_of(body.bill_date) < account.opened_at:
        raise NotFound("STATEMENT_NOT_FOUND", f"nothing was to be billed on {body.bill_date}")
    after = cut(position, body.bill_date)
    return Applied(after, after.find(Statement, statement_key(account.id, body.bill_date)), logged=False)


def cut(position: Position, bill_date: date) -> Position:
    """Bill what the date bills, apply the credit balance, issue the statement (SD-4, SC-3)."""
    agreements = position.family(Agreement)
    billed = {agreement.key: _billed(agreement, bill_date) for agreement in agreements}
    journals = tuple([
        journal for agreement in agreements if billed[agreement.key] is not agreement
        for journal in _bill_journals(agreement, bill_date)
    ])
    amount = due_total(billed.values())
    lines = _lines(billed.values())
    offset = min(position.account.credit_balance_minor, amount)
    spent = spend(billed.values(), offset, OFFSET_RULE)
    after = {**billed, **{agreement.key: agreement for agreement in spent.agreements}}
    account = _account_after(
        position.account, bill_date, offset=offset, principal=spent.principal_minor, agreements=after.values(),
        operation=position.next_operation,
    )
    statement = _statement(position, bill_date, amount, offset, lines)
    changed = tuple(after[agreement.key] for agreement in agreements if after[agreement.key] is not agreement)
    position = position.plus(
        *changed, statement, account=account, journals=journals + _offset_journals(account.id, spent),
        event=StatementIssued(account.id, bill_date, statement.due_date, amount, offset),
        timers=(cut_timer(account.id, account.next_cut_at),) if account.next_cut_at else (),
        cleared=() if account.next_cut_at else ((CUT_TIMER, account.id),),
    )
    return position.log(CutStatement(account.id, bill_date), statement.cut_at, reference=statement.key)


def _is_due(instalment: Instalment, bill_date: date) -> bool:
    return not instalment.billed and instalment.bill_date <= bill_date


def _billed(agreement: Agreement, bill_date: date) -> Agreement:
    if not any(_is_due(item, bill_date) for plan in agreement.plans for item in plan.instalments):
        return agreement
    after = replace(agreement, plans=tuple(
        replace(plan, instalments=tuple(
            item._replace(billed=True) if _is_due(item, bill_date) else item for item in plan.instalments
        )) for plan in agreement.plans
    ))
    return replace(after, state=concluded(after))


def _bill_journals(agreement: Agreement, bill_date: date) -> tuple[Journal, ...]:
    """What the date bills of one agreement; nothing where nothing is outstanding and no fee is charged (P8)."""
    due = [item for item in agreement.instalments if _is_due(item, bill_date)]
    principal = sum(item.outstanding_minor for item in due)
    fee = sum(item.fee_minor for item in due)
    owner = agreement.account_id
    return post("bill", Unit.CNY, (
        (books.LOAN_BILLED, owner, principal), (books.LOAN_UNBILLED, owner, -principal),
        (books.LOAN_FEE, owner, fee), (books.fee_income(agreement.terms.deferred), "", -fee),
    ), agreement.order_id)


def _offset_journals(account_id: str, spent: Spent) -> tuple[Journal, ...]:
    """Credit balance that pays a bill gives limit back, as a repayment does (P15)."""
    used = sum(use.amount_minor for use in spent.uses)
    lines: Lines = ((books.CREDIT_BALANCE, account_id, used), *lines_of(spent.uses, account_id))
    op = "credit_balance_offset"
    return post(op, Unit.CNY, lines) + books.limit_restored(op, account_id, spent.principal_minor)


def _lines(agreements: Iterable[Agreement]) -> tuple[StatementLine, ...]:
    return tuple(
        StatementLine(
            order_id=due.order_id, no=due.no, due_date=due.due_date, principal_minor=item.outstanding_minor,
            fee_minor=item.fee_due_minor, late_minor=item.late_minor,
        )
        for due in billed_dues(agreements) for item in (due.instalment,)
    )


def _statement(
    position: Position, bill_date: date, amount: int, offset: int, lines: tuple[StatementLine, ...]
) -> Statement:
    """The document; its adjustments are the operations since the statement before (SC-2)."""
    account = position.account
    return Statement(
        account_id=account.id, bill_date=bill_date, due_date=due_date(bill_date, account.due_day),
        cut_at=start_of(bill_date), issued_at=position.at, amount_minor=amount, offset_minor=offset, lines=lines,
        first_operation=account.stated_operations + 1, last_operation=position.next_operation - 1,
    )


def _account_after(
    account: CreditAccount, bill_date: date, *, offset: int, principal: int, agreements: Iterable[Agreement],
    operation: int,
) -> CreditAccount:
    more = any(agreement.open for agreement in agreements)
    return replace(
        account, last_bill_date=bill_date, credit_balance_minor=account.credit_balance_minor - offset,
        used_minor=account.used_minor - principal,
        stated_operations=operation,
        next_cut_at=start_of(next_bill_date(bill_date, account.bill_day)) if more else None,
    )
