"""The rail has the last word, whatever we decided about a leg (PM-7); each of these failed when an ended leg was
forgotten."""

from datetime import timedelta

import pytest

from services.credit_ledger.domain.legs import life, steps
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.adjustment import AdjustedLine
from services.credit_ledger.domain.model.events import BankRefundStepped
from services.credit_ledger.domain.model.leg import LegState, LegStep, QueryLeg, RailWord, RefundLeg, SendLeg
from services.credit_ledger.domain.model.tenders import Tenders
from services.kernel.calendar import business_date
from services.kernel.decision import Refused
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import Shop, at
from tests.services.credit_ledger.domain.test_legs import REFUNDED, Report, due_at, leg_of, report, shop_with_leg

REVERSED = "2026-03-12 11:00:00"
LATER = "2026-03-12 12:00:00"


def recalled(*said: Report) -> Shop:
    """A refund that was taken back after the rail had said this."""
    shop, _ = shop_with_leg()
    for one in said:
        report(shop, one)
    shop.reverse("ord_1", REVERSED)
    return shop


def legs(shop: Shop) -> dict[str, RefundLeg]:
    """All legs by their refund."""
    return {leg.refund_id: leg for leg in shop.book.family(RefundLeg, ACCOUNT)}


def again(shop: Shop, amount: int = 5_000, when: str = LATER) -> None:
    """Another refund of the same payment."""
    shop.refund("ord_1", when, 0, tenders=Tenders(0, 0, amount))


def says(shop: Shop, refund_id: str, said: Report, when: str) -> None:
    """What the rail says about the leg of this refund."""
    shop.plain(commands.ReportLeg(ACCOUNT, legs(shop)[refund_id].id, said), when)


def receivable(shop: Shop) -> int:
    """What the customer owes beside instalments."""
    return shop.book.account(ACCOUNT).receivable_minor


def owes_back(shop: Shop, amount: int, when: str) -> None:
    """The customer pays this much of the receivable."""
    lines = (AdjustedLine("A.BANK", amount), AdjustedLine("A.CUST.RECV", -amount))
    shop.plain(commands.PostAdjustment(
        ACCOUNT, "ord_1", "case", lines, "ann", "bob", ("order", "bill"), "paid", business_date(at(when))
    ), when)


@pytest.mark.parametrize("said", [(), (Report.UNKNOWN,), (Report.ACCEPTED,)])
def test_what_was_taken_back_is_asked_about_and_never_sent(said: tuple[Report, ...]) -> None:
    """The timer goes on with growing pauses up to a day, and every wake-up only asks."""
    shop = recalled(*said)
    pauses = []
    for _ in range(25):
        due = due_at(shop)
        shop.book.turn_to(due)
        pauses.append(due_at(shop) - due)

    asked = shop.book.actions[-25:]
    sent = SendLeg(leg_of(shop).id, ACCOUNT, leg_of(shop).rail, "pay_ord_1", 5_000)
    assert asked == [QueryLeg(sent, only_ask=True)] * 25
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(days=1)


def test_the_first_question_comes_at_once() -> None:
    """However long the leg had been asked about before it was taken back."""
    shop, _ = shop_with_leg()
    for _ in range(12):
        shop.book.turn_to(due_at(shop))
    when = due_at(shop) - timedelta(seconds=1)

    shop.reverse("ord_1", when.replace(tzinfo=None).isoformat(" "))

    assert due_at(shop) - when == timedelta(seconds=steps.RETRY_SECONDS)


def test_a_leg_paid_after_the_recall_is_owed_and_in_the_log() -> None:
    """The customer has the money twice over otherwise; a repeated report counts once, and nothing is asked any more."""
    shop = recalled(Report.ACCEPTED)

    for _ in range(2):
        report(shop, Report.SETTLED, LATER)

    assert (leg_of(shop).state, leg_of(shop).word, receivable(shop)) == (LegState.SETTLED, RailWord.PAID, 5_000)
    assert [operation.kind for operation in shop.book.operations(ACCOUNT)][-1] == "CorrectLeg"
    assert isinstance(shop.book.notices[-1], BankRefundStepped)
    assert shop.book.notices[-1].step is LegStep.PAID_ANYWAY


