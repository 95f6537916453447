"""What holds of bank-card refunds after every step, whatever people and banks do: of what is told, and of the money."""

from services.credit_ledger.domain.model.leg import LegEnd, LegState, RailWord
from services.order.domain.returns import RETURN_STATES
from services.order.domain.states import DeductionState, RefundState, ReturnState
from services.order.domain.tenders import TenderType
from tests.services.bank_shop import FUNDED, BankShop, tender

WITH_THE_CUSTOMER = (LegState.SETTLED, LegState.REROUTED)
SUCCEEDED = (RefundState.SUCCEEDED, RefundState.SUCCEEDED_MANUAL)


def readers_see_what_is_true(shop: BankShop) -> None:
    """SUCCEEDED only with the share at the customer and the network's word, EXCEPTION while one is refused or late,
    CREDIT_DONE while the share is on its way; a return case stands with its refund."""
    at_network = shop.at_network()
    for row, refund, leg in shop.refunds():
        seen, waiting = shop.shown(refund), at_network.get(refund.id)
        if refund.state is RefundState.REVERSED:
            assert seen is RefundState.REVERSED
        elif leg is not None and leg.state is LegState.EXCEPTION:
            assert seen is RefundState.EXCEPTION, (refund, leg)
        elif waiting is not None:
            assert seen.value == waiting.state.value, (refund, waiting)
        elif leg is None or leg.state in WITH_THE_CUSTOMER:
            assert seen in SUCCEEDED, (row.id, refund, leg)
        else:
            assert seen is RefundState.CREDIT_DONE, (refund, leg)
    for case in shop.cases():
        refund_of = next((each for _, each, _ in shop.refunds() if each.settlement_id == case.settlement_id), None)
        if refund_of is not None and refund_of.state is not RefundState.REVERSED:
            assert case.state is RETURN_STATES[refund_of.state], case


def tenders_say_what_arrived(shop: BankShop) -> None:
    """Of cancels and of refunds that stand, what is with the customer, on the card, in the wallet or by hand."""
    undone = {refund.id for _, refund, _ in shop.refunds() if refund.state is RefundState.REVERSED}
    for row in shop.orders():
        arrived = sum(
            leg.amount_minor for leg in shop.legs()
            if leg.order_id == row.id and leg.state in WITH_THE_CUSTOMER and leg.refund_id not in undone
        )
        assert tender(row, TenderType.BANKCARD).settled_minor == arrived


def what_the_rail_paid_is_what_was_refunded(shop: BankShop) -> None:
    """What it told us it paid, less what the customer owes back or has paid back, is what was refunded by bank card:
    but for what is on its way, in the wallet, paid by hand, or kept by the acquirer."""
    legs, rows = shop.legs(), shop.orders()
    told = sum(leg.sent_minor for leg in legs if leg.word is RailWord.PAID)
    elsewhere = sum(leg.sent_minor for leg in legs if leg.in_transit or leg.end in (LegEnd.BY_HAND, LegEnd.KEPT))
    wallets = [tender(row, TenderType.WALLET) for row in rows]
    spent = sum(each.amount_minor - each.refunded_minor - each.released_minor for each in wallets)
    rerouted = shop.account().wallet_minor - (FUNDED - spent)
    cards = [tender(row, TenderType.BANKCARD) for row in rows]
    refunded = sum(each.refunded_minor + each.released_minor for each in cards)
    assert told + elsewhere + rerouted - shop.account().receivable_minor - paid_back(shop) == refunded


def paid_back(shop: BankShop) -> int:
    """What the customer has paid of what was owed for the rail's second payments."""
    posted = shop.engine.worlds["credit_ledger"].journals
    return sum(line.amount_minor for each in posted if each.op == "manual_adjust" for line in each.lines
               if line.account == "A.BANK" and line.amount_minor > 0)


def merchants_bear_what_was_refunded(shop: BankShop) -> None:
    """What both books owe the merchant less what it owes them, and what it was paid, is what was captured less what
    was refunded, coupons included."""
    owed = sum(share.payable_minor - share.receivable_minor for share in shop.merchant_shares())
    owed += sum(share.payable_minor for share in shop.card_shares())
    sold = sum(
        row.captured_minor - row.refunded_minor + row.coupon.captured_minor - row.coupon.refunded_minor
        for row in shop.orders()
    )
    assert owed + shop.paid_to_merchants == sold


def no_payment_is_paid_out_above_itself(shop: BankShop) -> None:
    """The rail's own sum of what it pays or may yet pay, by payment; nor does the acquirer keep more than it."""
    for row in shop.orders():
        kept = [leg for leg in shop.legs() if leg.order_id == row.id and leg.end is LegEnd.KEPT]
        assert sum(leg.sent_minor for leg in kept) <= tender(row, TenderType.BANKCARD).amount_minor
        legs = [leg for leg in shop.sent() if leg.order_id == row.id and shop.decided.get(leg.id) is not False]
        paid = sum(leg.sent_minor for leg in legs)
        assert row.id in shop.contradicted or paid <= tender(row, TenderType.BANKCARD).amount_minor


def lines_are_within_what_shipped(shop: BankShop) -> None:
    """No line gives more than it cost, and none is left below nothing (PR-8, PR-9)."""
    for row in shop.orders():
        assert 0 <= row.refunded_minor <= row.captured_minor
        for line in row.lines:
            assert 0 <= line.returned <= line.returned + line.returning <= line.shipped
            assert line.left_minor >= 0


def every_case_has_ended(shop: BankShop) -> None:
    """What was received is refunded, and its deductions are decided or can be."""
    for case in shop.cases():
        if case.settlement_id:
            assert case.state is ReturnState.REFUNDED, case
            assert case.deduction_state is not DeductionState.GIVING_BACK
    for _, refund, _ in shop.refunds():
        assert refund.state in (*SUCCEEDED, RefundState.REVERSED), refund


ALL = (
    readers_see_what_is_true, tenders_say_what_arrived, what_the_rail_paid_is_what_was_refunded,
    merchants_bear_what_was_refunded, no_payment_is_paid_out_above_itself, lines_are_within_what_shipped,
)
