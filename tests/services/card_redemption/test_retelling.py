"""What disputes do to redemptions, told again as the auditor tells it: each step follows from what was before it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.commands import FreezeCard, UnfreezeCard
from services.card_redemption.domain.disputes import commands as ask
from services.card_redemption.domain.disputes.case import Verdict
from services.card_redemption.domain.disputes.kinds import DisputeType as T
from services.card_redemption.domain.recycling.policy import ChannelPolicy
from services.card_redemption.domain.redemption.commands import DecideFraud, ReportFraud
from services.card_redemption.domain.redemption.events import RedemptionStepped
from services.card_redemption.domain.redemption.history import STEPS
from services.card_redemption.domain.redemption.participation import LedgerPayout, PayoutNews, PayoutSettled
from services.card_redemption.domain.redemption.states import RedemptionState as S
from services.card_redemption.domain.redemption.states import Step
from services.card_redemption.domain.states import CardStanding
from services.kernel.decision import Event
from tests.lifecycles import is_sound
from tests.services.card_redemption.disputing import CLERK, SCREENSHOT, T1, asked, decided, handled, rings
from tests.services.card_redemption.redeeming import SELF, Redeeming
from tests.services.card_redemption.retelling import Retelling


def _listened_to(
    terms: ChannelPolicy, *, says: LedgerPayout = LedgerPayout.SETTLED, stops: bool = True
) -> tuple[Redeeming, Retelling]:
    """A redemption that was verified, heard from its beginning on, with what the credit ledger does with its payout."""
    made = Redeeming().given(InForce(T1))
    made.ledger.says, made.ledger.stops = says, stops
    retelling = Retelling(made)
    made.submitted(terms)
    made.verify()
    return made, retelling


def _steps(made: Redeeming) -> set[Step]:
    return {event.body.step for event in made.events if isinstance(event.body, RedemptionStepped)}


@pytest.mark.parametrize("verdict", [Verdict.UPHELD, Verdict.REJECTED])
def test_what_a_case_stopped_and_kept_or_let_go(verdict: Verdict) -> None:
    """A code that was submitted twice (RD-20)."""
    made, retelling = _listened_to(T1)
    made.submit(made.draft(nonce="n2", customer_id="cus_1"))
    case = handled(made, T.DUPLICATE_CODE)
    asked(made, ask.FreezeForDispute(case.id, CLERK))

    decided(made, case, verdict)

    assert _steps(made) >= {Step.FROZEN} | ({Step.UNFROZEN} if verdict is Verdict.REJECTED else set())
    assert not retelling.faults()


@pytest.mark.parametrize("verdict", [Verdict.UPHELD, Verdict.REJECTED])
def test_what_took_the_case_off_a_held_redemption_before_cases_stayed(verdict: Verdict) -> None:
    """Events that an older release told: what the bank said stood in the place of the case, and nothing once it paid
    (D101)."""
    made, retelling = _listened_to(SELF, says=LedgerPayout.SENT, stops=False)
    case = handled(made, T.DUPLICATE_CODE)
    asked(made, ask.FreezeForDispute(case.id, CLERK))
    order = made.order()
    made.tell(order.card_id, PayoutNews(order.id, order.payouts[0].id, refused=True, detail="no such account"))
    made.settle_down()
    made.tell(order.card_id, PayoutSettled(order.id, order.payouts[0].id, rerouted=False))
    decided(made, case, verdict)

    made.events = _as_told_before(made.events, {Step.PAYOUT_DELAYED: "no such account", Step.PAID: ""})

    assert not retelling.faults()


def test_no_other_reason_stands_in_the_place_of_a_case() -> None:
    """Of a payout that came in."""
    made, retelling = _listened_to(SELF, says=LedgerPayout.SENT, stops=False)
    asked(made, ask.FreezeForDispute(handled(made, T.DUPLICATE_CODE).id, CLERK))
    order = made.order()
    made.tell(order.card_id, PayoutSettled(order.id, order.payouts[0].id, rerouted=False))

    made.events = _as_told_before(made.events, {Step.PAID: "another"})

    assert {fault.actual for fault in retelling.faults()} == {"another"}


def _as_told_before(events: Sequence[Event], reasons: Mapping[Step, str]) -> list[Event]:
    """The events as an older release told them: while a case held a redemption, these steps put a reason in its place,
    and the steps behind them left it so."""
    told = list[Event]()
    reason: str | None = None
    for event in events:
        fact = event.body
        if isinstance(fact, RedemptionStepped) and fact.redemption.held:
            reason = reasons.get(fact.step, reason)
            before = fact.redemption.reason if reason is None else reason
            event = replace(event, body=replace(fact, redemption=replace(fact.redemption, reason=before)))
        told.append(event)
    return told


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_fraud_of_a_card_that_an_operator_froze(confirmed: bool) -> None:
    """RD-22: the report takes the freeze over, so nobody thaws the card to report it (D94)."""
    made, retelling = _listened_to(T1)
    card_id, order = made.order().card_id, made.order()
    made.when(card_id, FreezeCard(card_id, "case_7", CLERK))

    assert made.do(ReportFraud(order.id, CLERK)).reason == ""

    made.when(card_id, UnfreezeCard(card_id, "case_7", CLERK)).then_refused("CARD_STATE")
    made.turn(timedelta(days=16))
    assert made.do(DecideFraud(order.id, confirmed, "P-1", "boss")).reason == ""
    made.fire()
    made.settle_down()
    assert made.order().state is (S.CLOSED_FRAUD if confirmed else S.COMPLETED)
    assert made.card_of().standing is (CardStanding.FROZEN if confirmed else CardStanding.WRITTEN_OFF)
    is_sound(made)
    assert not retelling.faults()


def test_what_a_dispute_gave_back() -> None:
    """P22: asked for, and in both books."""
    made, retelling = _listened_to(SELF)
    case = handled(made, T.REFUND_AMOUNT, SCREENSHOT, claimed_minor=400)

    decided(made, case, Verdict.PARTIAL, 150)
    rings(made)

    assert _steps(made) >= {Step.ADJUSTING, Step.ADJUSTED}
    assert not retelling.faults()


def test_a_payout_that_is_stopped_once_the_bank_has_refused_it() -> None:
    """OP-8: heard of and asked for in one decision."""
    made, retelling = _listened_to(SELF, says=LedgerPayout.SENT, stops=False)
    asked(made, ask.FreezeForDispute(handled(made, T.DUPLICATE_CODE).id, CLERK))
    order, made.ledger.stops = made.order(), True

    made.tell(order.card_id, PayoutNews(order.id, order.payouts[0].id, refused=True, detail="no such account"))
    made.settle_down()

    assert _steps(made) >= {Step.PAYOUT_NOT_STOPPED, Step.PAYOUT_DELAYED, Step.PAYOUT_HELD}
    assert not retelling.faults()


def test_every_step_can_be_told_again() -> None:
    """A step without a row would be a fault of every history in which it is."""
    assert STEPS.keys() == set(Step)
