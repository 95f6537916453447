"""The credit book's leg of a settlement with a merchant over both books (DOMAIN 3.3)."""

from services.credit_ledger.decisions import RULES
from services.credit_ledger.domain.commands import PayGiftCardShare
from services.credit_ledger.domain.merchant import MerchantShare, share_keys
from services.kernel.decision import Decision, Done, Known
from services.kernel.messages import Message, Op, SagaRef
from tests.credit_ledger.ledger import START

SHOP = "mer_1"
ROOT = share_keys(SHOP)[0]
BODY = PayGiftCardShare(SHOP, 5_000)


def _play(op: Op, *shares: MerchantShare) -> Decision:
    known = Known()
    known.load(MerchantShare, {share.key: share for share in shares}, share_keys(SHOP))
    return RULES[PayGiftCardShare].decide(known, Message("", ROOT, BODY, saga=SagaRef("saga_s", "credit_ledger", op)), START)


def _lines(decision: Decision) -> list[tuple[str, str, int]]:
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

    done = _play(Op.CONFIRM, MerchantShare(ROOT, SHOP, receivable_minor=500), MerchantShare(other, SHOP, receivable_minor=1_500))

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
