"""A step of a case in a decision: by itself, or beside a step of its redemption; its card tells of it."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.disputes import timers
from services.card_redemption.domain.disputes.case import Dispute
from services.card_redemption.domain.disputes.events import DisputeStep, DisputeStepped
from services.card_redemption.domain.redemption.stepping import Stepped
from services.kernel.decision import Command, Decision, Done, Event, Timer

_KINDS = (timers.SLA, timers.EXECUTE)


def alone(card: GiftCard, dispute: Dispute, step: DisputeStep, now: datetime, *commands: Command) -> Decision:
    """The case took a step, and its redemption none."""
    told = Event(card.id, card.sequence + 1, DisputeStepped(step, dispute))
    waking, cleared = _timers(dispute, now)
    return Decision(
        Done(dispute), changes=(replace(card, sequence=told.sequence), dispute), events=(told,), commands=commands,
        timers=waking, cleared=cleared,
    )


def beside(stepped: Stepped, dispute: Dispute, step: DisputeStep, now: datetime) -> Stepped:
    """The case took a step in the same decision as its redemption."""
    waking, cleared = _timers(dispute, now)
    return stepped.telling(DisputeStepped(step, dispute)).beside(dispute).timed(*waking).cleared(*cleared)


def _timers(dispute: Dispute, now: datetime) -> tuple[tuple[Timer, ...], tuple[tuple[str, str], ...]]:
    """What wakes the case from now on, and what does not any more."""
    waking = timers.waking(dispute, now)
    set_now = {timer.kind for timer in waking}
    return waking, tuple((kind, dispute.id) for kind in _KINDS if kind not in set_now)
