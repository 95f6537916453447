"""Payouts of redemptions: into the wallet at once, to the bank by legs, what is owed netted first (P28, RD-33)."""

from datetime import timedelta

import pytest

from services.credit_ledger.domain.legs.payouts import ATTEMPTS_MAX, PAUSE, PAYOUT_TIMER
from services.credit_ledger.domain.model.commands import LegReport, RetryLeg, SettleLeg
from services.credit_ledger.domain.model.leg import LegEnd, LegState, LegStep, Rail, SendLeg
from services.credit_ledger.domain.model.payout import PayoutMethod, PayoutState
from services.credit_ledger.domain.model.redemption_events import RedemptionPayoutSettled, RedemptionPayoutStepped
from services.kernel.decision import Refused
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.redeeming import CARD, LATER, NOW, ORDER, PAYOUT, Redeemer
from tests.services.credit_ledger.domain.shop import at

WALLET, BANK = PayoutMethod.WALLET, PayoutMethod.BANK
S = PayoutState


def test_a_payout_into_the_wallet_is_paid_at_once() -> None:
    """The answer says so, and no notice follows (R25)."""
    shop = Redeemer(wallet=100)

    effect = shop.pay(95_000, WALLET)

    assert (effect.state, effect.netted_minor, effect.leg_id) == (S.SETTLED, 0, "")
    assert (shop.wallet, shop.transit(), shop.book.notices, shop.legs()) == (95_100, 95_000, [], [])
    assert shop.ops() == ["payout"]


def test_a_payout_to_the_bank_is_a_leg() -> None:
    """Nothing is booked before the bank paid; then the card is told (R20)."""
    shop = Redeemer()
    effect = shop.pay(94_000)
    (leg,) = shop.legs()
    assert (effect.state, effect.leg_id, shop.transit()) == (S.SENT, leg.id, 0)
    assert shop.book.actions == [SendLeg(leg.id, ACCOUNT, Rail.PAYOUT, "bank_1", 94_000)]

    shop.report(LegReport.SETTLED)
    shop.report(LegReport.SETTLED)

    assert (shop.payout().state, shop.transit(), shop.book.balance("A.BANK")) == (S.SETTLED, 94_000, -94_000 + 100_000)
    assert shop.ops() == ["payout"]
    assert shop.book.notices == [RedemptionPayoutSettled(ORDER, PAYOUT, CARD, 94_000, at(LATER))]


def test_a_closed_instrument_goes_to_the_wallet() -> None:
    """Openly: a posting, an event and a notice of their own (PM-3)."""
    shop = Redeemer(wallet=0 + 1)
    shop.pay(94_000)

    shop.report(LegReport.CLOSED)

    assert (shop.payout().state, shop.wallet, shop.transit()) == (S.REROUTED, 94_001, 94_000)
    assert shop.ops() == ["leg_rerouted"]
    assert shop.book.notices == [RedemptionPayoutSettled(ORDER, PAYOUT, CARD, 94_000, at(LATER), rerouted=True)]


def test_a_refused_leg_is_tried_again_and_in_the_end_goes_to_the_wallet() -> None:
    """Each attempt is a leg of its own, behind a pause that doubles; after the last one the wallet has it (PM-3)."""
    shop, now = Redeemer(wallet=1), at(NOW)
    shop.pay(94_000)

    for attempt in range(1, ATTEMPTS_MAX):
        shop.report(LegReport.REJECTED, now.isoformat(sep=" ")[:19], detail="bank is busy")
        assert (shop.payout().state, shop.legs()[-1].state, shop.legs()[-1].end) == (
            S.WAITING, LegState.RECALLED, LegEnd.REPLACED
        )
        shop.book.turn_to(now + PAUSE * 2 ** attempt - timedelta(microseconds=1))
        assert len(shop.legs()) == attempt
        now = now + PAUSE * 2 ** attempt
        shop.book.turn_to(now)
        assert (len(shop.legs()), shop.payout().state) == (attempt + 1, S.SENT)
    shop.report(LegReport.REJECTED, now.isoformat(sep=" ")[:19])

    assert (shop.payout().state, shop.wallet, len(shop.legs())) == (S.REROUTED, 94_001, ATTEMPTS_MAX)
    told = shop.book.notices
    assert [each.step for each in told if isinstance(each, RedemptionPayoutStepped)] == [LegStep.REFUSED] * 2
    assert isinstance(told[-1], RedemptionPayoutSettled)
    assert told[-1].rerouted


def test_what_the_bank_refused_and_paid_all_the_same_is_owed() -> None:
    """A refused leg that was paid after all: the next leg pays too, and the customer owes one of them (PM-7)."""
    shop = Redeemer()
    shop.pay(94_000)
    shop.report(LegReport.REJECTED)
    shop.report(LegReport.SETTLED)
    assert shop.owes == 94_000

    shop.book.turn_to(at(LATER) + 2 * PAUSE)

    assert (shop.payout().state, shop.owes, shop.payout().netted_minor) == (S.SETTLED, 0, 94_000)
    assert shop.transit() == 94_000


