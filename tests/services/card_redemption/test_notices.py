"""What the credit ledger tells of a payout is what the card service hears: over both wires, for every step there is."""

import pytest

from services.card_redemption.domain.redemption.participation import PayoutNews
from services.card_redemption.wire import CODEC as CARDS
from services.credit_ledger.domain.model.leg import LegStep
from services.credit_ledger.domain.model.redemption_events import RedemptionPayoutStepped
from services.credit_ledger.wire import CODEC as LEDGER
from tests.services.card_redemption.redeeming import NOW


@pytest.mark.parametrize("step", LegStep)
def test_a_payout_that_the_bank_refused_is_heard_to_be_refused(step: LegStep) -> None:
    """And no other step is (PM-3, PM-7)."""
    told = RedemptionPayoutStepped(
        order_id="rdm_1", payout_id="pay_1", card_id="crd_1", leg_id="leg_1", step=step, amount_minor=1, at=NOW,
        detail="closed",
    )

    heard = CARDS.decode(*LEDGER.encode(told))

    assert heard == PayoutNews("rdm_1", "pay_1", step is LegStep.REFUSED, "closed")
