"""The enumerations of the card service, between the wire and the domain."""

from services.card_redemption.domain.states import CardState
from services.runtime.ground.scalars import Enumeration
from settlement.card_redemption.v1 import card_pb2

CARD_STATES = Enumeration(CardState, card_pb2.CardState)