def test_a_rerouted_leg_that_is_paid_after_all_is_owed() -> None:
    """PM-3 gave it to the wallet; the card got it too."""
    shop, _ = shop_with_leg()
    report(shop, Report.CLOSED)

    report(shop, Report.SETTLED, LATER)

    account = shop.book.account(ACCOUNT)
    assert (account.wallet_minor, account.receivable_minor, leg_of(shop).state) == (105_000, 5_000, LegState.SETTLED)


@pytest.mark.parametrize("word", [Report.REJECTED, Report.CLOSED])
def test_a_payment_that_bounced_goes_on_to_the_wallet(word: Report) -> None:
    """Settled and later bounced is booked back and goes on by PM-3."""
    shop, _ = shop_with_leg()
    report(shop, Report.SETTLED)

    for _ in range(2):
        report(shop, word, LATER)

    assert (leg_of(shop).state, shop.book.account(ACCOUNT).wallet_minor) == (LegState.REROUTED, 105_000)
    assert (shop.book.balance("A.CH.CARD"), shop.book.balance("L.REFUND.TRANSIT.CARD")) == (5_000, 0)
    assert shop.ops()[-2:] == ["leg_bounced", "leg_rerouted"]


@pytest.mark.parametrize("paid_back", [0, 2_000, 5_000])
def test_a_bounce_of_what_the_customer_owes_is_owed_no_longer(paid_back: int) -> None:
    """What the customer paid of it meanwhile is in the wallet."""
    shop = recalled(Report.SETTLED)
    if paid_back:
        owes_back(shop, paid_back, LATER)

    report(shop, Report.REJECTED, "2026-03-12 13:00:00")

    account = shop.book.account(ACCOUNT)
    assert (account.receivable_minor, account.wallet_minor) == (0, 100_000 + paid_back)
    assert leg_of(shop).word is RailWord.REFUSED


@pytest.mark.parametrize(("word", "state"), [(Report.CLOSED, LegState.REROUTED), (Report.REJECTED, LegState.SETTLED)])
def test_what_was_paid_twice_and_came_back_leaves_the_refund_alone(word: Report, state: LegState) -> None:
    """The customer has it in the wallet, or by hand: the order hears of no bounce, which would have its refund wait for
    good."""
    shop, leg = shop_with_leg()
    report(shop, word)
    if word is Report.REJECTED:
        shop.plain(commands.SettleLeg(ACCOUNT, leg.id, "ord_1", "ann", "bob", ("order", "bill"), "paid"), LATER)
    report(shop, Report.SETTLED, LATER)

    report(shop, Report.REJECTED, "2026-03-12 13:00:00")

    told = [notice.step for notice in shop.book.notices if isinstance(notice, BankRefundStepped)]
    assert told[-2:] == [LegStep.PAID_ANYWAY, LegStep.CAME_BACK]
    assert (leg_of(shop).state, receivable(shop)) == (state, 0)


@pytest.mark.parametrize(("elapsed", "asks"), [(-1, True), (0, False), (1, False)])
def test_what_the_rail_never_heard_of_is_over_after_a_day(elapsed: int, asks: bool) -> None:
    """At -1 s, 0 and +1 s: nothing that was sent can arrive any more, so nothing is left to ask."""
    shop = recalled(Report.UNKNOWN)
    when = at(REVERSED) + life.ARRIVES_WITHIN + timedelta(seconds=elapsed)

    report(shop, Report.ABSENT, when.replace(tzinfo=None).isoformat(" "))

    assert ((steps.LEG_TIMER, leg_of(shop).id) in shop.book.timers) is asks


@pytest.mark.parametrize(
    ("elapsed", "state"), [(-1, LegState.ACCEPTED), (0, LegState.EXCEPTION), (1, LegState.EXCEPTION)]
)
def test_a_leg_that_stays_accepted_is_an_exception(elapsed: int, state: LegState) -> None:
    """Ten days, at -1 s, 0 and +1 s; it is asked about all the same, and pays as any other."""
    shop, _ = shop_with_leg()
    report(shop, Report.ACCEPTED)
    over = at("2026-03-12 10:00:01") + steps.ACCEPTED_MAX

    shop.book.turn_to(over + timedelta(seconds=elapsed))
    reached = leg_of(shop).state
    report(shop, Report.SETTLED, "2026-04-01 10:00:00")

    assert reached is state
    assert (leg_of(shop).state, receivable(shop)) == (LegState.SETTLED, 0)


