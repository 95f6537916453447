"""The bank-card share of a refund: what its leg went through, and the state that the whole refund has by it (DOMAIN
2.7)."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.order.domain.states import BankStep, RefundState

STEPS_MAX = 16
"""So many steps are kept of one way back, the last ones."""


class BankShare(StrEnum):
    """How a bank-card share stands: not there, on its way, with the customer, or waiting for a person."""

    NONE = ""
    UNDER_WAY = "UNDER_WAY"
    DONE = "DONE"
    FAILED = "FAILED"


class BankNews(NamedTuple):
    """One step of a leg. `leg_id` tells whose it is where that is not said by where it stands."""

    step: BankStep
    at: datetime
    detail: str = ""
    leg_id: str = ""


STANDS: dict[BankStep, BankShare] = {
    BankStep.WAITING: BankShare.UNDER_WAY, BankStep.ACCEPTED: BankShare.UNDER_WAY,
    BankStep.UNKNOWN: BankShare.UNDER_WAY, BankStep.BOUNCED: BankShare.UNDER_WAY,
    BankStep.EXCEPTION: BankShare.FAILED, BankStep.KEPT: BankShare.FAILED,
    BankStep.SETTLED: BankShare.DONE, BankStep.SETTLED_BY_HAND: BankShare.DONE, BankStep.REROUTED: BankShare.DONE,
}
"""How the share stands after a step; the others leave it as it is."""
BEFORE_ITS_END = frozenset({
    BankStep.WAITING, BankStep.ACCEPTED, BankStep.UNKNOWN, BankStep.EXCEPTION, BankStep.KEPT,
})
"""The steps that a share takes only before it is paid: what is paid may bounce first, and then takes them again."""


class Refund(NamedTuple):
    """One refund of an order. What it moved stands in the plan of its settlement; `reversal_id` undid it;
    `rerouted`: its bank-card share is in the wallet, for the card is closed (PM-3). `posted`: it is in every book,
    whatever its bank says; `manual`: people completed it. Rows from before those have neither: their state alone
    says it. `expired`: the flash network did not confirm it in time."""

    id: str
    settlement_id: str
    state: RefundState
    amount_minor: int
    reversal_id: str = ""
    confirmed_at: datetime | None = None
    bank_settled_at: datetime | None = None
    rerouted: bool = False
    posted: bool = False
    manual: bool = False
    bank: BankShare = BankShare.NONE
    news: tuple[BankNews, ...] = ()
    expired: bool = False

    @property
    def stands(self) -> bool:
        """Whether it has reached every book, and was not undone (I-1)."""
        if self.state is RefundState.REVERSED:
            return False
        return self.posted or self.state in (RefundState.SUCCEEDED, RefundState.SUCCEEDED_MANUAL)

    @property
    def bank_arrived(self) -> bool:
        """Whether the customer has the bank-card share."""
        if self.bank is BankShare.NONE:
            return self.bank_settled_at is not None
        return self.bank is BankShare.DONE

    @property
    def waits(self) -> bool:
        """Whether it waits for the flash network, or for people."""
        return self.state in (RefundState.PENDING_CHANNEL, RefundState.EXCEPTION)


def overall(refund: Refund) -> Refund:
    """The refund in the state that its books and its bank make: SUCCEEDED only once every tender is confirmed,
    EXCEPTION as long as one was refused."""
    if refund.state is RefundState.REVERSED:
        return refund
    if refund.bank is BankShare.FAILED:
        return refund._replace(state=RefundState.EXCEPTION)
    if not refund.stands:
        return refund
    if refund.bank is BankShare.UNDER_WAY:
        return refund._replace(state=RefundState.CREDIT_DONE)
    return refund._replace(state=RefundState.SUCCEEDED_MANUAL if refund.manual else RefundState.SUCCEEDED)


def told_by_bank(refund: Refund, news: BankNews) -> Refund:
    """The refund with a step of its leg on record; its state is for `overall` to say, but for what waits for the flash
    network: that waits for it again once nothing else is wrong."""
    bank = refund.bank if refund.state is RefundState.REVERSED else STANDS.get(news.step, refund.bank)
    by_hand = news.step is BankStep.SETTLED_BY_HAND or refund.state is RefundState.SUCCEEDED_MANUAL
    mended = refund.bank is BankShare.FAILED and bank is not BankShare.FAILED
    waits = mended and refund.waits and not refund.stands and not refund.expired
    return refund._replace(
        state=RefundState.PENDING_CHANNEL if waits else refund.state, bank=bank, posted=refund.posted or refund.stands,
        manual=refund.manual or by_hand, news=kept(refund.news, news),
    )


def kept(news: tuple[BankNews, ...], latest: BankNews, most: int = STEPS_MAX) -> tuple[BankNews, ...]:
    """The steps with one more, the oldest left out beyond the limit."""
    return (*news, latest)[-most:]
