"""What disputes do to redemptions, told again as the auditor tells it: each step follows from what was before it."""

import pytest

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.disputes import commands as ask
from services.card_redemption.domain.disputes.case import Verdict
from services.card_redemption.domain.disputes.kinds import DisputeType as T
from services.card_redemption.domain.recycling.policy import ChannelPolicy
from services.card_redemption.domain.redemption.events import RedemptionStepped
from services.card_redemption.domain.redemption.history import STEPS
from services.card_redemption.domain.redemption.states import Step
from tests.services.card_redemption.disputing import CLERK, SCREENSHOT, T1, asked, decided, handled, rings
from tests.services.card_redemption.redeeming import SELF, Redeeming
from tests.services.card_redemption.retelling import Retelling


def _listened_to(terms: ChannelPolicy) -> tuple[Redeeming, Retelling]:
    """A redemption that was verified, heard from its beginning on."""
    made = Redeeming().given(InForce(T1))
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


def test_what_a_dispute_gave_back() -> None:
    """P22: asked for, and in both books."""
    made, retelling = _listened_to(SELF)
    case = handled(made, T.REFUND_AMOUNT, SCREENSHOT, claimed_minor=400)

    decided(made, case, Verdict.PARTIAL, 150)
    rings(made)

    assert _steps(made) >= {Step.ADJUSTING, Step.ADJUSTED}
    assert not retelling.faults()


def test_every_step_can_be_told_again() -> None:
    """A step without a row would be a fault of every history in which it is."""
    assert STEPS.keys() == set(Step)
