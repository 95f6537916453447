"""What callers may do with a card beside spending it: activate, give away, freeze, void, see its code (DOMAIN 2.9)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from services.card_redemption.decisions.rows import card_of
from services.card_redemption.domain.cards import freezing, issuing, transfers, voiding
from services.card_redemption.domain.cards.card import CardStep, GiftCard, is_good, refuse_unless, step
from services.card_redemption.domain.codes import WRONG_CODES_MAX, CardCode
from services.card_redemption.domain.commands import (
    ActivateCard,
    ActivateTransfer,
    FreezeCard,
    RevealCode,
    TransferCard,
    UnfreezeCard,
    VoidCard,
    WithdrawTransfer,
)
from services.card_redemption.domain.effects import CodeShown
from services.card_redemption.domain.events import CardCodeRevealed
from services.card_redemption.domain.redemption import settling
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.states import RedemptionState
from services.card_redemption.domain.redemption.timers import waking
from services.card_redemption.domain.states import CardStanding
from services.kernel.decision import Decision, Done, Known
from services.kernel.errors import FailedPrecondition, NotFound
from services.kernel.ids import derived
from services.kernel.messages import Message

SHOWN = (CardStanding.ISSUED, CardStanding.ACTIVE, CardStanding.TRANSFER_PENDING)
"""While a card stands so, its code may be seen."""
_POSTPONED = (RedemptionState.ACCEPTED, RedemptionState.VERIFIED)
"""Where a freeze puts off what comes next."""


def activate(known: Known, body: ActivateCard, message: Message, now: datetime) -> Decision:
    """Its owner activates a card that was issued inactive, with its code."""
    card = presented(known, body, lambda card: card.customer_id == body.actor)
    return _decided(issuing.activate(card))


def activate_transfer(known: Known, body: ActivateTransfer, message: Message, now: datetime) -> Decision:
    """The receiver activates what was given to him, and owns it (RD-26)."""
    card = presented(known, body, lambda card: body.actor in (card.handed_to, card.customer_id))
    if card.standing is CardStanding.TRANSFER_PENDING and card.handed_to != body.actor:
        raise FailedPrecondition("CARD_STATE", f"{card.id} waits for its receiver")
    return _decided(transfers.activate_transfer(card))


def presented(known: Known, body: ActivateCard | ActivateTransfer, theirs: Callable[[GiftCard], bool]) -> GiftCard:
    """The card whose good code was presented by somebody whose it is; a code that is unknown, malformed, dead or
    another's is answered alike (CODE_REJECTED), and nobody may try for long (TOO_MANY_CODES)."""
    card, code = known.find(GiftCard, body.card_id), known.find(CardCode, body.blind_index)
    refuse_guessing(body.wrong_before)
    if card is None or not is_good(card, code) or not theirs(card):
        raise NotFound("CODE_REJECTED", "this is the code of no card of yours")
    return card


def refuse_guessing(wrong_before: int) -> None:
    """Nobody tries codes for long, by whichever call (TOO_MANY_CODES)."""
    if wrong_before >= WRONG_CODES_MAX:
        raise FailedPrecondition("TOO_MANY_CODES", "too many codes were wrong; try again later, with a new request id")


def transfer(known: Known, body: TransferCard, message: Message, now: datetime) -> Decision:
    """Its owner gives a card away."""
    return _decided(transfers.offer(owned(known, body.card_id, body.customer_id), body.receiver_id))


def withdraw(known: Known, body: WithdrawTransfer, message: Message, now: datetime) -> Decision:
    """Its owner takes it back, until it is activated (RD-26)."""
    return _decided(transfers.withdraw(owned(known, body.card_id, body.customer_id)))


def freeze(known: Known, body: FreezeCard, message: Message, now: datetime) -> Decision:
    """An operator freezes a card for a case."""
    return _decided(freezing.freeze(card_of(known, body.card_id), body.case_id))


def unfreeze(known: Known, body: UnfreezeCard, message: Message, now: datetime) -> Decision:
    """An operator lifts the freeze of a case; what waited for that to be read, to settle or to be released is looked at
    now (OP-8)."""
    thawed = freezing.thaw(card_of(known, body.card_id), body.case_id)
    order = known.find(RedemptionOrder, thawed.card.claimed_by) if thawed.card.claimed_by else None
    if order is None or not (order.state in _POSTPONED or settling.is_met(order)):
        return _decided(thawed)
    return replace(_decided(thawed), timers=waking(order, now))


def void(known: Known, body: VoidCard, message: Message, now: datetime) -> Decision:
    """Two people void a card (OP-10)."""
    card, pair = card_of(known, body.card_id), voiding.Pair(body.actor, body.checker)
    return voiding.void(card, derived("crd", "void", message.id), pair, now)


def reveal(known: Known, body: RevealCode, message: Message, now: datetime) -> Decision:
    """Let the owner see the code; the answer says which it is, and whoever has the keys opens it (RD-1)."""
    card = owned(known, body.card_id, body.customer_id)
    refuse_unless(card, *SHOWN)
    if card.issuer:
        raise FailedPrecondition("CARD_STATE", f"{card.id} is not ours: its code is its issuer's to show")
    codes = known.children(CardCode, card.id)
    made = next((code for code in codes if is_good(card, code)), None)
    code = made or body.fresh.of(card.id, card.code_number)
    after, event = step(card, CardCodeRevealed(card.id, card.code_number, body.actor))
    return Decision(
        Done(CodeShown(card.id, code.number, code.last4)), changes=(after,) if made else (after, code), events=(event,),
    )


def owned(known: Known, card_id: str, customer_id: str) -> GiftCard:
    """The card of this customer; another's is as if there were none (CARD_NOT_FOUND)."""
    card = card_of(known, card_id)
    if card.customer_id != customer_id:
        raise NotFound("CARD_NOT_FOUND", f"there is no card {card_id}")
    return card


def _decided(moved: CardStep) -> Decision:
    return Decision(Done(moved.card), changes=(moved.card,), events=(moved.event,))
