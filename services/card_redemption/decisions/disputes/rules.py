"""Which rule decides which message about a case, what it needs to see, and what the record has of it (RD-31)."""

from typing import Protocol

from services.card_redemption.decisions.disputes import deciding, handling, opening
from services.card_redemption.decisions.recorded import card_named, kind_of
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.disputes import commands, timers
from services.card_redemption.domain.disputes.case import Dispute
from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel, ended
from services.kernel.decision import Done, Refused, Wanted, rule
from services.kernel.messages import Message, TimerDue


def _card(body: object, message: Message) -> Wanted:
    return ((GiftCard, message.key),)


def _timed(body: TimerDue, message: Message) -> Wanted:
    return ((GiftCard, message.key), (Dispute, body.key))


class _Asked(Protocol):
    """A command about a case says who asks, and where."""

    @property
    def actor(self) -> str: ...
    @property
    def channel(self) -> EntryChannel: ...


def _attempt(body: _Asked, message: Message, outcome: Done | Refused) -> Attempt:
    """Every call is on record: with the redemption of which it opens a case, or with the case."""
    about = body.redemption_id if isinstance(body, commands.OpenDispute) else getattr(body, "dispute_id", "")
    tried = Attempt(
        kind=kind_of(body), actor=body.actor, channel=body.channel,
        outcome=AttemptOutcome.DONE, card_id=card_named(message.key, about), order_id=about, request_id=message.id,
    )
    return ended(tried, outcome)


RULES = (
    rule(commands.OpenDispute, _card, opening.open_dispute, _attempt),
    rule(commands.DecideException, _card, handling.decide_exception, _attempt),
    rule(commands.TriageDispute, _card, handling.triage, _attempt),
    rule(commands.SubmitEvidence, _card, handling.submit_evidence, _attempt),
    rule(commands.FreezeForDispute, _card, handling.freeze, _attempt),
    rule(commands.DecideDispute, _card, deciding.decide, _attempt),
    rule(commands.EscalateDispute, _card, handling.escalate, _attempt),
)
"""Rules by the type of a message's body."""

TIMERS = (
    (timers.SLA, rule(TimerDue, _timed, handling.late)),
    (timers.EXECUTE, rule(TimerDue, _timed, deciding.execute)),
)
"""Rules by the kind of a timer."""
