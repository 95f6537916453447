"""Giving a card to somebody else (转让), which is no redemption and can be taken back for a while (RD-26)."""

from services.card_redemption.domain.cards.card import CardStep, GiftCard, refuse_held, refuse_unless, step
from services.card_redemption.domain.events import CardTransferOffered, CardTransferred, CardTransferWithdrawn
from services.card_redemption.domain.states import CardStanding, CardState
from services.kernel.errors import FailedPrecondition, InvalidArgument


def may_withdraw(activated: bool) -> bool:
    """Whether the giver may still take a transfer back: until the receiver has activated the card."""
    return not activated


def offer(card: GiftCard, receiver_id: str) -> CardStep:
    """Give the card to somebody, who has it once it is activated; only a whole card: what orders took of it may come
    back to it, and belongs to its giver."""
    refuse_unless(card, CardStanding.ACTIVE)
    refuse_held(card)
    if card.state is not CardState.ACTIVE or card.issuer:
        raise FailedPrecondition("CARD_STATE", f"{card.id} is {card.state}: only a whole card of ours is given away")
    if receiver_id == card.customer_id:
        raise InvalidArgument("INVALID_ARGUMENT", f"{card.id} is {receiver_id}'s already", {"field": "receiver_id"})
    fact = CardTransferOffered(card.id, card.customer_id, receiver_id)
    return step(card, fact, standing=CardStanding.TRANSFER_PENDING, handed_to=receiver_id)


def withdraw(card: GiftCard) -> CardStep:
    """Take it back, until the receiver has activated it (RD-26)."""
    if not may_withdraw(activated=card.standing is not CardStanding.TRANSFER_PENDING):
        raise FailedPrecondition("CARD_STATE", f"{card.id} is {card.state}: nobody waits to activate it")
    return step(card, CardTransferWithdrawn(card.id, card.customer_id), standing=CardStanding.ACTIVE, handed_to="")


def activate_transfer(card: GiftCard) -> CardStep:
    """The receiver activates it and owns it, under a new code: its giver knows the old one."""
    refuse_unless(card, CardStanding.TRANSFER_PENDING)
    fact = CardTransferred(card.id, card.customer_id, card.handed_to)
    return step(
        card, fact, standing=CardStanding.ACTIVE, customer_id=card.handed_to, handed_to="",
        code_number=card.code_number + 1,
    )
