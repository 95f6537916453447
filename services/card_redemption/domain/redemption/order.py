"""The redemption order, which lives under its card: one code has one active redemption (OP-5)."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from services.card_redemption.domain.codes import Envelope
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Kind
from services.card_redemption.domain.recycling.windows import Verification
from services.card_redemption.domain.redemption.states import (
    ENDED_WITHOUT_PAYOUT,
    PAYABLE,
    UNVERIFIED,
    PayoutState,
    RedemptionState,
)
from services.kernel.errors import FailedPrecondition, NotFound
from services.kernel.participant import IsBusy

OF_CASE = "dsp_"
"""How the ids of cases begin: why a redemption is held that no fraud is reported of."""


class Payout(NamedTuple):
    """A part of the payout: the first one, or a top-up. `method` is how it was paid in the end (PM-3)."""

    id: str
    amount_minor: int
    method: PayoutMethod
    state: PayoutState = PayoutState.DUE


class Voucher(NamedTuple):
    """The consolation voucher of a redemption that could not be cancelled (RD-28)."""

    id: str
    value_minor: int
    left_minor: int


class FraudReport(NamedTuple):
    """That the card was stolen (盗刷): since when, and the case number of the police once there is one (RD-22)."""

    reported_at: datetime
    reporter: str
    police_case: str = ""


@dataclass(frozen=True, slots=True)
class RedemptionOrder:
    """One submission of a card. `terms` are those of its channel when it was accepted, and never change for it.

    `face_minor` is the face that counts: the declared one until the verification finds another (RD-21).
    `settlement_id` is the saga that alone may change it now. A review pauses verification for the channel's time after
    `cancel_requested_at`; `reason` says why it failed, or why its last cancellation was refused. `deadline` is the last
    instant of an escrow's condition, and None once that was met while its card was frozen. The 6 digits of another
    issuer's card are sealed in `verification_code` until the verification has them, and then erased (RD-1).
    `adjusted_minor` is what disputes gave its customer back (P22).
    """

    id: str
    card_id: str
    customer_id: str
    account_id: str
    terms: ChannelPolicy
    declared_minor: int
    face_minor: int
    entry: EntryChannel
    method: PayoutMethod
    instrument: str
    state: RedemptionState
    accepted_at: datetime
    updated_at: datetime
    settlement_id: str = ""
    reason: str = ""
    verify_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    cancel_fee_minor: int = 0
    evidence: tuple[str, ...] = ()
    scheduled_at: datetime | None = None
    deadline: datetime | None = None
    verified_at: datetime | None = None
    settled_at: datetime | None = None
    agreement_id: str = ""
    payouts: tuple[Payout, ...] = ()
    voucher: Voucher | None = None
    fraud: FraudReport | None = None
    frozen_from: RedemptionState | None = None
    channel_fee_minor: int = 0
    remitted_minor: int = 0
    claimed_minor: int = 0
    adjusted_minor: int = 0
    verification_code: Envelope | None = None
    version: int = 1

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.card_id

    @property
    def open(self) -> bool:
        """Whether something may still happen to it by itself."""
        return self.active or bool(self.settlement_id)

    @property
    def active(self) -> bool:
        """Whether it has a claim on its code that is not settled for good (RD-20)."""
        return self.state not in ENDED_WITHOUT_PAYOUT and self.state is not RedemptionState.COMPLETED

    @property
    def promised(self) -> bool:
        """Whether it is under way in a channel that says how long that may take (A22)."""
        submitted = self.state is not RedemptionState.SUBMITTING
        return self.terms.sla_working_days is not None and submitted and self.active

    @property
    def stands(self) -> RedemptionState:
        """Its state; of a frozen one, that in which it was frozen."""
        return self.frozen_from or self.state

    @property
    def held(self) -> bool:
        """Whether a case stopped it, and nobody reported a fraud: its reason is the case."""
        return self.state is RedemptionState.FROZEN and self.fraud is None

    def held_for_another(self, case_id: str) -> bool:
        """Whether another case stopped it than this one, as far as it still says (D101)."""
        return self.held and self.reason.startswith(OF_CASE) and self.reason != case_id

    @property
    def verification(self) -> Verification:
        """How far the verification of its code is; what is asked for later leaves a code read that was read."""
        if self.verified_at is not None:
            return Verification.DONE
        if self.stands in UNVERIFIED:
            return Verification.NONE
        waits = (RedemptionState.VERIFYING, RedemptionState.REVOKING)
        return Verification.STARTED if self.stands in waits else Verification.DONE

    @property
    def read_elsewhere(self) -> bool:
        """Whether a provider has its code: it is dead unless the provider lets go of it (OP-7)."""
        return self.by_recycler and self.verification is not Verification.NONE

    @property
    def by_recycler(self) -> bool:
        """Whether a recycler pays for the card (A.CH.RECYCLER)."""
        return self.terms.kind is Kind.THIRD_PARTY

    @property
    def payout_minor(self) -> int:
        """What the customer gets for the face that counts (CV-3)."""
        return self.terms.payout_minor(self.face_minor)

    @property
    def transit_minor(self) -> int:
        """What of it was decided and is not paid: its part of L.PAYOUT.TRANSIT."""
        waits = (PayoutState.DUE, PayoutState.SENT)
        return sum(payout.amount_minor for payout in self.payouts if payout.state in waits)

    @property
    def lost_minor(self) -> int:
        """What it cost its customer and nobody gave back yet: the fee of its cancellation, or what was kept of its
        face, less its voucher and what disputes gave (RD-28, OP-14)."""
        if self.state is RedemptionState.CANCELLED:
            cost_minor = self.cancel_fee_minor
        else:
            cost_minor = self.face_minor - self.payout_minor if self.state in PAYABLE else 0
        return max(0, cost_minor - self.adjusted_minor - (self.voucher.value_minor if self.voucher else 0))

    def payout_of(self, payout_id: str) -> Payout | None:
        """The payout with this id."""
        return next((payout for payout in self.payouts if payout.id == payout_id), None)


def owned(order: RedemptionOrder | None, redemption_id: str, customer_id: str = "") -> RedemptionOrder:
    """The redemption, if it exists and is theirs; somebody else's and none look exactly alike."""
    if order is None or (customer_id and order.customer_id != customer_id):
        raise NotFound("REDEMPTION_NOT_FOUND", f"there is no redemption {redemption_id}")
    return order


def refuse_while_settling(order: RedemptionOrder) -> None:
    """Let nobody pass while a saga of it is under way: who asks waits for its end."""
    if order.settlement_id:
        raise IsBusy(order.settlement_id)


def must_stand(order: RedemptionOrder, *states: RedemptionState) -> None:
    """Refuse what its state does not allow now (REDEMPTION_STATE)."""
    if order.state not in states:
        raise FailedPrecondition("REDEMPTION_STATE", f"{order.id} is {order.state}")
