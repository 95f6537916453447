"""The credit book's leg of a settlement with a merchant over both books (DOMAIN 3.3)."""

import pytest

from services.credit_ledger.decisions import RULES
from services.credit_ledger.domain.model.commands import ClawBackFromMerchant, PayGiftCardShare
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.kernel.decision import Done, Known
from services.kernel.errors import Defect
from services.kernel.messages import Message, Op
from services.kernel.shares import share_keys
from tests.in_memory import NOW, Step
from tests.services.credit_ledger.domain.book_in_memory import BookInMemory

SHOP = "mer_1"
ROOT = share_keys(SHOP)[0]
BODY = PayGiftCardShare(SHOP, 5_000)


def _play(op: Op, *shares: MerchantShare) -> Step:
    return _decided(BookInMemory().given(*shares), ROOT, BODY, op, "saga_s")


def _decided(book: BookInMemory, key: str, body: object, op: Op, saga_id: str) -> Step:
    """A saga's command; what confirms or cancels comes after its TRY."""
    tried = book.command(key, body, Op.TRY, saga_id)
    return tried if op is Op.TRY else book.command(key, body, op, saga_id)


def _lines(decision: Step) -> list[tuple[str, str, int]]:
    return [(line.account, line.sub, line.amount_minor) for journal in decision.journals for line in journal.lines]


def test_the_bank_pays_what_the_card_book_gives_up() -> None:
    """Dr X.CLEARING{saga} g, Cr BANK g; this book's own payable stays."""
    done = _play(Op.CONFIRM, MerchantShare(ROOT, SHOP, payable_minor=700))

    assert _lines(done) == [("X.CLEARING", "saga_s", 5_000), ("A.BANK", "", -5_000)]
    assert isinstance(done.outcome, Done)
    assert done.outcome.moved == (("GIFTCARD", 5_000),)
    assert [(row.payable_minor, row.version) for row in done.changes if isinstance(row, MerchantShare)] == [(700, 2)]


def test_what_the_merchant_owes_is_netted_first() -> None:
    """Cr MERCH.RECV instead of BANK, over all shares, up to what is owed."""
    other = share_keys(SHOP)[7]

    done = _play(
        Op.CONFIRM, MerchantShare(ROOT, SHOP, receivable_minor=500), MerchantShare(other, SHOP, receivable_minor=1_500)
    )

    assert _lines(done) == [("X.CLEARING", "saga_s", 5_000), ("A.MERCH.RECV", SHOP, -2_000), ("A.BANK", "", -3_000)]
    assert [row.receivable_minor for row in done.changes if isinstance(row, MerchantShare)] == [0, 0]


def test_a_try_promises_and_a_cancel_forgets() -> None:
    """It cannot be refused, so nothing has to be claimed."""
    tried, cancelled = _play(Op.TRY), _play(Op.CANCEL)

    assert tried.outcome == Done(moved=(("GIFTCARD", 5_000),))
    assert not (tried.changes)
    assert not (tried.journals)
    assert not (tried.events)
    assert not (cancelled.changes)
    assert not (cancelled.journals)


def _claw_back(
    op: Op, amount: int, undone: bool = False, payable_minor: int = 0, receivable_minor: int = 0
) -> Step:
    root, body = share_keys(SHOP)[3], ClawBackFromMerchant(SHOP, "ord_1", amount, undone)
    share = MerchantShare(root, SHOP, payable_minor, receivable_minor)
    return _decided(BookInMemory().given(share), root, body, op, "saga_r")


def _share(decision: Step) -> tuple[int, int]:
    (row,) = decision.changes
    assert isinstance(row, MerchantShare)
    return row.payable_minor, row.receivable_minor


def test_a_merchant_owes_what_the_card_book_had_paid_it_for_a_refund() -> None:
    """Dr MERCH.RECV g, Cr X.CLEARING{saga} g; this book's own payable is another share and stays (P23, OP-3)."""
    done = _claw_back(Op.CONFIRM, 600, payable_minor=50, receivable_minor=400)

    assert _lines(done) == [("A.MERCH.RECV", SHOP, 600), ("X.CLEARING", "saga_r", -600)]
    assert [(journal.op, journal.order_id) for journal in done.journals] == [("refund", "ord_1")]
    assert _share(done) == (50, 1_000)


@pytest.mark.parametrize("key", ["acc_1", "mer_other/03", "mer_1"])
def test_a_command_under_a_key_that_is_no_share_of_the_merchant_is_set_aside(key: str) -> None:
    """Looking for a share makes its row: a record with another key left one under the id of an account, and the auditor
    took the account's events for those of a share."""
    body = ClawBackFromMerchant(SHOP, "ord_1", 600)
    rule, message = RULES[ClawBackFromMerchant], Message("m", key, body)

    assert not rule.wants(body, message)
    with pytest.raises(Defect, match="no share"):
        rule.decide(Known(), body, message, NOW)


def test_undone_it_comes_off_what_the_merchant_still_owes() -> None:
    """What was netted meanwhile is payable again (P24)."""
    done = _claw_back(Op.CONFIRM, 600, undone=True, receivable_minor=400)

    assert _lines(done) == [("L.MERCH.PAY", SHOP, -200), ("A.MERCH.RECV", SHOP, -400), ("X.CLEARING", "saga_r", 600)]
    assert [journal.op for journal in done.journals] == ["refund_reverse"]
    assert _share(done) == (200, 0)


@pytest.mark.parametrize(("op", "amount"), [(Op.TRY, 0), (Op.TRY, 600), (Op.CANCEL, 0), (Op.CONFIRM, 0)])
def test_only_a_confirm_that_names_an_amount_claims_it(op: Op, amount: int) -> None:
    """How much it is, is known with the decision; often it is nothing."""
    decision = _claw_back(op, amount)

    assert decision == Step(Done())
