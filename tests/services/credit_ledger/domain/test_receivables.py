"""What redemptions cost a customer: fees, claims, and what is netted before anything new is asked (P30, P32, RD-33)."""

import pytest

from services.credit_ledger.domain.model import redemptions
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.payout import PayoutMethod
from services.credit_ledger.domain.model.redemptions import ClaimCause, WalletCreditCause
from services.credit_ledger.domain.model.tenders import Tenders
from services.kernel.decision import Refused
from services.kernel.ids import money_account
from services.kernel.messages import Op
from tests.services.credit_ledger.domain.book_in_memory import BookInMemory
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.redeeming import LATER, NOW, ORDER, Redeemer
from tests.services.credit_ledger.domain.shop import CUSTOMER, at


@pytest.mark.parametrize(("wallet", "paid", "owed"), [
    (30_000, 10_000, 0), (10_000, 10_000, 0), (9_999, 9_999, 1), (4_000, 4_000, 6_000), (1, 1, 9_999),
])
def test_a_fee_is_taken_from_the_wallet_and_the_rest_is_owed(wallet: int, paid: int, owed: int) -> None:
    """R21, R22: min(fee, wallet) is paid."""
    shop = Redeemer(wallet=wallet)

    effect = shop.charge(10_000)

    assert (effect.op, effect.paid_minor, effect.owed_minor) == ("cancel_fee", paid, owed)
    assert (shop.wallet, shop.owes, shop.book.balance("I.CANCELFEE")) == (wallet - paid, owed, -10_000)
    assert shop.ops() == ["cancel_fee"]


@pytest.mark.parametrize(("wallet", "netted", "left"), [(500, 500, 1_500), (2_000, 2_000, 0), (2_500, 2_000, 0)])
def test_what_is_owed_already_is_netted_before_a_fee(wallet: int, netted: int, left: int) -> None:
    """The older debt comes first; the fee gets what the wallet still has (RD-33)."""
    shop = Redeemer(wallet=wallet)
    shop.claim(2_000, before=2_000)

    effect = shop.charge(1_000, LATER)

    paid = min(1_000, wallet - netted)
    assert (effect.netted_minor, effect.paid_minor, effect.owed_minor) == (netted, paid, 1_000 - paid)
    assert (shop.wallet, shop.owes) == (wallet - netted - paid, left + 1_000 - paid)


@pytest.mark.parametrize("cause", ClaimCause)
def test_a_claim_goes_over_clearing(cause: ClaimCause) -> None:
    """The customer owes it, and the settlement's clearing waits for the leg of the card's book (3.3)."""
    shop = Redeemer()

    effect = shop.claim(47_000, cause)

    assert (effect.op, effect.owed_minor, shop.owes) == (cause.value.lower(), 47_000, 47_000)
    clearing = [(sub, amount) for (_, name, sub), amount in shop.book.balances.items() if name == "X.CLEARING"]
    assert clearing == [("saga_claim", -47_000)]
    assert shop.ops() == [cause.value.lower()]


def test_what_the_same_order_owes_is_not_netted_for_its_next_claim() -> None:
    """A wrong face and then a fault reversal: both stand as claims, whatever the wallet holds."""
    shop = Redeemer(wallet=94_000)
    shop.claim(47_000)

    shop.claim(47_000, ClaimCause.FAULT_REVERSAL, before=47_000, when=LATER, saga_id="saga_2")

    assert (shop.owes, shop.wallet) == (94_000, 94_000)
    assert shop.ops() == ["face_clawback", "fault_reversal"]


def test_what_other_orders_owe_is_netted_first() -> None:
    """Of 50 000 owed this order claimed 47 000: 3 000 are another's."""
    shop = Redeemer(wallet=0)
    another = redemptions.ClaimFromCustomer(ACCOUNT, CUSTOMER, "rdm_2", ClaimCause.FACE_CLAWBACK, 3_000)
    shop.saga(another, NOW, saga_id="saga_another")
    shop.claim(47_000)
    shop.credit(10_000)

    effect = shop.claim(1_000, ClaimCause.FAULT_REVERSAL, before=47_000, when=LATER, saga_id="saga_2")

    assert (effect.netted_minor, shop.owes, shop.wallet) == (13_000 - 10_000, 48_000, 7_000)


@pytest.mark.parametrize("cause", WalletCreditCause)
def test_money_of_a_closed_card_goes_into_the_wallet(cause: WalletCreditCause) -> None:
    """Under the code of what brought it there (OP-10, PM-3)."""
    shop = Redeemer(wallet=1)

    effect = shop.credit(5_000, cause)

    assert (effect.op, shop.wallet, shop.ops()) == (cause.value.lower(), 5_001, [cause.value.lower()])
    assert shop.book.balance("X.CLEARING") == 5_000


def test_a_voucher_is_paid_from_the_bank() -> None:
    """P35: the account moves nothing, and says in its log that it happened."""
    shop = Redeemer(wallet=1)
    body = redemptions.PayVoucherUse(ACCOUNT, CUSTOMER, ORDER, "vou_1", 3_000)

    effect = shop.saga(body, NOW, saga_id="saga_voucher")

    assert (effect.op, effect.amount_minor) == ("voucher_use", 3_000)
    assert (shop.book.balance("X.CLEARING"), shop.book.balance("A.BANK")) == (3_000, 1 - 3_000)
    assert shop.book.operations(ACCOUNT)[-1].reference == "vou_1"


