"""Reading the code: the point of no return, and what comes out of it (RD-1, RD-21, RD-25)."""

from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.redeeming import unclaim
from services.card_redemption.domain.recycling.caps import FIRST_CAP_MINOR, first_fits
from services.card_redemption.domain.redemption.order import RedemptionOrder, must_stand, refuse_while_settling
from services.card_redemption.domain.redemption.states import RedemptionState, Step
from services.card_redemption.domain.redemption.stepping import Stepped, stepped
from services.card_redemption.domain.redemption.timers import ASK_AGAIN, VERIFY
from services.card_redemption.domain.verification import AskProvider, Finding, ReportVerification
from services.kernel.decision import Decision, Timer

_S = RedemptionState
OUT_OF_LIMITS, ABOVE_FIRST = "FACE_OUT_OF_LIMITS", "FIRST_REDEMPTION_CAP"
BEYOND = frozenset({OUT_OF_LIMITS, ABOVE_FIRST})
"""Why a card is given back whose face turned out to be another."""


def started(order: RedemptionOrder, card: GiftCard, now: datetime) -> Stepped:
    """The race with a cancellation is decided here: who comes first on this row wins (CAS)."""
    refuse_while_settling(order)
    must_stand(order, _S.ACCEPTED)
    begun = stepped(order, card, now, Step.VERIFICATION_STARTED, state=_S.VERIFYING, reason="")
    return begun.asking(question(order, card)).timed(_ask_again(order, now))


def asked_again(order: RedemptionOrder, card: GiftCard, now: datetime) -> Decision:
    """Nobody has said anything final yet: the provider is asked under the same key."""
    return Decision(actions=(question(order, card, asked_before=True),), timers=(_ask_again(order, now),))


def question(order: RedemptionOrder, card: GiftCard, asked_before: bool = False) -> AskProvider:
    """What the provider is asked; the order's id is the key, so it is verified once."""
    return AskProvider(
        card_id=card.id, order_id=order.id, key=order.id, issuer=card.issuer, entry=order.entry,
        asked_before=asked_before,
    )


def reported(order: RedemptionOrder, card: GiftCard, report: ReportVerification, now: datetime) -> Stepped:
    """What the provider found. Nobody is paid on the declared face: of a card of ours that holds less than what is to
    be paid for, something was spent, whatever was said of it (RD-25)."""
    must_stand(order, _S.VERIFYING)
    short = not order.by_recycler and report.face_minor > card.spendable_minor
    if report.finding is Finding.CONSUMED or (report.finding is Finding.FOUND and short):
        return _failed(order, card, now, Step.CODE_CONSUMED, state=_S.FAILED_CONSUMED)
    if report.finding is not Finding.FOUND or report.face_minor <= 0:
        return _failed(order, card, now, Step.CODE_INVALID, state=_S.FAILED)
    step = Step.VERIFIED if report.face_minor == order.face_minor else Step.REPRICED
    verified = stepped(
        order, card, now, step, state=_S.VERIFIED, face_minor=report.face_minor, verified_at=now,
        verification_code=None,
    )
    return verified.cleared((VERIFY, order.id))


def beyond(order: RedemptionOrder, completed: int) -> str:
    """Why nobody would have taken the card with the face that was found, of a customer with so many completed
    redemptions; "" if somebody would (RD-21, RD-23)."""
    if not order.terms.limits.take(order.face_minor):
        return OUT_OF_LIMITS
    return "" if first_fits(order.face_minor, completed, FIRST_CAP_MINOR) else ABOVE_FIRST


def _failed(order: RedemptionOrder, card: GiftCard, now: datetime, step: Step, state: RedemptionState) -> Stepped:
    """Nothing is paid, and the claim is over."""
    ended = stepped(
        order, card, now, step, turn=lambda held: unclaim(held, order.id), state=state, reason=step.value,
        verification_code=None,
    )
    return ended.cleared((VERIFY, order.id))


def _ask_again(order: RedemptionOrder, now: datetime) -> Timer:
    return Timer(VERIFY, order.id, order.card_id, now + ASK_AGAIN)
