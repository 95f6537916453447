"""What every submission looks at, whosever code it is: for a code that nobody has as much as for any other, so that no
answer takes longer by what there is to be found (RD-20)."""

from datetime import datetime
from typing import NamedTuple

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.codes import CardCode
from services.card_redemption.domain.disputes.case import Dispute
from services.card_redemption.domain.redemption.commands import ConfirmRedemption
from services.card_redemption.domain.redemption.drafts import Draft, redemption_name
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.submitting import FreezeCase, freeze_name
from services.card_redemption.domain.working_days.year import WorkingYear, year_key
from services.kernel.calendar import business_date
from services.kernel.decision import Known, Missing, Wanted
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


def looked(known: Known, draft: Draft, now: datetime) -> Seen:
    """All that may be needed of it, asked for at once; of a card that is not there, under names that nobody has."""
    card = known.find(GiftCard, draft.card_id)
    holder_id = (card.claimed_by if card is not None else "") or redemption_name(draft.blind_index)
    year = business_date(now).year
    lacking = [place for place in (
        (RedemptionOrder, holder_id), (FreezeCase, freeze_name(holder_id, draft.nonce)),
        (WorkingYear, year_key(year)), (WorkingYear, year_key(year + 1)),
    ) if not known.has(*place)]
    if lacking:
        raise Missing(rows=lacking, families=[(Dispute, draft.card_id)])
    return Seen(card, known.find(RedemptionOrder, holder_id), known.find(CardCode, draft.blind_index))
