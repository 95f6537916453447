"""What every submission looks at, whosever code it is: for a code that nobody has as much as for any other, so that no
answer takes longer by what there is to be found (RD-20)."""

from typing import NamedTuple

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.codes import CardCode
from services.card_redemption.domain.redemption.commands import ConfirmRedemption
from services.card_redemption.domain.redemption.drafts import Draft, redemption_name
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.kernel.decision import Known, Wanted
from services.kernel.messages import Message


class Seen(NamedTuple):
    """The card, what redeems it or did, and the code."""

    card: GiftCard | None
    holder: RedemptionOrder | None
    code: CardCode | None


def wanted(body: ConfirmRedemption, message: Message) -> Wanted:
    """What a draft names."""
    draft = body.draft
    return (
        (GiftCard, message.key), (InForce, draft.channel), (RedemptionOrder, redemption_name(draft.nonce)),
        (CardCode, draft.blind_index),
    )


def looked(known: Known, draft: Draft) -> Seen:
    """All that may be needed of it; of a card that is not there, under a name that nobody has."""
    card = known.find(GiftCard, draft.card_id)
    holder_id = (card.claimed_by if card is not None else "") or redemption_name(draft.blind_index)
    return Seen(card, known.find(RedemptionOrder, holder_id), known.find(CardCode, draft.blind_index))
