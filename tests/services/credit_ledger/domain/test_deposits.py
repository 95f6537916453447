"""What the acquirer took for an order that was rejected goes back through the rail, once, and to nobody else (PM-5)."""

import pytest

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.account import AccountState
from services.credit_ledger.domain.model.effects import CreditEffect
from services.credit_ledger.domain.model.leg import LegState, RefundLeg, SendLeg
from services.credit_ledger.domain.model.payment_reference import PaymentReference
from services.credit_ledger.domain.model.tenders import Tenders
from services.kernel.decision import Refused
from services.kernel.messages import Op
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import CUSTOMER, DEFERRED, MERCHANT, Shop

PLACED, RETURNED, LATER = "2026-03-10 10:00:00", "2026-03-10 10:00:01", "2026-03-11 10:00:00"
BACK = commands.ReturnBankDeposit(ACCOUNT, "ord_1", CUSTOMER, 5_000, "pay_ord_1")
Report = commands.LegReport


def rejected_shop() -> Shop:
    """A shop that refused an order of credit and bank card: there is not that much limit."""
    shop = Shop()
    refused = shop.place("ord_1", PLACED, Tenders(600_000, 0, 5_000))
    assert refused.reason == "INSUFFICIENT_LIMIT"
    return shop


def leg_of(shop: Shop) -> RefundLeg:
    """The only leg."""
    (leg,) = shop.book.family(RefundLeg, ACCOUNT)
    assert isinstance(leg, RefundLeg)
    return leg


def report(shop: Shop, said: Report) -> None:
    """What the rail says of it."""
    shop.plain(commands.ReportLeg(ACCOUNT, leg_of(shop).id, said), LATER)


def test_the_refusal_posts_nothing_and_the_return_sends_the_money_back() -> None:
    """A rejected authorization changes nothing in the book; the leg names the original payment."""
    shop = rejected_shop()
    unmoved = list(shop.book.journals)

    effect = shop.saga(BACK, RETURNED)

    assert isinstance(effect, CreditEffect)
    assert (effect.op, effect.moved, effect.leg_id) == ("deposit_return", Tenders(0, 0, 5_000), leg_of(shop).id)
    assert shop.book.journals == unmoved
    assert shop.book.actions == [SendLeg(leg_of(shop).id, ACCOUNT, leg_of(shop).rail, "pay_ord_1", 5_000)]
    assert shop.book.operations(ACCOUNT)[-1].kind == "ReturnBankDeposit"


def test_when_the_acquirer_has_paid_the_book_tells_the_whole_way() -> None:
    """In, out, and done: nothing is left anywhere, and a second report posts nothing (P3, P6, P7)."""
    shop = rejected_shop()
    shop.saga(BACK, RETURNED)

    report(shop, Report.SETTLED)
    report(shop, Report.SETTLED)

    assert shop.ops() == ["deposit", "deposit_return", "card_refund_settled"]
    assert {shop.book.balance(name) for name in ("A.CH.CARD", "L.DEPOSIT", "L.REFUND.TRANSIT.CARD")} == {0}
    assert leg_of(shop).state is LegState.SETTLED


def test_a_closed_card_leads_to_the_wallet() -> None:
    """The acquirer keeps the money for us, the customer has it in the wallet (PM-3)."""
    shop = rejected_shop()
    shop.saga(BACK, RETURNED)

    report(shop, Report.CLOSED)

    assert shop.ops() == ["deposit", "deposit_return", "leg_rerouted"]
    assert shop.book.account(ACCOUNT).wallet_minor == 105_000
    assert shop.book.balance("A.CH.CARD") == 5_000


def test_what_cannot_be_paid_waits_for_a_person() -> None:
    """An unknown reference is the acquirer's to refuse: an exception, and no money moved."""
    shop = rejected_shop()
    shop.saga(BACK, RETURNED)

    report(shop, Report.REJECTED)

    assert leg_of(shop).state is LegState.EXCEPTION
    assert shop.ops() == []


def test_money_that_pays_another_order_stays() -> None:
    """A reused reference is refused before anything is sent (OP-4)."""
    shop = rejected_shop()
    shop.place("ord_2", PLACED, Tenders(0, 0, 5_000), reference="pay_ord_1")

    refused = shop.saga(BACK, RETURNED)

    assert refused.reason == "PAYMENT_REFERENCE_USED"
    assert shop.book.family(RefundLeg, ACCOUNT) == []


def test_money_that_went_back_pays_no_later_order() -> None:
    """The reference stays claimed; the same return by another settlement is refused too."""
    shop = rejected_shop()
    shop.saga(BACK, RETURNED)

    reused = shop.place("ord_2", LATER, Tenders(0, 0, 5_000), reference="pay_ord_1")
    twice = shop.saga(BACK, LATER)

    assert reused.reason == twice.reason == "PAYMENT_REFERENCE_USED"
    assert shop.book.row(PaymentReference, "pay_ord_1").order_id == "ord_1"
    assert len(shop.book.actions) == 1


def test_after_a_cancelled_try_the_money_goes_back() -> None:
    """The gift card failed: the claim of the TRY is freed by its CANCEL, then the return takes it."""
    shop = Shop()
    body = commands.AuthorizeTenders(
        account_id=ACCOUNT, order_id="ord_1", customer_id=CUSTOMER, merchant_id=MERCHANT, tenders=Tenders(0, 0, 5_000),
        terms=DEFERRED, payment_reference="pay_ord_1",
    )
    shop.saga(body, PLACED, Op.TRY, "saga_1")
    shop.saga(body, PLACED, Op.CANCEL, "saga_1")

    shop.saga(BACK, RETURNED)

    assert leg_of(shop).amount_minor == 5_000


@pytest.mark.parametrize("state", [AccountState.SUSPENDED, AccountState.CLOSED])
def test_an_account_that_may_not_buy_still_gets_its_money(state: AccountState) -> None:
    """The state of the account is why the order was refused, not why money should stay."""
    shop = Shop(wallet=0)
    shop.plain(commands.SetAccountState(ACCOUNT, state, "risk"), PLACED)

    assert isinstance(shop.saga(BACK, RETURNED), CreditEffect)


@pytest.mark.parametrize(("body", "reason"), [
    (commands.ReturnBankDeposit(ACCOUNT, "ord_1", "cus_2", 5_000, "pay_ord_1"), "ACCOUNT_NOT_FOUND"),
    (commands.ReturnBankDeposit(ACCOUNT, "ord_1", CUSTOMER, 0, "pay_ord_1"), "INVALID_ARGUMENT"),
    (commands.ReturnBankDeposit(ACCOUNT, "ord_1", CUSTOMER, 5_000, ""), "INVALID_ARGUMENT"),
    (commands.ReturnBankDeposit(ACCOUNT, "ord_2", CUSTOMER, 5_000, "pay_ord_1"), "AGREEMENT_STATE"),
])
def test_bad_input_writes_nothing(body: commands.ReturnBankDeposit, reason: str) -> None:
    """Another customer's account, nothing to send, no reference, an order that stands."""
    shop = rejected_shop()
    shop.place("ord_2", PLACED, Tenders(0, 100))
    before = dict(shop.book.rows)

    refused = shop.saga(body, RETURNED)

    assert isinstance(refused, Refused)
    assert refused.reason == reason
    assert shop.book.rows == before
