"""What an operator's freeze put off is looked at when he lifts it (OP-8, D94)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.commands import FreezeCard, UnfreezeCard
from services.card_redemption.domain.redemption.states import RedemptionState as S
from services.card_redemption.domain.redemption.timers import SETTLE
from tests.lifecycles import is_sound
from tests.services.card_redemption.disputing import verified
from tests.services.card_redemption.redeeming import CARD, T1, Redeeming

DAY = timedelta(days=1)


@pytest.mark.parametrize(("after", "state"), [(timedelta(), S.VERIFIED), (20 * DAY, S.COMPLETED)])
def test_what_is_thawed_settles_at_once_if_it_is_due(after: timedelta, state: S) -> None:
    """Also where an older release let its timer go, whose decision the freeze had refused (D94)."""
    made = verified()
    made.when(CARD.id, FreezeCard(CARD.id, "case_1", "op_1"))
    made.turn(after)
    del made.timers[SETTLE, made.order().id]

    made.when(CARD.id, UnfreezeCard(CARD.id, "case_1", "op_1"))
    made.fire()
    made.settle_down()

    assert made.order().state is state
    is_sound(made)
    assert ((SETTLE, made.order().id) in made.timers) is (state is S.VERIFIED)


def test_what_an_operator_leads_is_not_settled_by_a_thaw() -> None:
    """He settles it."""
    made = Redeeming().given(InForce(replace(T1, by_hand=True)))
    made.submitted(T1)
    made.verify()
    made.when(CARD.id, FreezeCard(CARD.id, "case_1", "op_1"))

    made.when(CARD.id, UnfreezeCard(CARD.id, "case_1", "op_1"))

    assert made.order().state is S.VERIFIED
    assert (SETTLE, made.order().id) not in made.timers
