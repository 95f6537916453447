"""The account in sagas: TRY is invisible, CONFIRM is what EXECUTE would have been, all others wait (BZ-1 to BZ-5)."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.account import AccountState
from services.credit_ledger.domain.model.effects import CreditEffect
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.credit_ledger.domain.model.payment_reference import PaymentReference
from services.credit_ledger.domain.model.tenders import Tenders
from services.kernel.decision import Busy, Refused
from services.kernel.messages import Op
from services.kernel.money import BALANCE_MAX_MINOR
from services.kernel.shares import share_key
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import CUSTOMER, DEFERRED, MERCHANT, Shop, at

TRIED = "2026-04-04 23:59:59"
CONFIRMED = "2026-04-05 00:00:05"
REFUND = commands.RefundTenders(ACCOUNT, "ord_1", MERCHANT, "ref_1", Tenders(30_000))
WRITERS: tuple[Any, ...] = (
    commands.Repay(ACCOUNT, 1), commands.FundWallet(ACCOUNT, 1), commands.GrantLimit(ACCOUNT, 1),
    commands.AccrueLateFees(ACCOUNT, date(2026, 4, 1)), commands.WaiveLateFees(ACCOUNT),
    commands.PayOutCreditBalance(ACCOUNT, 1), commands.CutStatement(ACCOUNT, date(2026, 4, 5)),
    commands.ChargeOff(ACCOUNT, "ord_1"), commands.ConfirmFlashRefund(ACCOUNT, "ord_1"), commands.PreviewRefund(REFUND),
)


def claimed_shop() -> Shop:
    """A shipped order whose refund is tried and undecided."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(100_000), DEFERRED)
    shop.saga(REFUND, TRIED, Op.TRY, "saga_1")
    return shop


def test_a_try_moves_nothing_but_the_claim() -> None:
    """No journal, no event, no version; its answer is what the confirmation will say."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(100_000), DEFERRED)
    journals, version = len(shop.book.journals), shop.book.account(ACCOUNT).version

    tried = shop.saga(REFUND, TRIED, Op.TRY, "saga_1")

    assert isinstance(tried, CreditEffect)
    assert (len(shop.book.journals), shop.book.account(ACCOUNT).version) == (journals, version)
    assert shop.saga(REFUND, CONFIRMED, Op.CONFIRM, "saga_1") == tried


@pytest.mark.parametrize("body", WRITERS, ids=lambda body: type(body).__name__)
def test_every_other_writer_waits(body: Any) -> None:  # a command of any type
    """The cut and the runs among them; a quote too, since the outcome would make it stale (BZ-5)."""
    assert claimed_shop().plain(body, CONFIRMED) == Busy("saga_1")


def test_another_saga_waits_and_the_same_one_passes() -> None:
    """A resent TRY of the same settlement is answered again (BZ-2)."""
    shop = claimed_shop()

    other = shop.saga(REFUND, TRIED, Op.TRY, "saga_2")
    again = shop.saga(REFUND, TRIED, Op.TRY, "saga_1")

    assert other == Busy("saga_1")
    assert isinstance(again, CreditEffect)


def test_a_confirmation_after_the_cut_posts_before_it() -> None:
    """TRY before the cut decides; the cut runs after the decision and bills what is left (OP-1)."""
    shop = claimed_shop()

    shop.saga(REFUND, CONFIRMED, Op.CONFIRM, "saga_1")
    shop.plain(commands.CutStatement(ACCOUNT, shop.instalments("ord_1")[0].bill_date), CONFIRMED)

    assert shop.ops()[-3:] == ["refund", "refund", "bill"]
    assert shop.statements() == {"2026-04-05": 70_000 + shop.fees("ord_1")[0]}


def test_a_cancelled_try_leaves_no_trace() -> None:
    """The account is as before, and free."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(100_000), DEFERRED)
    before = dict(shop.book.rows)
    shop.saga(REFUND, TRIED, Op.TRY, "saga_1")

    shop.saga(REFUND, TRIED, Op.CANCEL, "saga_1")

    assert shop.book.rows == before


def test_a_refused_try_claims_nothing() -> None:
    """A refusal is an answer; the account stays free."""
    shop = claimed_shop()
    shop.saga(REFUND, TRIED, Op.CANCEL, "saga_1")

    refused = shop.saga(
        commands.RefundTenders(ACCOUNT, "ord_1", MERCHANT, "ref_2", Tenders(100_001)), TRIED, Op.TRY, "saga_2"
    )

    assert isinstance(refused, Refused)
    assert shop.book.account(ACCOUNT).pending is None