@pytest.mark.parametrize("body", [
    redemptions.ChargeCancelFee(ACCOUNT, "cus_2", ORDER, 1),
    redemptions.ClaimFromCustomer(ACCOUNT, "cus_2", ORDER, ClaimCause.FACE_CLAWBACK, 1),
    redemptions.CreditWallet(ACCOUNT, "cus_2", ORDER, WalletCreditCause.CARD_CLOSE, 1),
    redemptions.PayVoucherUse(ACCOUNT, "cus_2", ORDER, "vou_1", 1),
])
def test_the_account_of_another_customer_is_not_found(body: object) -> None:
    """Nothing is written."""
    shop = Redeemer()

    refused = shop.saga(body, NOW)

    assert refused == Refused("ACCOUNT_NOT_FOUND", f"{ACCOUNT} is not cus_2's", "NOT_FOUND")
    assert shop.ops() == []


def test_a_customer_without_an_account_gets_one_with_the_first_posting() -> None:
    """Limit 0, its id derived from the customer; the log begins with its opening (OP-6)."""
    book, account_id = BookInMemory(), money_account("cus_9")
    body = redemptions.ChargeCancelFee(account_id, "cus_9", ORDER, 500)

    effect = book.saga(account_id, body, at(NOW))

    account = book.account(account_id)
    assert (account.customer_id, account.granted_minor, account.receivable_minor) == ("cus_9", 0, 500)
    assert [operation.kind for operation in book.operations(account_id)] == ["OpenAccount", "ChargeCancelFee"]
    assert (effect.account_version, account.version) == (1, 1)


def test_a_try_opens_the_account_and_a_cancel_leaves_it_empty() -> None:
    """A claim has to be on something; the account stays, with nothing in it."""
    book, account_id = BookInMemory(), money_account("cus_9")
    body = redemptions.ChargeCancelFee(account_id, "cus_9", ORDER, 500)
    book.saga(account_id, body, at(NOW), Op.TRY, "saga_1")
    assert book.account(account_id).pending is not None

    book.saga(account_id, body, at(LATER), Op.CANCEL, "saga_1")

    account = book.account(account_id)
    assert (account.pending, account.receivable_minor, account.version) == (None, 0, 1)
    assert [operation.kind for operation in book.operations(account_id)] == ["OpenAccount"]


def test_a_try_that_is_confirmed_charges_once() -> None:
    """The claimed account posts with CONFIRM, at the instant of the TRY (OP-1)."""
    book, account_id = BookInMemory(), money_account("cus_9")
    body = redemptions.ChargeCancelFee(account_id, "cus_9", ORDER, 500)
    book.saga(account_id, body, at(NOW), Op.TRY, "saga_1")

    for _ in range(2):
        book.saga(account_id, body, at(LATER), Op.CONFIRM, "saga_1")

    assert (book.account(account_id).receivable_minor, book.account(account_id).version) == (500, 2)
    assert [operation.at for operation in book.operations(account_id)] == [at(NOW), at(NOW)]


@pytest.mark.parametrize("op", [Op.TRY, Op.EXECUTE])
def test_no_other_id_is_opened(op: Op) -> None:
    """An account id that is nobody's, and the money account of another customer."""
    for account_id in ("acc_7", money_account("cus_8")):
        book = BookInMemory()
        body = redemptions.ChargeCancelFee(account_id, "cus_9", ORDER, 500)

        refused = book.saga(account_id, body, at(NOW), op, "saga_1")

        assert isinstance(refused, Refused)
        assert refused.reason == "ACCOUNT_NOT_FOUND"
        assert book.find(CreditAccount, account_id) is None


def test_a_reversal_takes_a_fee_from_the_wallet_of_then() -> None:
    """The refund that had filled the wallet is undone: what the fee took of it the customer owes (P24)."""
    shop = Redeemer(wallet=5_000)
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(wallet_minor=5_000))
    shop.refund("ord_1", "2026-03-11 10:00:00", 0, tenders=Tenders(wallet_minor=5_000))
    shop.charge(3_000)
    assert (shop.wallet, shop.owes) == (2_000, 0)

    shop.reverse("ord_1", LATER)

    assert (shop.wallet, shop.owes, shop.book.balance("I.CANCELFEE")) == (0, 3_000, -3_000)


def test_a_reversal_is_refused_where_the_wallet_paid_a_debt_with_the_refund() -> None:
    """What was netted stands in the log with its figure: no replay nets less (RD-33)."""
    shop = Redeemer(wallet=5_000)
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(wallet_minor=5_000))
    shop.claim(3_000, when="2026-03-10 11:00:00")
    shop.refund("ord_1", "2026-03-11 10:00:00", 0, tenders=Tenders(wallet_minor=5_000))
    shop.charge(1_000)

    refused = shop.reverse("ord_1", LATER)

    assert isinstance(refused, Refused)
    assert refused.reason == "INSUFFICIENT_WALLET"


@pytest.mark.parametrize("method", [PayoutMethod.WALLET, PayoutMethod.BANK])
def test_a_reversal_in_front_of_a_payout_leaves_it(method: PayoutMethod) -> None:
    """What left the house, or is in the wallet, was not paid for the refund (P24)."""
    shop = Redeemer(wallet=5_000)
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(credit_minor=9_000))
    shop.refund("ord_1", "2026-03-11 10:00:00", 9_000)
    shop.claim(1_000, before=1_000)
    shop.pay(94_000, method)
    before = (shop.wallet, shop.payout(), shop.owes)

    shop.reverse("ord_1", LATER)

    assert (shop.wallet, shop.payout(), shop.owes) == before
