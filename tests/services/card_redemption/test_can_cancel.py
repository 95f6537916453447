"""What a page shows of a cancellation is what the command would do now: never "cancellable" of what would be refused
(RD-35)."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.recycling.caps import CancelledToday
from services.card_redemption.domain.recycling.policy import Asker
from services.card_redemption.domain.recycling.windows import Verdict
from services.card_redemption.domain.redemption.cancelling import (
    CANCELLABLE,
    REASONS,
    judged,
    must_be_cancellable,
    within_cap,
)
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.redeemer import Redeemer
from services.card_redemption.domain.redemption.states import PAYABLE, RedemptionState
from services.card_redemption.rpc.redemption_service import RedemptionServicer, _refusal
from services.card_redemption.store import TABLES
from services.kernel.calendar import DAY, business_date, end_of
from services.kernel.errors import FailedPrecondition
from services.runtime.ground.scalars import instant_to_wire
from services.runtime.ground.writing import write
from settlement.card_redemption.v1 import redemption_pb2
from settlement.card_redemption.v1 import redemption_service_pb2 as pb
from tests.services.card_redemption.ledger import CardLedger
from tests.services.card_redemption.redeeming import COOLING, FACE_MINOR, MAO, Redeeming

_S = RedemptionState
SECOND = timedelta(seconds=1)
CAP_MINOR = COOLING.limits.cancelled_daily_minor or 0


@pytest.mark.parametrize("before_minor", [0, CAP_MINOR - FACE_MINOR, CAP_MINOR - FACE_MINOR + 1, CAP_MINOR])
@pytest.mark.parametrize("after", [-SECOND, timedelta(), SECOND])
def test_what_is_shown_is_what_the_command_does(before_minor: int, after: timedelta) -> None:
    """Around the cap, and around the midnight at which the day begins anew; the cap itself is within it (A17, CV-9)."""
    midnight = end_of(date(2026, 3, 6))
    made = Redeeming(now=midnight + after - SECOND).given(
        Redeemer("cus_1", completed=1, cancelled=CancelledToday(date(2026, 3, 6), before_minor))
    )
    order = made.submitted(COOLING)
    made.now += SECOND

    shown = within_cap(judged(order, Asker.CUSTOMER, made.now), order, made.row(Redeemer, "cus_1").cancelled, made.now)
    made.cancel()

    done = made.order().state is RedemptionState.CANCELLED
    assert shown.verdict is (Verdict.ALLOW if done else Verdict.DENY_DAILY_CAP)
    assert done is (after >= timedelta() or before_minor + FACE_MINOR <= CAP_MINOR)


def test_a_review_and_a_channel_without_a_cap_are_shown_as_they_are() -> None:
    """The one is asked for whatever the cap, the other counts nothing."""
    made = Redeeming()
    order = made.submitted(MAO)
    shown = judged(order, Asker.CUSTOMER, made.now)

    assert within_cap(shown, order, CancelledToday(business_date(made.now), CAP_MINOR), made.now) is shown


@pytest.mark.parametrize("state", RedemptionState)
def test_what_stands_against_it_is_told_as_it_is(state: RedemptionState) -> None:
    """A code that is read, or was, is one thing; a redemption that is over or stopped is another (RD-35)."""
    made = Redeeming()
    order = replace(made.submitted(COOLING), state=state)
    shown = judged(order, Asker.CUSTOMER, made.now)

    if shown.verdict is Verdict.ALLOW:
        assert must_be_cancellable(order, Asker.CUSTOMER, made.now) == shown
        assert state in CANCELLABLE
        return
    with pytest.raises(FailedPrecondition) as refused:
        must_be_cancellable(order, Asker.CUSTOMER, made.now)
    assert refused.value.reason == REASONS[shown.verdict]
    read = state in PAYABLE | {_S.VERIFYING, _S.VERIFIED, _S.ESCROWED, _S.FAILED, _S.FAILED_CONSUMED}
    assert shown.verdict is (Verdict.DENY_VERIFIED if read else Verdict.DENY_STATE)
    assert str(state) in str(refused.value) or shown.verdict is Verdict.DENY_VERIFIED


@pytest.mark.parametrize(("asker", "later", "reason", "told"), [
    (Asker.SUPPORT, timedelta(), "CANCEL_NOT_SUPPORTED", "lets customer cancel, not support"),
    (Asker.CUSTOMER, DAY, "CANCEL_WINDOW_CLOSED", "could be cancelled from 2026-03-06T"),
])
def test_a_refusal_says_who_could_and_until_when(asker: Asker, later: timedelta, reason: str, told: str) -> None:
    """It named the verdict of `CanCancel` once more."""
    made = Redeeming()
    order = made.submitted(COOLING)

    with pytest.raises(FailedPrecondition, match=told) as refused:
        must_be_cancellable(order, asker, made.now + later)
    assert refused.value.reason == reason


@pytest.mark.parametrize(("before_minor", "later", "verdict"), [
    (CAP_MINOR - FACE_MINOR, timedelta(), pb.CANCEL_VERDICT_ALLOW),
    (CAP_MINOR, timedelta(), pb.CANCEL_VERDICT_DENY_DAILY_CAP),
    (CAP_MINOR, DAY, pb.CANCEL_VERDICT_DENY_WINDOW),
])
async def test_the_day_of_its_customer_is_read_where_it_counts(
    cards: CardLedger, before_minor: int, later: timedelta, verdict: int
) -> None:
    """Over a real database; who never cancelled anything has no row."""
    edge: Any = cards
    world, saves = Redeeming(), {table.kind: table.save for table in TABLES}
    order = world.submitted(COOLING)
    today = CancelledToday(business_date(world.now), before_minor)
    ask = pb.CanCancelRequest(redemption_id=order.id, time=instant_to_wire(world.now + later))
    service = RedemptionServicer(edge)
    await write(cards.connection, *saves[GiftCard]([world.card_of()], {}))
    await write(cards.connection, *saves[RedemptionOrder]([order], {}))
    at_once = pb.CanCancelRequest(redemption_id=order.id, time=instant_to_wire(world.now))
    never = await service.CanCancel(at_once, edge.context)

    await write(cards.connection, *saves[Redeemer]([Redeemer("cus_1", cancelled=today, version=1)], {}))
    shown = await service.CanCancel(ask, edge.context)

    assert never.verdict == pb.CANCEL_VERDICT_ALLOW
    assert shown.verdict == verdict
    assert shown.fee.minor_units == 500


@pytest.mark.parametrize(("reason", "told"), [
    ("FIRST_REDEMPTION_CAP", "rdm_1 was not submitted: the first redemption is of 10000 fen at most"),
    ("ACCOUNT_NOT_FOUND", "rdm_1 was not submitted: the fee can be taken from no account of its customer"),
    ("SOMETHING_ELSE", "rdm_1 was not submitted"),
])
def test_who_waited_for_anothers_answer_hears_why_it_was_no(reason: str, told: str) -> None:
    """He heard that it failed, and a word."""
    refusal = _refusal(redemption_pb2.Redemption(redemption_id="rdm_1", reason=reason), "was not submitted")

    assert refusal.reason == reason
    assert told in str(refusal)
