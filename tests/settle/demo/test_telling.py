"""The book that the story is told into, and the figures in it."""

import io

from rich.console import Console

from settle.demo import figures
from settle.demo.telling import Book
from settlement.common.v1 import instalment_pb2, journal_pb2


def test_a_claim_that_does_not_hold_is_a_failure() -> None:
    """It is remembered with its chapter."""
    book = Book(None)
    book.chapter("One")
    book.claim("the sky is blue", holds=True)
    book.claim("the sky is green", holds=False)

    assert book.failures == ["One: the sky is green"]
    assert book.chapters[0].claims == [
        {"claim": "the sky is blue", "holds": True},
        {"claim": "the sky is green", "holds": False},
    ]


def test_everything_told_is_heard_and_kept() -> None:
    """Words and tables reach the console and the data alike."""
    heard = io.StringIO()
    book = Book(Console(file=heard, width=100))
    book.chapter("Figures")
    book.say("Two of them.")
    book.table("amounts", ("what", "yuan"), [["a", "1.00"], ["b", "-2.50"]])

    assert all(text in heard.getvalue() for text in ("Figures", "Two of them.", "1.00", "-2.50"))
    assert book.chapters[0].tables == [
        {"title": "amounts", "columns": ["what", "yuan"], "rows": [["a", "1.00"], ["b", "-2.50"]]}
    ]


def row(**amounts: int) -> instalment_pb2.Instalment:
    """One row of a repayment table."""
    made = instalment_pb2.Instalment(no=1, state=instalment_pb2.INSTALMENT_STATE_BILLED)
    for name, amount in amounts.items():
        setattr(made, name, amount)
    return made


def test_a_row_that_loses_a_fen_is_seen() -> None:
    """principal = paid + refunded + still owed, nothing negative."""
    good = row(principal_minor=3, paid_minor=1, refunded_minor=1, outstanding_minor=1)

    assert figures.conserved([good])
    assert not figures.conserved([row(principal_minor=3, paid_minor=1, outstanding_minor=1)])
    assert not figures.conserved([row(principal_minor=3, paid_minor=4, outstanding_minor=-1)])
    assert not figures.conserved([row(fee_minor=1, fee_paid_minor=2)])
    assert figures.owed([good, good]) == 2


def test_journals_are_shown_line_by_line() -> None:
    """Debit left, credit right; an unbalanced one is seen, and none at all too."""
    line = journal_pb2.JournalLine
    lines = [line(account="A.BANK", amount_minor=150), line(account="L.X", amount_minor=-150)]
    journal = journal_pb2.Journal(root_id="acc_1", op="repay", unit=journal_pb2.JOURNAL_UNIT_CNY, lines=lines)

    assert figures.journals([journal]) == [
        ["credit", "repay", "CNY", "A.BANK", "1.50", ""],
        ["", "", "", "L.X", "", "1.50"],
    ]

    assert figures.balanced([journal])
    assert not figures.balanced([])
    assert not figures.balanced([journal_pb2.Journal(lines=lines[:1])])
