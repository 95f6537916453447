"""How a redemption may be paid, and by whom a card may be redeemed: what depends on how the card was bought (OP-11)."""

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Demand
from services.kernel.errors import FailedPrecondition


def must_pay_by(terms: ChannelPolicy, method: PayoutMethod, instrument: str, purchase: str) -> None:
    """The channel pays so, to an instrument unless it is the wallet; ORIGINAL is the bank payment that bought the card,
    and no other. One that is not known looks like one that is not there (PAYOUT_METHOD)."""
    if method not in terms.payouts:
        raise FailedPrecondition("PAYOUT_METHOD", f"{terms.channel} does not pay by {method}")
    if method is PayoutMethod.ORIGINAL and (not purchase or instrument != purchase):
        raise FailedPrecondition("PAYOUT_METHOD", "the payment that bought the card is not known")
    if method is not PayoutMethod.JD_BALANCE and not instrument:
        raise FailedPrecondition("PAYOUT_METHOD", f"{method} needs an instrument")


def must_be_bought_by(terms: ChannelPolicy, card: GiftCard, customer_id: str) -> None:
    """Where the channel demands it, the account that bought the card redeems it (必须通过原购买账户操作): whoever was
    given it does not, nor is it enough to own it by now (NOT_PURCHASER)."""
    if Demand.PURCHASER in terms.demands and card.purchaser_id != customer_id:
        raise FailedPrecondition("NOT_PURCHASER", f"{terms.channel} takes a card only from whoever bought it")