@pytest.mark.parametrize(("end", "free"), [(Op.CONFIRM, False), (Op.CANCEL, True)])
def test_a_payment_reference_is_claimed_from_the_try_on(end: Op, free: bool) -> None:
    """Another account cannot take it between TRY and CONFIRM; a CANCEL frees it (OP-4)."""
    shop = Shop()
    body = commands.AuthorizeTenders(
        account_id=ACCOUNT, order_id="ord_1", customer_id=CUSTOMER, merchant_id=MERCHANT, tenders=Tenders(0, 0, 500),
        terms=DEFERRED, payment_reference="pay_1",
    )
    other = commands.AuthorizeTenders(
        account_id=ACCOUNT, order_id="ord_2", customer_id=CUSTOMER, merchant_id=MERCHANT, tenders=Tenders(0, 0, 500),
        terms=DEFERRED, payment_reference="pay_1",
    )
    shop.saga(body, "2026-03-10 10:00:00", Op.TRY, "saga_1")
    claimed = shop.book.row(PaymentReference, "pay_1")

    shop.saga(body, "2026-03-10 10:00:01", end, "saga_1")
    result = shop.saga(other, "2026-03-10 10:00:02")

    assert claimed.order_id == "ord_1"
    assert isinstance(result, CreditEffect) is free


def test_an_unknown_account_and_a_taken_one_are_refused() -> None:
    """ACCOUNT_NOT_FOUND, ACCOUNT_EXISTS; another customer's account is not found either."""
    shop = Shop()

    taken = shop.plain(commands.OpenAccount(ACCOUNT, "cus_2"), "2026-03-10 10:00:00")
    unknown = shop.book.ask("acc_9", commands.Repay("acc_9", 1), shop.book.account(ACCOUNT).opened_at)
    foreign = shop.saga(commands.AuthorizeTenders(
        account_id=ACCOUNT, order_id="ord_1", customer_id="cus_2", merchant_id=MERCHANT, tenders=Tenders(1),
        terms=DEFERRED,
    ), TRIED)

    assert (taken.reason, unknown.reason, foreign.reason) == (
        "ACCOUNT_EXISTS", "ACCOUNT_NOT_FOUND", "ACCOUNT_NOT_FOUND"
    )


def test_a_suspended_account_authorizes_no_credit_but_still_settles() -> None:
    """2.3: refunds, repayments and wallet orders go on; a closed account is closed for good."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(1_000))
    shop.plain(commands.SetAccountState(ACCOUNT, AccountState.SUSPENDED, "risk"), "2026-03-11 10:00:00")

    credit = shop.place("ord_2", "2026-03-11 11:00:00", Tenders(1))
    wallet = shop.place("ord_3", "2026-03-11 11:00:00", Tenders(0, 1))
    early = shop.plain(commands.SetAccountState(ACCOUNT, AccountState.CLOSED), "2026-03-11 12:00:00")
    shop.refund("ord_1", "2026-03-11 13:00:00", 1_000)
    shop.plain(commands.SetAccountState(ACCOUNT, AccountState.CLOSED), "2026-03-11 14:00:00")
    closed = shop.place("ord_4", "2026-03-11 15:00:00", Tenders(0, 1))

    assert (credit.reason, early.reason, closed.reason) == (
        "ACCOUNT_NOT_ACTIVE", "ACCOUNT_NOT_CLEAR", "ACCOUNT_NOT_ACTIVE"
    )
    assert isinstance(wallet, CreditEffect)


@pytest.mark.parametrize(("op", "done"), [(Op.TRY, False), (Op.CONFIRM, True)])
def test_only_a_try_is_refused_for_a_merchants_full_share(op: Op, done: bool) -> None:
    """Others fill the share between TRY and CONFIRM: the decision was made, and its CONFIRM was a defect."""
    shop = Shop()
    shop.place("ord_1", "2026-03-10 10:00:00", Tenders(100_000))
    capture = commands.CaptureTenders(ACCOUNT, "ord_1", MERCHANT, Tenders(100_000))
    if op is Op.CONFIRM:
        shop.book.saga(ACCOUNT, capture, at(TRIED), Op.TRY, "saga_1")
    key = share_key(MERCHANT, ACCOUNT)
    shop.book.given(MerchantShare(key, MERCHANT, payable_minor=BALANCE_MAX_MINOR))

    result = shop.book.saga(ACCOUNT, capture, at(CONFIRMED), op, "saga_1")

    assert isinstance(result, CreditEffect) is done
    assert done or result.reason == "INVALID_AMOUNT"
    assert shop.book.row(MerchantShare, key).payable_minor == BALANCE_MAX_MINOR + 100_000 * done


@pytest.mark.parametrize("bounced", [False, True])
def test_the_rails_word_is_booked_however_full_a_wallet_is(bounced: bool) -> None:
    """A refusal let the rail's last word go unheard (PM-7): the instrument is closed, the wallet takes it."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(0, 0, 5_000))
    shop.refund("ord_1", "2026-03-11 10:00:00", 0, tenders=Tenders(0, 0, 5_000))
    (leg,) = shop.book.family(RefundLeg, ACCOUNT)
    shop.book.given(replace(shop.book.account(ACCOUNT), wallet_minor=BALANCE_MAX_MINOR))
    if bounced:
        shop.book.ask(ACCOUNT, commands.ReportLeg(ACCOUNT, leg.id, commands.LegReport.SETTLED), at(TRIED))

    shop.book.ask(ACCOUNT, commands.ReportLeg(ACCOUNT, leg.id, commands.LegReport.CLOSED), at(CONFIRMED))

    assert shop.book.account(ACCOUNT).wallet_minor == BALANCE_MAX_MINOR + 5_000
