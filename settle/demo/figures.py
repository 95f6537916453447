"""Answers of the API as rows of tables."""

from collections.abc import Iterable, Sequence
from typing import Any

from services.kernel.money import yuan
from settlement.common.v1 import instalment_pb2, journal_pb2, tender_pb2
from settlement.credit_ledger.v1 import credit_service_pb2

Answer = Any  # a generated message
Rows = list[list[str]]

INSTALMENTS = ("no", "bill date", "principal", "paid", "refunded", "still owed", "fee", "fee paid", "state")
JOURNALS = ("book", "op", "ledger", "account", "debit", "credit")
TENDERS = ("tender", "gives back")
ACCOUNT = ("granted", "available", "held", "used", "wallet", "credit balance")
STEPS = ("rule", "about", "yuan", "in words", "中文")


def instalments(rows: Iterable[Answer]) -> Rows:
    """A repayment table."""
    return [
        [
            str(row.no),
            row.bill_date,
            yuan(row.principal_minor),
            yuan(row.paid_minor),
            yuan(row.refunded_minor),
            yuan(row.outstanding_minor),
            yuan(row.fee_minor),
            yuan(row.fee_paid_minor),
            instalment_pb2.InstalmentState.Name(row.state).removeprefix("INSTALMENT_STATE_").lower(),
        ]
        for row in rows
    ]


def journals(found: Iterable[Answer]) -> Rows:
    """Journals line by line, an operation named where it begins."""
    rows = []
    for journal in found:
        unit = journal_pb2.JournalUnit.Name(journal.unit).removeprefix("JOURNAL_UNIT_")
        for number, line in enumerate(journal.lines):
            debit, credit = (yuan(line.amount_minor), "") if line.amount_minor > 0 else ("", yuan(-line.amount_minor))
            named = ["", "", ""] if number else [book(journal.root_id), journal.op, unit]
            rows.append([*named, line.account, debit, credit])
    return rows


def book(root_id: str) -> str:
    """Whose book a root belongs to."""
    return "cards" if root_id.startswith("crd_") else "credit"


def tenders(shares: Iterable[Answer]) -> Rows:
    """What each means of payment got back."""
    return [[tender(share.type), yuan(share.amount.minor_units)] for share in shares]


def tender(kind: int) -> str:
    """The name of a means of payment."""
    return tender_pb2.TenderType.Name(tender_pb2.TenderType.ValueType(kind)).removeprefix("TENDER_TYPE_").lower()


def account(found: Answer) -> Rows:
    """An account in one row."""
    amounts = (
        found.granted_limit, found.available_limit, found.held_limit, found.used_limit, found.wallet,
        found.credit_balance,
    )
    return [[yuan(amount.minor_units) for amount in amounts]]


def steps(found: Iterable[Answer]) -> Rows:
    """The chain of rules behind the figures."""
    return [[step.rule, step.subject, yuan(step.amount_minor), step.text_en, step.text_zh] for step in found]


def owed(rows: Iterable[Answer]) -> int:
    """Unpaid principal of a repayment table."""
    return sum(int(row.outstanding_minor) for row in rows)


def conserved(rows: Sequence[Answer]) -> bool:
    """Whether every row keeps principal = paid + refunded + still owed, nothing negative."""
    return all(
        row.principal_minor == row.paid_minor + row.refunded_minor + row.outstanding_minor + row.written_off_minor
        and min(row.paid_minor, row.refunded_minor, row.outstanding_minor, row.fee_minor - row.fee_paid_minor) >= 0
        for row in rows
    )


def balanced(found: Sequence[Answer]) -> bool:
    """Whether there are journals, and each of them sums to zero."""
    return bool(found) and all(sum(line.amount_minor for line in journal.lines) == 0 for journal in found)


def spent(answer: credit_service_pb2.RepayResponse) -> int:
    """What a repayment paid of fees, late fees and principal."""
    return sum(int(use.amount_minor) for use in answer.uses)
