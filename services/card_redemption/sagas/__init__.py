"""The sagas that redemptions coordinate: who takes part, and what their ends mean for the redemption (OP-5).

`launched` begins one beside a step; `ENDINGS` apply the end of one to its redemption, in the decision that made it
terminal.
"""

from collections.abc import Mapping
from datetime import datetime

from services.card_redemption.domain.redemption.plans import Kind, Plan
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.sagas import (
    adjustment,
    card_close,
    claim,
    paid_cancel,
    payout,
    remittance,
    stop_payout,
    submission,
    voucher_use,
)
from services.card_redemption.sagas.ending import Ending
from services.kernel.advancing import begin
from services.kernel.coordination import Definitions

ENDINGS: Mapping[str, Ending] = {
    Kind.SUBMISSION: submission.ENDING,
    Kind.PAID_CANCEL: paid_cancel.ENDING,
    Kind.PAYOUT: payout.ENDING,
    Kind.STOP_PAYOUT: stop_payout.ENDING,
    Kind.CLAIM: claim.ENDING,
    Kind.VOUCHER_USE: voucher_use.ENDING,
    Kind.REMITTANCE: remittance.ENDING,
    Kind.ADJUSTMENT: adjustment.ENDING,
}

DEFINITIONS = Definitions(
    *(ending.definition for ending in ENDINGS.values()), claim.EARLIER, card_close.EARLIER, card_close.DEFINITION
)
"""All sagas that this service coordinates; the closing of a card has no redemption to apply its end to."""


def launched(step: Stepped, plan: Plan, now: datetime) -> Stepped:
    """The step with the saga begun that its order waits for."""
    definition = DEFINITIONS.latest(plan.kind)
    progress = begin(definition, step.order.settlement_id, step.card.id, plan, now)
    return step.beside(progress.run).sending(*progress.commands).timed(*progress.timers)
