"""A provider is asked to let go of a code that it has read, and answers: late, again, or with two minds (OP-7)."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.decisions.redemptions.finding import fresh, redemption_of
from services.card_redemption.decisions.redemptions.onward import onward
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.enterprise.batch import RevocationItem
from services.card_redemption.domain.enterprise.commands import ReportRevocation
from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel
from services.card_redemption.domain.recycling.enterprise import Revocation
from services.card_redemption.domain.redemption import releasing, settling
from services.card_redemption.domain.redemption.order import RedemptionOrder, refuse_while_settling
from services.card_redemption.domain.redemption.participation import CARD_REDEMPTION
from services.card_redemption.domain.redemption.states import RedemptionState
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.domain.verification import Releasing, ReportRelease
from services.kernel.decision import Command, Decision, Known
from services.kernel.messages import Message, TimerDue

_S = RedemptionState
RELEASED = "RELEASE_CODE"
"""What the record has of every answer that counts, and of a yes that came when nobody awaited it any more."""
TOO_LATE = "RELEASED_TOO_LATE"


def revoked(
    order: RedemptionOrder, card: GiftCard, now: datetime, evidence: tuple[str, ...] = (), *, reason: str = ""
) -> Stepped:
    """It is taken back; where a provider has its code, once that lets go of it. `reason` says why if nobody asked."""
    if order.read_elsewhere:
        return releasing.asked(order, card, now, evidence, reason=reason)
    return settling.revoked(order, card, now, evidence, reason=reason)


def due(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: nothing final was heard, so the provider is asked again."""
    order = known.find(RedemptionOrder, body.key)
    if order is None or order.state is not _S.REVOKING:
        return Decision()
    order, card = redemption_of(known, order.id, message.key)
    return releasing.asked_again(order, card, now)


def reported(known: Known, body: ReportRelease, message: Message, now: datetime) -> Decision:
    """The provider answered. While the redemption is frozen nothing is decided of it: once it is not, it is asked
    again, and says the same."""
    order = known.find(RedemptionOrder, body.order_id)
    if order is None or body.releasing is Releasing.UNKNOWN:
        return Decision()
    order, card = redemption_of(known, order.id, message.key)
    if order.state is not _S.REVOKING:
        return _not_awaited(order, body)
    refuse_while_settling(order)
    released = body.releasing is Releasing.RELEASED
    if released:
        step = settling.revoked(order, card, now)
    else:
        step = onward(known, order, releasing.refused(order, card, now), message, now)
    step = answered(order, step, Revocation.REVOKED if released else Revocation.DENY_NOT_REVOCABLE, message)
    return replace(step.decided(), records=(_tried(order, "" if released else releasing.NOT_REVOCABLE),))


def answered(before: RedemptionOrder, step: Stepped, result: Revocation, message: Message) -> Stepped:
    """The batch for which it was to be taken back hears what became of it."""
    batch_id = releasing.batch_of(before)
    if not batch_id or not before.agreement_id:
        return step
    face_minor = before.face_minor if result is Revocation.REVOKED else 0
    item = RevocationItem(before.id, before.card_id, result, face_minor)
    return step.sending(result_of(before.agreement_id, batch_id, item, fresh("msg", message)))


def result_of(agreement_id: str, batch_id: str, item: RevocationItem, caused_by: str) -> Command:
    """One result of a batch, under the id of what decided it: of what a body says nothing is sure to be one of a kind.
    """
    return Command(CARD_REDEMPTION, agreement_id, ReportRevocation(batch_id, item), id=f"{caused_by}/result")


def _not_awaited(order: RedemptionOrder, body: ReportRelease) -> Decision:
    """A yes to what went on without it is one for people: the provider has let go of what it is to pay for."""
    paid_for = order.settled_at is not None and body.releasing is Releasing.RELEASED
    return Decision(records=(_tried(order, TOO_LATE),) if paid_for else ())


def _tried(order: RedemptionOrder, reason: str) -> Attempt:
    return Attempt(
        kind=RELEASED, actor=order.customer_id, channel=EntryChannel.ENGINE, reason=reason, card_id=order.card_id,
        outcome=AttemptOutcome.FAILED if reason else AttemptOutcome.DONE, order_id=order.id,
    )
