"""A code that a provider has read is given back only by that provider (OP-7): it is asked, again until it answers, and
the redemption is taken back, or goes on where it stood."""

from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption.order import RedemptionOrder, must_stand, refuse_while_settling
from services.card_redemption.domain.redemption.states import RedemptionState, Step
from services.card_redemption.domain.redemption.stepping import Stepped, stepped
from services.card_redemption.domain.redemption.timers import ASK_AGAIN, RELEASE, REVIEW, SETTLE, VERIFY, waking
from services.card_redemption.domain.verification import AskRelease
from services.kernel.decision import Decision, Timer
from services.kernel.errors import FailedPrecondition

_S = RedemptionState
NOT_REVOCABLE = "NOT_REVOCABLE"
"""Why a redemption goes on that was to be taken back."""
BATCH = "BATCH:"
"""How the evidence names the batch for which a redemption is taken back; it stands last."""


def asked(
    order: RedemptionOrder, card: GiftCard, now: datetime, evidence: tuple[str, ...], by_customer: bool = False, *,
    reason: str = "",
) -> Stepped:
    """Its provider is asked to let go of the code; until it answers nothing is settled, and nobody is paid."""
    refuse_while_settling(order)
    must_stand(order, _S.CANCEL_REVIEW, _S.VERIFYING, _S.VERIFIED)
    if not order.read_elsewhere:
        raise FailedPrecondition(NOT_REVOCABLE, f"no provider has the code of {order.id}")
    begun = stepped(
        order, card, now, Step.RELEASE_ASKED, state=_S.REVOKING, reason=reason, evidence=evidence or order.evidence,
        cancel_requested_at=now if by_customer else order.cancel_requested_at,
    )
    begun = begun.cleared((VERIFY, order.id), (SETTLE, order.id), (REVIEW, order.id))
    return begun.asking(question(order, card)).timed(_ask_again(order, now))


def asked_again(order: RedemptionOrder, card: GiftCard, now: datetime) -> Decision:
    """It said nothing yet: it is asked under the same key."""
    return Decision(actions=(question(order, card),), timers=(_ask_again(order, now),))


def question(order: RedemptionOrder, card: GiftCard) -> AskRelease:
    """What it is asked; the key is that under which it verified the code."""
    return AskRelease(card.id, order.id, order.id, card.issuer)


def refused(order: RedemptionOrder, card: GiftCard, now: datetime) -> Stepped:
    """It keeps the code: the redemption goes on where it stood, as if nobody had asked (NOT_REVOCABLE)."""
    must_stand(order, _S.REVOKING)
    state = _S.VERIFYING if order.verified_at is None else _S.VERIFIED
    kept = stepped(
        order, card, now, Step.RELEASE_REFUSED, state=state, reason=NOT_REVOCABLE, cancel_requested_at=None
    )
    return kept.cleared((RELEASE, order.id)).timed(*waking(kept.order, now))


def batch_of(order: RedemptionOrder) -> str:
    """The batch that waits for its provider's answer; "" if none does."""
    last = order.evidence[-1] if order.evidence and order.stands is _S.REVOKING else ""
    return last.removeprefix(BATCH) if last.startswith(BATCH) else ""


def _ask_again(order: RedemptionOrder, now: datetime) -> Timer:
    return Timer(RELEASE, order.id, order.card_id, now + ASK_AGAIN)
