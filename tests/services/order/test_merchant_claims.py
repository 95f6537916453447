"""What a refund of a gift card's share takes from a merchant that was paid already, and its undoing (P23, P24)."""

from services.kernel.messages import Op
from services.kernel.shares import share_keys
from services.order.domain.commands import RefundAmount, ReverseRefund
from services.order.domain.participation import CARD_REDEMPTION, CREDIT_LEDGER, ClawBackFromMerchant, RefundTenders
from services.order.domain.plans import Movement
from services.order.domain.states import RefundState
from services.order.domain.tenders import TenderType
from tests.services.order.world import MIXED, ORDER_ID, World, new_order, sent, shipped


def _confirmed_to_credit(world: World) -> RefundTenders | ClawBackFromMerchant:
    """Both answer TRY; what the credit ledger is then told to confirm."""
    while not any(c.saga and c.saga.op is Op.CONFIRM for c in world.sent):
        world.answer(world.sent.pop(0))
    body = next(c.body for c in world.sent if c.participant == CREDIT_LEDGER)
    assert isinstance(body, RefundTenders | ClawBackFromMerchant)
    return body


def test_the_credit_ledger_hears_at_the_decision_what_the_merchant_was_paid_for() -> None:
    """Only the card book knows it, and only once it has been asked (P23)."""
    world = shipped(MIXED)
    world.uncovered_minor = 700
    world.ask(RefundAmount(ORDER_ID, 10_000))
    tried = next(c.body for c in world.sent if c.participant == CREDIT_LEDGER)

    confirmed = _confirmed_to_credit(world)

    assert isinstance(tried, RefundTenders)
    assert isinstance(confirmed, RefundTenders)
    assert (tried.uncovered_minor, confirmed.uncovered_minor) == (0, 700)


def test_a_refund_to_a_gift_card_alone_asks_the_credit_ledger_about_the_merchant() -> None:
    """Its root there is the merchant's share, for the customer need not have an account (P23, P24)."""
    world = shipped(new_order(tenders=((TenderType.GIFTCARD, 100_000),)))
    world.uncovered_minor = 9_000
    world.ask(RefundAmount(ORDER_ID, 10_000))
    keys = {c.key.rpartition("/")[0] for c in world.sent if c.participant == CREDIT_LEDGER}

    claimed = _confirmed_to_credit(world)
    world.settle()
    refunded = world.refund().state
    world.ask(ReverseRefund(ORDER_ID))
    given_back = _confirmed_to_credit(world)
    world.settle()

    assert keys == {"merchant"}
    assert isinstance(claimed, ClawBackFromMerchant)
    assert isinstance(given_back, ClawBackFromMerchant)
    assert (claimed.amount_minor, claimed.undone) == (9_000, False)
    assert (given_back.amount_minor, given_back.undone) == (9_000, True)
    assert (refunded, world.refund().state) == (RefundState.SUCCEEDED, RefundState.REVERSED)


def test_the_share_of_a_merchant_is_one_that_the_credit_ledger_settles() -> None:
    """Another name would hold a debt that no settlement nets."""
    movement = Movement(
        order_id="o", customer_id="c", merchant_id="m", account_id="a", card_id="", shares=(), coupon_minor=0
    )
    assert {movement._replace(card_id=f"crd_{n}").merchant_share for n in range(500)} == set(share_keys("m"))


def test_undoing_what_the_merchant_was_not_paid_for_is_the_cards_alone() -> None:
    """One participant, one EXECUTE."""
    world = shipped(new_order(tenders=((TenderType.GIFTCARD, 100_000),)))
    world.ask(RefundAmount(ORDER_ID, 10_000))
    world.settle()

    world.ask(ReverseRefund(ORDER_ID))

    assert sent(world) == [(CARD_REDEMPTION, "EXECUTE", "ReverseCardRefund")]