def test_a_leg_without_an_answer_is_asked_about_while_a_person_looks() -> None:
    """It is never sent by itself again; what people paid from the bank and the rail pays too is owed."""
    shop, leg = shop_with_leg()
    for _ in range(life.ATTEMPTS_MAX + 2):
        shop.book.turn_to(due_at(shop))
    asked = shop.book.actions[-1]
    settle = commands.SettleLeg(ACCOUNT, leg.id, "ord_1", "ann", "bob", ("order", "bill"), "paid from the bank")
    shop.plain(settle, "2026-03-14 10:00:00")
    still = (steps.LEG_TIMER, leg.id) in shop.book.timers

    report(shop, Report.SETTLED, "2026-03-15 10:00:00")

    assert (asked.only_ask, still, receivable(shop)) == (True, True, 5_000)  # type: ignore[attr-defined]  # a QueryLeg


def test_the_next_refund_waits_for_the_rails_word_and_is_sent_once_it_did_not_pay() -> None:
    """Two refunds of one payment would sum above it."""
    shop = recalled(Report.ACCEPTED)
    again(shop)
    waits, actions = legs(shop)["ref_2"], len(shop.book.actions)
    says(shop, "ref_1", Report.REJECTED, "2026-03-12 12:00:01")

    shop.book.turn_to(at("2026-03-12 12:00:10"))

    assert waits.state is LegState.WAITING
    assert actions == 1
    assert legs(shop)["ref_2"].state is LegState.PENDING
    assert shop.book.actions[-1] == SendLeg(waits.id, ACCOUNT, waits.rail, "pay_ord_1", 5_000)


def test_what_the_rail_paid_before_counts_for_the_next_refund() -> None:
    """The customer has it, and owes it no longer; nothing is sent."""
    shop = recalled(Report.ACCEPTED)
    again(shop)
    says(shop, "ref_1", Report.SETTLED, "2026-03-12 12:00:01")
    owed = receivable(shop)

    shop.book.turn_to(at("2026-03-12 12:00:10"))

    assert (owed, receivable(shop)) == (5_000, 0)
    assert (legs(shop)["ref_2"].state, legs(shop)["ref_2"].sent_minor) == (LegState.SETTLED, 0)
    assert not any(isinstance(action, SendLeg) for action in shop.book.actions[1:])
    assert shop.book.balance("A.CH.CARD") == 0


def test_a_payment_settled_before_its_reversal_counts_at_once() -> None:
    """Nothing is left to ask."""
    shop = recalled(Report.SETTLED)

    again(shop, 3_000)
    shop.book.turn_to(at(LATER))

    assert (receivable(shop), legs(shop)["ref_2"].state) == (2_000, LegState.SETTLED)
    again(shop, 2_000, "2026-03-12 13:00:00")
    shop.book.turn_to(at("2026-03-12 13:00:00"))
    assert receivable(shop) == 0


def test_only_what_has_no_room_counts() -> None:
    """5000 paid, 2000 of it taken back after the bank had it: of the next 5000, 3000 are sent."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(0, 0, 5_000))
    shop.refund("ord_1", REFUNDED, 0, tenders=Tenders(0, 0, 2_000))
    says(shop, "ref_1", Report.SETTLED, "2026-03-12 10:00:01")
    shop.reverse("ord_1", REVERSED)

    again(shop, 5_000)
    shop.book.turn_to(at(LATER))

    sent = legs(shop)["ref_2"]
    assert shop.book.actions[-1] == SendLeg(sent.id, ACCOUNT, sent.rail, "pay_ord_1", 3_000)
    assert shop.book.balance("L.REFUND.TRANSIT.CARD") == -3_000
    says(shop, "ref_2", Report.SETTLED, "2026-03-12 12:00:01")
    assert (receivable(shop), shop.book.balance("A.CH.CARD")) == (0, 0)
    shop.reverse("ord_1", "2026-03-12 13:00:00", "ref_2")
    assert receivable(shop) == 5_000


def test_the_rest_of_a_leg_for_which_a_payment_counts_may_go_to_the_wallet() -> None:
    """Only what was to be sent goes there, in a replay too: a later reversal finds the log and the books in
    agreement."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(0, 0, 5_000))
    shop.refund("ord_1", REFUNDED, 0, tenders=Tenders(0, 0, 2_000))
    says(shop, "ref_1", Report.SETTLED, "2026-03-12 10:00:01")
    shop.reverse("ord_1", REVERSED)
    again(shop, 5_000)
    shop.book.turn_to(at(LATER))

    says(shop, "ref_2", Report.CLOSED, "2026-03-12 13:00:00")
    wallet = shop.book.account(ACCOUNT).wallet_minor
    done = shop.reverse("ord_1", "2026-03-12 14:00:00", "ref_2")

    assert wallet == 103_000
    assert not isinstance(done, Refused)
    assert (shop.book.account(ACCOUNT).wallet_minor, receivable(shop)) == (100_000, 2_000)


