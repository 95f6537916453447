"""Redemptions as they step: each step that is rare has its name."""

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from services.card_redemption.decisions.redemptions.cancelling import NO_ANSWER
from services.card_redemption.domain.disputes.events import DisputeStepped
from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome
from services.card_redemption.domain.redemption.events import FreezeCaseOpened, RedemptionStepped
from services.card_redemption.domain.redemption.states import Step
from services.card_redemption.domain.verification import Releasing, ReportRelease, ReportVerification
from services.kernel.effects import SentEvent
from settle.simulation.store import Store
from settle.simulation.witnesses import disputes, standing

if TYPE_CHECKING:
    from settle.simulation.transaction import Transaction
    from settle.simulation.world import World

_BY_STEP: Mapping[Step, str] = {
    Step.CODE_CONSUMED: "code_was_consumed", Step.REPRICED: "face_was_another", Step.REVOKED: "redemption_revoked",
    Step.ESCROW_REVOKED: "escrow_ran_out", Step.ESCROW_RELEASED: "escrow_released", Step.FROZEN: "redemption_frozen",
    Step.UNFROZEN: "fraud_was_none", Step.CLOSED_FRAUD: "fraud_closed", Step.FACE_TOPPED_UP: "face_topped_up",
    Step.FACE_CLAWED_BACK: "face_clawed_back", Step.FAULT_REVERSED: "fault_reversed",
    Step.RELEASE_REFUSED: "code_kept",
    Step.PAYOUT_DELAYED: "payout_delayed", Step.CHANNEL_FEE: "recycler_kept_a_fee", Step.PAID: "redemption_paid",
}


def saw(world: "World", store: Store, transaction: "Transaction") -> None:
    """What of the rare things of redemptions is in a transaction."""
    effects, note = transaction.admission.effects, world.reached.note
    stepped: dict[str, set[Step]] = defaultdict(set)
    for sent in effects.sent:
        fact = sent.event.body if isinstance(sent, SentEvent) else None
        if isinstance(fact, RedemptionStepped):
            stepped[fact.redemption.id].add(fact.step)
            if fact.step in _BY_STEP:
                note(_BY_STEP[fact.step])
            elif fact.step is Step.CANCEL_REJECTED:
                note("review_ran_out" if fact.redemption.reason == NO_ANSWER else "review_said_no")
        elif isinstance(fact, FreezeCaseOpened):
            note("code_submitted_twice")
        elif isinstance(fact, DisputeStepped):
            disputes.saw(world, fact)
    standing.saw(world, effects.dirty, stepped)
    for item in transaction.items:
        body = item.message.body
        if isinstance(body, ReportRelease) and body.order_id in stepped and body.releasing is Releasing.RELEASED:
            note("code_let_go_of")
        if isinstance(body, ReportVerification) and body.finding.final and body.order_id not in stepped:
            note("verification_too_late")
    for record in effects.records:
        if isinstance(record, Attempt) and record.outcome is AttemptOutcome.ABANDONED:
            note("draft_abandoned")
