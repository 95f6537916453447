"""What recycling channels remit (P29)."""

from typing import Any

import pytest

from services.credit_ledger.domain.model.channel import RecyclingChannel
from services.credit_ledger.domain.model.redemption_events import RemittanceReceived
from services.credit_ledger.domain.model.redemptions import ReceiveRemittance
from services.kernel.decision import Refused
from services.kernel.messages import Op
from services.kernel.money import BALANCE_MAX_MINOR
from tests.services.credit_ledger.domain.book_in_memory import BookInMemory
from tests.services.credit_ledger.domain.redeeming import LATER, NOW
from tests.services.credit_ledger.domain.shop import at

CHANNEL = "KAQUANMAO"


def remit(
    book: BookInMemory, amount: int, op: Op = Op.EXECUTE, saga_id: str = "saga_1", when: str = NOW,
    name: str = "rem_1", channel: str = CHANNEL,
) -> Any:  # an effect, or a refusal
    """A channel remits."""
    return book.saga(channel, ReceiveRemittance(channel, name, amount), at(when), op, saga_id)


def test_remittances_add_up_under_the_channel() -> None:
    """The bank has them, the other leg is in the clearing of its settlement."""
    book = BookInMemory()

    remit(book, 96_900)
    effect = remit(book, 100, saga_id="saga_2", name="rem_2")

    assert effect.received_minor == book.row(RecyclingChannel, CHANNEL).received_minor == 97_000
    assert (book.balance("A.BANK"), book.balance("X.CLEARING")) == (97_000, -97_000)
    assert [event.body for event in book.events] == [
        RemittanceReceived(CHANNEL, "rem_1", 96_900), RemittanceReceived(CHANNEL, "rem_2", 100)
    ]


def test_a_try_keeps_nothing_and_confirm_books_once() -> None:
    """Nobody else has to wait meanwhile."""
    book = BookInMemory()
    remit(book, 500, Op.TRY)
    assert book.find(RecyclingChannel, CHANNEL) is None

    for _ in range(2):
        remit(book, 500, Op.CONFIRM, when=LATER)

    assert book.row(RecyclingChannel, CHANNEL).received_minor == 500
    assert len(book.journals) == 1


def test_a_try_that_is_cancelled_books_nothing() -> None:
    """CANCEL frees nothing, for nothing was claimed."""
    book = BookInMemory()
    remit(book, 500, Op.TRY)

    remit(book, 500, Op.CANCEL, when=LATER)

    assert (book.journals, book.find(RecyclingChannel, CHANNEL)) == ([], None)


@pytest.mark.parametrize("amount", [0, -1, BALANCE_MAX_MINOR + 1])
def test_no_amount_and_one_above_all_bounds_are_refused(amount: int) -> None:
    """INVALID_AMOUNT, and no channel."""
    book = BookInMemory()

    refused = remit(book, amount)

    assert isinstance(refused, Refused)
    assert refused.reason == "INVALID_AMOUNT"
    assert book.find(RecyclingChannel, CHANNEL) is None


@pytest.mark.parametrize("amount", [500, 499])
def test_a_channel_remits_once_under_a_name(amount: int) -> None:
    """Whatever the amount, and for whichever redemption; another channel has names of its own."""
    book = BookInMemory()
    remit(book, 500)

    refused = remit(book, amount, saga_id="saga_2")
    remit(book, 500, saga_id="saga_3", channel="SUHUISHOU")

    assert isinstance(refused, Refused)
    assert refused.reason == "REMITTANCE_EXISTS"
    assert book.row(RecyclingChannel, CHANNEL).received_minor == book.row(RecyclingChannel, "SUHUISHOU").received_minor
    assert (len(book.journals), book.balance("A.BANK")) == (2, 1_000)
