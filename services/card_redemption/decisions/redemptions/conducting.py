"""What a reply, a wake-up or a notice does to a redemption: its sagas advance and end here (DESIGN 5)."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.decisions.recorded import denied_later
from services.card_redemption.decisions.redemptions.correcting import holding, taken_back
from services.card_redemption.decisions.redemptions.finding import fresh, party, redemption_of
from services.card_redemption.decisions.redemptions.onward import onward, paid
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption import elsewhere, paying
from services.card_redemption.domain.redemption.order import RedemptionOrder, refuse_while_settling
from services.card_redemption.domain.redemption.participation import PayoutNews, PayoutSettled
from services.card_redemption.domain.redemption.plans import Kind
from services.card_redemption.domain.redemption.states import OWING, PayoutState, RedemptionState, Step
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.domain.redemption.taking_back import Cause
from services.card_redemption.sagas import ENDINGS, launched
from services.kernel.coordination import with_progress
from services.kernel.decision import Decision, Known
from services.kernel.errors import Defect
from services.kernel.messages import Message, TimerDue
from services.kernel.saga import Phase, Progress, Run


def progressed(known: Known, card: GiftCard, run: Run, progress: Progress, message: Message, now: datetime) -> Decision:
    """A participant answered, or what is still awaited is sent again; where the run stays, the redemption stays."""
    if progress.run is run:
        return Decision(timers=progress.timers, cleared=progress.cleared)
    if not progress.ended:
        return with_progress(Decision(), progress)
    ended = _ended(known, card, progress.run, message, now)
    decision = with_progress(ended.decided(), progress)
    return replace(decision, records=(*decision.records, *denied_later(progress.run, ended.order)))


def _ended(known: Known, card: GiftCard, run: Run, message: Message, now: datetime) -> Stepped:
    order, card = redemption_of(known, run.plan.party.redemption_id, card.id)
    if order.settlement_id != run.id:
        raise Defect(f"{run.id} ends on {order.id}, which {order.settlement_id or 'nobody'} holds")
    again = _asked_again(order, card, run, message, now)
    if again is not None:
        return again
    ending = ENDINGS[run.kind]
    step = (ending.done if run.phase is Phase.DONE else ending.aborted)(order, card, run, now)
    if run.kind == Kind.STOP_PAYOUT and run.plan.what.cause is Cause.PAYOUT_HOLD:
        return holding(step, message, now, run.plan)
    if run.kind == Kind.STOP_PAYOUT and _leaves_some(step):
        plan = run.plan
        step = step.then(
            lambda before, held: taken_back(before, held, plan.what, message, now, after=plan.payout_id)
        )
    if run.kind == Kind.PAYOUT and run.phase is Phase.ABORTED and not paying.is_rerouted(order, step.order):
        return step
    return onward(known, order, step, message, now)


def _asked_again(
    order: RedemptionOrder, card: GiftCard, run: Run, message: Message, now: datetime
) -> Stepped | None:
    """What came to nothing asked for once more, of the customer's own money account; None if it was not the account
    that stood against it."""
    begins = elsewhere.BEGINNINGS.get(Kind(run.kind))
    if begins is None or run.reason != elsewhere.NOT_HIS:
        return None
    asked = elsewhere.asked_elsewhere(order, card, begins, now, fresh("saga", message))
    return asked and launched(asked, replace(run.plan, party=party(asked.order)), now)


def _leaves_some(step: Stepped) -> bool:
    """Whether more is to be taken back than that payout: it was not stopped, or is not enough."""
    told = {getattr(event.body, "step", None) for event in step.rest.events}
    return not told.isdisjoint((Step.PAYOUT_NOT_STOPPED, Step.PAYOUT_HELD))


def payout_settled(known: Known, body: PayoutSettled, message: Message, now: datetime) -> Decision:
    """Notice: a payout is paid. The same word twice is one word."""
    order = known.find(RedemptionOrder, body.redemption_id)
    payout = order.payout_of(body.payout_id) if order is not None else None
    if order is None or payout is None or (payout.state is PayoutState.PAID and not body.rerouted):
        return Decision()
    order, card = redemption_of(known, order.id, message.key)
    refuse_while_settling(order)
    step = paying.payout_paid(order, card, now, payout.id, body.rerouted)
    return onward(known, order, step, message, now).decided()


def payout_stepped(known: Known, body: PayoutNews, message: Message, now: datetime) -> Decision:
    """Notice: the bank refused an attempt, and another one follows (PM-7); of a frozen redemption none, if what could
    not be stopped at the bank can be now (OP-8)."""
    order = known.find(RedemptionOrder, body.redemption_id)
    if order is None or order.payout_of(body.payout_id) is None or not body.refused:
        return Decision()
    order, card = redemption_of(known, order.id, message.key)
    refuse_while_settling(order)
    step = paying.payout_retried(order, card, now, body.detail)
    return (holding(step, message, now) if order.state is RedemptionState.FROZEN else step).decided()


def payout_due(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: a payout that could not be asked for is asked for again."""
    order = known.find(RedemptionOrder, body.key)
    if order is None or order.state not in OWING:
        return Decision()
    order, card = redemption_of(known, order.id, message.key)
    refuse_while_settling(order)
    step = paid(Stepped(order, card), message, now)
    return step.decided() if step.order is not order else Decision()