def test_a_payment_that_bounced_goes_to_the_wallet() -> None:
    """The card learns it a second time, as rerouted (PM-7)."""
    shop = Redeemer(wallet=1)
    shop.pay(94_000)
    shop.report(LegReport.SETTLED)

    shop.report(LegReport.REJECTED)

    assert (shop.payout().state, shop.wallet, shop.transit()) == (S.REROUTED, 94_001, 94_000)
    assert [type(each).__name__ for each in shop.book.notices] == [
        "RedemptionPayoutSettled", "RedemptionPayoutStepped", "RedemptionPayoutSettled"
    ]


@pytest.mark.parametrize(("owed", "netted", "paid"), [(1, 1, 93_999), (93_999, 93_999, 1), (94_000, 94_000, 0),
                                                     (94_001, 94_000, 0)])
@pytest.mark.parametrize("method", [WALLET, BANK])
def test_what_is_owed_is_netted_before_money_leaves(owed: int, netted: int, paid: int, method: PayoutMethod) -> None:
    """The leg, or the wallet, gets the rest; nothing is left to send where all is netted (RD-33)."""
    shop = Redeemer(wallet=1)
    shop.claim(owed, before=owed)

    effect = shop.pay(94_000, method)

    assert (effect.netted_minor, shop.owes) == (netted, owed - netted)
    if method is WALLET or not paid:
        assert (effect.state, shop.wallet, shop.legs(), shop.transit()) == (S.SETTLED, 1 + paid, [], 94_000)
    else:
        assert (effect.state, shop.legs()[0].amount_minor, shop.transit()) == (S.SENT, paid, netted)


def test_an_id_pays_once() -> None:
    """A second saga with the id of a payout is refused (BK-6)."""
    shop = Redeemer()
    shop.pay(94_000)

    refused = shop.pay(94_000)

    assert refused == Refused("PAYOUT_EXISTS", "pay_1 was asked for before", "ALREADY_EXISTS")
    assert len(shop.legs()) == 1


@pytest.mark.parametrize(("more", "reason"), [
    ({"customer_id": "cus_2"}, "ACCOUNT_NOT_FOUND"), ({"instrument": ""}, "INVALID_ARGUMENT"),
    ({"method": WALLET, "instrument": "bank_1"}, "INVALID_ARGUMENT"), ({"amount": 0}, "INVALID_AMOUNT"),
    ({"amount": -1}, "INVALID_AMOUNT"),
])
def test_what_cannot_be_paid_is_refused(more: dict[str, object], reason: str) -> None:
    """Another's account, no instrument, one too many, no amount: nothing is written."""
    shop = Redeemer()
    events = len(shop.book.events)

    refused = shop.pay(**more)  # type: ignore[arg-type]  # each field has its type

    assert isinstance(refused, Refused)
    assert refused.reason == reason
    assert len(shop.book.events) == events


def test_a_payout_that_waits_has_its_timer() -> None:
    """While payouts are paused it is looked at every minute, and goes out once they go on."""
    shop = Redeemer()
    shop.pause()
    effect = shop.pay(94_000)
    assert (effect.state, shop.legs()) == (S.WAITING, [])
    assert shop.book.timers[PAYOUT_TIMER, PAYOUT].due_at == at(NOW) + PAUSE

    shop.book.turn_to(at(NOW) + PAUSE)
    assert shop.book.timers[PAYOUT_TIMER, PAYOUT].due_at == at(NOW) + 2 * PAUSE
    shop.resume("2026-03-12 10:01:30")
    shop.book.turn_to(at(NOW) + 2 * PAUSE)

    assert shop.payout().state is S.SENT
    assert (PAYOUT_TIMER, PAYOUT) not in shop.book.timers


def test_people_pay_what_the_bank_never_answers_for() -> None:
    """After ten days accepted a person looks; two people pay it from the bank, and the card learns that it is by hand
    (PM-7, MA-3)."""
    shop, later = Redeemer(), "2026-03-22 10:00:02"
    shop.pay(94_000)
    shop.report(LegReport.ACCEPTED)
    shop.book.turn_to(at(later))
    (leg,) = shop.legs()
    assert (leg.state, shop.payout().state, shop.stop(when=later).state) == (LegState.EXCEPTION, S.SENT, S.SENT)

    shop.plain(SettleLeg(ACCOUNT, leg.id, ORDER, "ann", "bob", ("slip 1", "slip 2"), "paid at the counter"), later)

    assert (shop.payout().state, shop.transit(), shop.ops()) == (S.SETTLED, 94_000, ["manual_adjust"])
    assert shop.book.notices[-1] == RedemptionPayoutSettled(ORDER, PAYOUT, CARD, 94_000, at(later), manual=True)


def test_a_leg_that_is_asked_about_again_and_refused_is_replaced() -> None:
    """Whoever has the bank asked once more starts no payment of another id; the bank's refusal does (PM-6)."""
    shop, later = Redeemer(), "2026-03-22 10:00:02"
    shop.pay(94_000)
    shop.report(LegReport.ACCEPTED)
    shop.book.turn_to(at(later))

    shop.plain(RetryLeg(ACCOUNT, shop.legs()[0].id, "ops_1", "the bank asks for it"), later)
    assert [leg.state for leg in shop.legs()] == [LegState.UNKNOWN]
    shop.report(LegReport.REJECTED, later)

    assert (shop.payout().state, shop.legs()[0].end) == (S.WAITING, LegEnd.REPLACED)
