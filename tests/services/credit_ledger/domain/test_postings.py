"""The table of postings: it has a row for every input, and explains no other journal (every decision that a test of
this room makes is held against it)."""

from collections.abc import Iterator

import pytest

from services.card_redemption.decisions import RULES as CARD_RULES
from services.card_redemption.domain import books as card_books
from services.card_redemption.domain import postings as card_postings
from services.card_redemption.domain.commands import CloseCard, IssueCard, VoidCard
from services.card_redemption.domain.redemption import books as redemption_books
from services.credit_ledger.domain.log.inputs import APPLY
from services.credit_ledger.domain.log.postings import POSTINGS, SUBS, UNDER_A_CHANNEL, UNDER_A_SHARE
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.commands import CaptureTenders
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.tenders import Tenders
from services.kernel.effects import PostedJournal
from services.kernel.journal import Journal, Line, Unit
from tests.in_memory import NOW
from tests.services.credit_ledger.domain.book_in_memory import posted_by_the_table


def _codes(books_module: object) -> Iterator[str]:
    return (
        value for name, value in vars(books_module).items()
        if name.isupper() and isinstance(value, str) and "." in value
    )


def test_every_input_has_a_row() -> None:
    """What may stand in the log of an account, or come from a rail, says what it posts; so does every command about
    an order's card or a merchant. What redemptions post is reckoned from the steps that they tell."""
    assert POSTINGS.keys() == APPLY.keys()
    assert card_postings.POSTINGS.keys() == _BY_DESK | {kind for kind in CARD_RULES if _of_merchant(kind)}


_BY_DESK = {IssueCard, CloseCard, VoidCard}


def _of_merchant(command: type) -> bool:
    """Whether a card command is about what a merchant sold, or is owed."""
    return "merchant_id" in getattr(command, "__dataclass_fields__", {})


def test_only_accounts_of_the_books_are_posted() -> None:
    """No account without a name in the books, and each limit account only in LIMIT."""
    tables = (*POSTINGS.values(), *UNDER_A_SHARE.values(), *UNDER_A_CHANNEL.values())
    rows = [posting for each in tables for posting in each]
    accounts = {account for posting in rows for account in posting.debited | posting.credited}

    assert accounts | SUBS.keys() == set(_codes(books))
    assert card_postings.SUBS.keys() == {*_codes(card_books), *_codes(redemption_books)}
    assert all((posting.unit is Unit.LIMIT) == account.startswith("LIM.")
               for posting in rows for account in posting.debited | posting.credited)


@pytest.mark.parametrize("lines", [
    (("A.BANK", "", 500), ("I.FEE.INST", "", -500)), (("L.MERCH.PAY", "mer_1", 500), ("L.DEPOSIT", "ord_1", -500)),
    (("L.DEPOSIT", "ord_2", 500), ("L.MERCH.PAY", "mer_1", -500)),
])
def test_a_journal_of_nobody_is_refused(lines: tuple[tuple[str, str, int], ...]) -> None:
    """Another account, the other side, another order: an assertion that cannot fail would prove nothing."""
    own = (("L.DEPOSIT", "ord_1", 500), ("L.MERCH.PAY", "mer_1", -500))
    operation = Operation("acc_1", 1, NOW, CaptureTenders("acc_1", "ord_1", "mer_1", Tenders(wallet_minor=500)))
    posted_by_the_table(operation.body, [operation], [_captured(own)])

    with pytest.raises(AssertionError):
        posted_by_the_table(operation.body, [operation], [_captured(lines)])


def _captured(lines: tuple[tuple[str, str, int], ...]) -> PostedJournal:
    journal = Journal("capture", Unit.CNY, tuple(Line(*line) for line in lines), "ord_1")
    return PostedJournal("acc_1", 1, 0, journal, "", NOW)
