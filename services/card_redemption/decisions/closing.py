"""Closing a card: its value is set aside, the wallet gets it, the card is closed; what comes back follows (PM-3)."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.decisions.standing import owned
from services.card_redemption.domain.cards import closing
from services.card_redemption.domain.cards.card import OVER, GiftCard, holding, refuse_unless
from services.card_redemption.domain.cards.closing import ClosePlan, looked_at_again
from services.card_redemption.domain.cards.redeeming import claim, unclaim
from services.card_redemption.domain.commands import CloseCard
from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel
from services.card_redemption.domain.states import CardStanding
from services.card_redemption.sagas.card_close import DEFINITION
from services.kernel.advancing import begin
from services.kernel.coordination import with_progress
from services.kernel.decision import Decision, Done, Known
from services.kernel.errors import FailedPrecondition
from services.kernel.ids import derived, money_account
from services.kernel.messages import Message, TimerDue
from services.kernel.saga import Phase, Progress, Run

CLOSED = "CLOSE_CARD"
"""What was tried, as the record has it."""
_ENDING = OVER | {CardStanding.CLAIMED}
"""Where a card stands so, or did before it was frozen, it may be over when its freeze or its claim ends."""


def close(known: Known, body: CloseCard, message: Message, now: datetime) -> Decision:
    """Its owner closes a card; one without value is closed at once (OP-10)."""
    card = owned(known, body.card_id, body.customer_id)
    refuse_unless(card, CardStanding.ACTIVE)
    if card.issuer:
        raise FailedPrecondition("CARD_STATE", f"{card.id} is not ours to close")
    account_id = body.account_id or money_account(card.customer_id)
    if not card.balance_minor:
        return _with_outcome(closing.close(card, "", 0, account_id))
    saga_id = derived("saga", closing.CARD_CLOSE, message.id)
    claimed = claim(card, saga_id)
    set_aside = Decision(changes=(claimed.card,), events=(claimed.event,))
    plan = ClosePlan(card.id, card.customer_id, account_id, card.balance_minor)
    return with_progress(set_aside, begin(DEFINITION, saga_id, card.id, plan, now), Done(claimed.card))


def _with_outcome(decision: Decision) -> Decision:
    return replace(decision, outcome=Done(decision.changes[0]))


def followed(card: GiftCard, decision: Decision, amount_minor: int, message: Message, now: datetime) -> Decision:
    """What brings value back to a card that is over also begins its way to the wallet; to one that may be over once it
    is free again, it is looked at until then (PM-3). Any other as it is."""
    if not isinstance(decision.outcome, Done):
        return decision
    if card.over:
        return _on_its_way(card, decision, amount_minor, derived("saga", "followed", message.id), now)
    waits = (looked_at_again(card, now),) if _may_be_over(card) else ()
    return replace(decision, timers=(*decision.timers, *waits))


def _may_be_over(card: GiftCard) -> bool:
    return (card.frozen_from or card.standing) in _ENDING


def _on_its_way(card: GiftCard, decision: Decision, amount_minor: int, saga_id: str, now: datetime) -> Decision:
    """Value of a card that is over goes into the wallet: until it is there, the card holds it for nobody else."""
    assert isinstance(decision.outcome, Done)
    account_id = card.handed_to or money_account(card.customer_id)
    plan = ClosePlan(card.id, card.customer_id, account_id, amount_minor, held_minor=amount_minor)
    changes = tuple(
        holding(row, amount_minor) if isinstance(row, GiftCard) and row.id == card.id else row
        for row in decision.changes
    )
    progress = begin(DEFINITION, saga_id, card.id, plan, now)
    return with_progress(replace(decision, changes=changes), progress, decision.outcome)


def progressed(known: Known, card: GiftCard, run: Run, progress: Progress, message: Message, now: datetime) -> Decision:
    """The credit ledger answered, or (a timer) what is awaited is sent again."""
    if progress.run is run:
        return Decision(timers=progress.timers, cleared=progress.cleared)
    if not progress.ended:
        return with_progress(Decision(), progress)
    return with_progress(_ended(card, progress.run, now), progress)


def _ended(card: GiftCard, run: Run, now: datetime) -> Decision:
    plan: ClosePlan = run.plan
    let_go = holding(card, -plan.held_minor)
    if run.phase is Phase.DONE:
        return closing.close(let_go, run.id, plan.amount_minor, plan.account_id)
    if card.claimed_by == run.id:
        free = unclaim(card, run.id)
        return Decision(changes=(free.card,), events=(free.event,), records=(_not_closed(card, run.reason),))
    own = replace(plan, account_id=money_account(plan.customer_id))
    if plan.account_id != own.account_id:  # whose the named account is, only who refused knows
        return with_progress(Decision(), begin(DEFINITION, derived("saga", "own", run.id), card.id, own, now))
    return Decision(changes=(let_go,), timers=(looked_at_again(card, now),))


def _not_closed(card: GiftCard, reason: str) -> Attempt:
    """What the record has of a closing that the wallet refused: when it was asked it was only begun."""
    return Attempt(
        kind=CLOSED, actor=card.customer_id, channel=EntryChannel.ENGINE, outcome=AttemptOutcome.DENIED, reason=reason,
        card_id=card.id,
    )


def swept(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: what is on a card that is over goes to the wallet after all, but for what is on its way already; one that
    is frozen or claimed is looked at again, for what came back to it."""
    card = known.find(GiftCard, body.key)
    if card is None or not card.spendable_minor:
        return Decision()
    if not card.over:
        return Decision(timers=(looked_at_again(card, now),) if _may_be_over(card) else ())
    saga_id = derived("saga", message.fresh_id)
    return _on_its_way(card, Decision(changes=(card,)), card.spendable_minor, saga_id, now)
