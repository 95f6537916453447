"""A binding quote: what is shown is what happens, or it is stale for a reason (U1, FE-7)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.effects import Preview
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, PlanKind
from services.kernel.decision import Busy
from services.kernel.messages import Op
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import DEFERRED, Shop, at

SHIPPED = "2026-03-10 10:00:00"
REFUND = commands.RefundTenders(ACCOUNT, "ord_1", "mer_1", "ref_1", Tenders(50_000))


def shop_with_order() -> Shop:
    """One shipped deferral with a fee."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000), DEFERRED)
    return shop


def quoted(shop: Shop, when: str) -> tuple[Preview, commands.RefundTenders]:
    """A quote, and the refund that accepts it."""
    preview: Preview = shop.plain(commands.PreviewRefund(REFUND), when)
    return preview, replace(
        REFUND, expected_account_version=preview.account_version, quote_valid_until=preview.valid_until
    )


@pytest.mark.parametrize(("when", "until"), [
    ("2026-03-20 10:00:00", "2026-03-20 10:10:00"), ("2026-03-20 23:55:00", "2026-03-21 00:00:00"),
    ("2026-04-04 23:59:59", "2026-04-05 00:00:00"),
])
def test_a_quote_holds_for_ten_minutes_until_the_cut_or_the_end_of_the_fee_day(when: str, until: str) -> None:
    """The earlier of the three."""
    preview, _ = quoted(shop_with_order(), when)

    assert preview.valid_until == at(until)


def test_a_quote_tells_fee_limit_and_statement() -> None:
    """What the refund page shows: instalments, fee, limit, what is still due on bills."""
    shop = shop_with_order()
    shop.plain(commands.CutStatement(ACCOUNT, shop.instalments("ord_1")[0].bill_date), "2026-04-05 00:00:00")

    preview, _ = quoted(shop, "2026-04-06 10:00:00")

    assert (preview.statement_due_before_minor, preview.statement_due_after_minor) == (100_600, 50_000 + 570)
    assert (preview.effect.available_minor, preview.effect.limit_restored_minor) == (450_000, 50_000)
    assert [(row.outstanding_minor, row.fee_minor, row.fee_before_minor) for row in preview.effect.instalments] == [
        (50_000, 570, 600)
    ]


@pytest.mark.parametrize(("later", "accepted"), [(599, True), (600, True), (601, False)])
def test_accepted_is_quoted_to_the_fen_up_to_the_last_second(later: int, accepted: bool) -> None:
    """Ten minutes include their end (CV-9)."""
    shop = shop_with_order()
    preview, body = quoted(shop, "2026-03-20 10:00:00")

    result = shop.book.saga(ACCOUNT, body, at("2026-03-20 10:00:00") + timedelta(seconds=later))

    if accepted:
        assert replace(result, posted_at=preview.quoted_at) == preview.effect
    else:
        assert (result.reason, result.status) == ("QUOTE_STALE", "ABORTED")


@pytest.mark.parametrize("ends", ["2026-03-20 23:59:59", "2026-04-04 23:59:59"])
def test_midnight_itself_is_too_late(ends: str) -> None:
    """The fee of the next day, and the bill of the cut, are other results: the instant belongs to them."""
    shop = shop_with_order()
    _, body = quoted(shop, ends)

    result = shop.book.saga(ACCOUNT, body, at(ends) + timedelta(seconds=1))

    assert result.reason == "QUOTE_STALE"


def test_a_quote_is_stale_once_the_account_has_moved() -> None:
    """Any visible change counts, also one that would not matter; the reason names the version."""
    shop = shop_with_order()
    preview, body = quoted(shop, "2026-03-20 10:00:00")
    shop.plain(commands.FundWallet(ACCOUNT, 1), "2026-03-20 10:00:01")

    result = shop.saga(body, "2026-03-20 10:00:02")

    assert result.reason == "QUOTE_STALE"
    assert dict(result.metadata) == {"account_version": str(preview.account_version + 1)}


def test_a_saga_tried_in_time_is_confirmed_at_any_time() -> None:
    """The instant of TRY counts, so an accepted quote holds through midnight and cut (OP-1)."""
    shop = shop_with_order()
    preview, body = quoted(shop, "2026-04-04 23:59:58")
    shop.saga(body, "2026-04-04 23:59:59", Op.TRY, "saga_1")

    waiting = shop.plain(commands.PreviewRefund(REFUND), "2026-04-05 00:00:00")
    result = shop.saga(body, "2026-04-06 10:00:00", Op.CONFIRM, "saga_1")

    assert isinstance(waiting, Busy)
    assert replace(result, posted_at=preview.quoted_at) == preview.effect
    assert not shop.instalments("ord_1")[0].billed


def test_a_cancel_is_quoted_and_accepted_alike() -> None:
    """A hold has the same pins as a refund (U1)."""
    shop = Shop()
    shop.place("ord_1", SHIPPED, Tenders(50_000, 100), CreditTerms(plan=PlanKind.DEFERRED))
    body = commands.ReleaseTenders(ACCOUNT, "ord_1", "mer_1", Tenders(50_000, 100))
    preview: Preview = shop.plain(commands.PreviewRelease(body), "2026-03-11 10:00:00")
    pinned = replace(body, expected_account_version=preview.account_version, quote_valid_until=preview.valid_until)

    early = shop.saga(pinned, "2026-03-11 10:10:00")

    assert preview.effect.limit_restored_minor == 50_000
    assert replace(early, posted_at=preview.quoted_at) == preview.effect


def test_what_cannot_be_done_cannot_be_quoted() -> None:
    """A preview refuses with the reason of the command itself (U4)."""
    shop = shop_with_order()

    result = shop.plain(commands.PreviewRefund(replace(REFUND, tenders=Tenders(100_001))), "2026-03-20 10:00:00")

    assert result.reason == "REFUND_EXCEEDS_REMAINING"


def test_a_quote_on_a_day_whose_cut_is_not_made_yet_holds() -> None:
    """Cuts need no timer; quote and acceptance both compute after the due cut, and the acceptance makes it."""
    shop = shop_with_order()

    preview, body = quoted(shop, "2026-04-05 00:00:01")
    before = shop.statements()
    result = shop.saga(body, "2026-04-05 00:05:00")

    assert (before, shop.statements()) == ({}, {"2026-04-05": 100_600})
    assert preview.statement_due_before_minor == 100_600
    assert replace(result, posted_at=preview.quoted_at) == preview.effect


def test_a_pinned_version_alone_does_not_outlive_a_cut() -> None:
    """Without the end of the quote nobody knows whether it was given before the cut."""
    shop = shop_with_order()
    pinned = replace(REFUND, expected_account_version=shop.book.account(ACCOUNT).version)

    assert shop.saga(pinned, "2026-04-05 00:00:00").reason == "QUOTE_STALE"