def test_what_the_customer_paid_back_goes_to_the_wallet() -> None:
    """The payment has no room, and nothing is owed for it any more."""
    shop = recalled(Report.SETTLED)
    owes_back(shop, 4_000, LATER)

    again(shop, 5_000, "2026-03-12 13:00:00")
    shop.book.turn_to(at("2026-03-12 13:00:00"))

    assert (receivable(shop), shop.book.account(ACCOUNT).wallet_minor) == (0, 104_000)


def test_a_refund_that_waits_is_taken_back_unsent() -> None:
    """To the rail it was nothing."""
    shop = recalled(Report.ACCEPTED)
    again(shop)

    shop.reverse("ord_1", "2026-03-12 13:00:00", "ref_2")

    assert (legs(shop)["ref_2"].state, legs(shop)["ref_2"].word) == (LegState.RECALLED, RailWord.REFUSED)
    assert shop.book.balance("L.REFUND.TRANSIT.CARD") == 0


def test_a_refund_that_waited_ten_days_waits_for_a_person() -> None:
    """And is sent by that person only if there is room."""
    shop = recalled(Report.ACCEPTED)
    again(shop)
    shop.book.turn_to(at(LATER) + steps.ACCEPTED_MAX + timedelta(hours=2))
    state = legs(shop)["ref_2"].state

    retry = commands.RetryLeg(ACCOUNT, legs(shop)["ref_2"].id, "ann", "asked the bank")
    shop.plain(retry, "2026-03-23 10:00:00")

    assert state is LegState.EXCEPTION
    assert legs(shop)["ref_2"].state is LegState.WAITING


def test_what_the_rail_may_have_is_asked_about_whatever_waits_for_room() -> None:
    """A leg without an answer that a person has asked about anew waited for the room of its payment, as if it had never
    been sent: nobody asked, and once it was taken back it counted as refused while the bank could still pay it."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(0, 0, 6_000))
    again(shop, 3_000, "2026-03-12 10:00:00")
    while legs(shop)["ref_1"].state is not LegState.EXCEPTION:
        shop.book.turn_to(due_at(shop))
    again(shop, 3_000, "2026-03-14 10:00:00")
    says(shop, "ref_2", Report.ACCEPTED, "2026-03-14 10:00:01")
    shop.reverse("ord_1", "2026-03-14 11:00:00", "ref_2")
    again(shop, 3_000, "2026-03-14 12:00:00")

    shop.plain(commands.RetryLeg(ACCOUNT, legs(shop)["ref_1"].id, "ann", "ask"), "2026-03-14 13:00:00")
    asked = shop.book.actions[-1]
    shop.reverse("ord_1", "2026-03-14 14:00:00", "ref_1")
    still_asked = (steps.LEG_TIMER, legs(shop)["ref_1"].id) in shop.book.timers
    says(shop, "ref_1", Report.SETTLED, "2026-03-14 15:00:00")

    assert still_asked
    assert isinstance(asked, QueryLeg)
    assert asked.leg.leg_id == legs(shop)["ref_1"].id
    assert legs(shop)["ref_3"].state is LegState.WAITING
    assert receivable(shop) == 3_000


def test_steps_are_told_to_the_order() -> None:
    """Each is a notice of its own; a repeated answer is no step."""
    shop, _ = shop_with_leg()
    for said in (Report.UNKNOWN, Report.UNKNOWN, Report.ACCEPTED, Report.ACCEPTED, Report.REJECTED):
        report(shop, said)
    shop.reverse("ord_1", REVERSED)

    told = [notice.step for notice in shop.book.notices if isinstance(notice, BankRefundStepped)]
    assert told == [LegStep.UNKNOWN, LegStep.ACCEPTED, LegStep.EXCEPTION, LegStep.RECALLED]
