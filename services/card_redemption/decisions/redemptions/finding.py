"""The rows that decisions about redemptions find, and the names that they give."""

from services.card_redemption.decisions.rows import card_of
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption.order import RedemptionOrder, owned
from services.card_redemption.domain.redemption.plans import Party
from services.card_redemption.domain.redemption.redeemer import RedeemerStanding
from services.kernel.decision import Known
from services.kernel.ids import derived
from services.kernel.messages import Message


def redemption_of(
    known: Known, redemption_id: str, card_id: str, customer_id: str = ""
) -> tuple[RedemptionOrder, GiftCard]:
    """The redemption and its card, if it is theirs; REDEMPTION_NOT_FOUND for anybody else's."""
    order = owned(known.find(RedemptionOrder, redemption_id), redemption_id, customer_id)
    return order, card_of(known, card_id)


def standing_of(known: Known, customer_id: str) -> RedeemerStanding:
    """What counts of this customer; nothing does of one who has not redeemed yet."""
    return known.find(RedeemerStanding, customer_id) or RedeemerStanding(customer_id)


def party(order: RedemptionOrder) -> Party:
    """Whose redemption it is, as its sagas need it."""
    return Party(order.id, order.card_id, order.customer_id, order.account_id)


def fresh(kind: str, message: Message) -> str:
    """A new id, derived from the message that asked: the same message always gives the same one."""
    return f"{kind}_{message.fresh_id}" if message.fresh_id.isalnum() else derived(kind, message.fresh_id)
