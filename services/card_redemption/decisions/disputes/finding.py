"""The rows that decisions about a case find: it, its redemption, their card."""

from typing import NamedTuple

from services.card_redemption.decisions.redemptions.finding import redemption_of
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.disputes.case import Dispute, owned
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.kernel.decision import Known


class Case(NamedTuple):
    """A case with all that it is about."""

    dispute: Dispute
    order: RedemptionOrder
    card: GiftCard


def case_of(known: Known, dispute_id: str, card_id: str, customer_id: str = "") -> Case:
    """The case, if it is theirs; DISPUTE_NOT_FOUND for anybody else's."""
    dispute = owned(known.find(Dispute, dispute_id), dispute_id, customer_id)
    return Case(dispute, *redemption_of(known, dispute.redemption_id, card_id))
