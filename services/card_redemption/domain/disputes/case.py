"""A dispute or an appeal (争议、申诉): a case about a redemption, under the card of it (DOMAIN 2.10, OP-5)."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from services.card_redemption.domain.disputes.evidence import Paper, strength
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.disputes.queue import Place
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.kernel.errors import FailedPrecondition, NotFound

ENGINE = "engine"
"""Who opened a case that no person did."""


class DisputeState(StrEnum):
    """Where a case stands (DOMAIN 2.10)."""

    OPEN = "OPEN"
    TRIAGED = "TRIAGED"
    """Somebody handles it."""
    EVIDENCE = "EVIDENCE"
    """Evidence came in since."""
    DECIDED = "DECIDED"
    """Granted; what was decided is under way."""
    REJECTED = "REJECTED"
    ESCALATED_12315 = "ESCALATED_12315"
    """The customer complained at 12315: it is decided again."""
    EXECUTED = "EXECUTED"
    """What was decided is done."""


HANDLED = frozenset({DisputeState.TRIAGED, DisputeState.EVIDENCE, DisputeState.ESCALATED_12315})
"""A supervisor may decide it."""
UNDECIDED = HANDLED | {DisputeState.OPEN}
"""It waits for somebody, so it stands in the queue and its time runs."""


class Route(StrEnum):
    """How a case came in."""

    DIRECT = "DIRECT"
    EXCEPTIONAL = "EXCEPTIONAL"
    """After the window: a supervisor has to let it in (特批, RD-29)."""
    REGULATOR = "REGULATOR"
    """Over 12315, where no window of ours counts (RD-29, RD-33)."""


class Verdict(StrEnum):
    """What a supervisor decided."""

    UPHELD = "UPHELD"
    PARTIAL = "PARTIAL"
    REJECTED = "REJECTED"


class Remedy(StrEnum):
    """What is done about it: each is an ordinary step of the redemption, with its ordinary postings (OP-14)."""

    NONE = "NONE"
    REVOCATION = "REVOCATION"
    VOUCHER = "VOUCHER"
    FACE_CORRECTION = "FACE_CORRECTION"
    FAULT_REVERSAL = "FAULT_REVERSAL"
    FRAUD_CLOSING = "FRAUD_CLOSING"
    FREEZE = "FREEZE"
    RELEASE = "RELEASE"
    ADJUSTMENT = "ADJUSTMENT"
    LIFTING = "LIFTING"


class Lateness(StrEnum):
    """Whether its time is over."""

    ON_TIME = "ON_TIME"
    PAST_TARGET = "PAST_TARGET"
    OVERDUE = "OVERDUE"


@dataclass(frozen=True, slots=True)
class Dispute:
    """One case. `claimed_minor` is what the customer says is right, where it is about an amount: the face, or what he
    should have back; `granted_minor` what was decided of that. `vip` and `method` only say when it is heard (RD-32).
    `complaint` is the number at 12315, `deciders` are all who decided, the first one first. `attempts` counts how often
    what was decided could not be done at once."""

    id: str
    card_id: str
    redemption_id: str
    customer_id: str
    type: DisputeType
    route: Route
    vip: int
    method: PayoutMethod
    opened_by: str
    opened_at: datetime
    updated_at: datetime
    state: DisputeState = DisputeState.OPEN
    claimed_minor: int = 0
    complaint: str = ""
    let_in_by: str = ""
    handler: str = ""
    papers: tuple[Paper, ...] = ()
    verdict: Verdict | None = None
    remedy: Remedy = Remedy.NONE
    granted_minor: int = 0
    deciders: tuple[str, ...] = ()
    police_case: str = ""
    reason: str = ""
    target_on: date | None = None
    due_on: date | None = None
    lateness: Lateness = Lateness.ON_TIME
    attempts: int = 0
    version: int = 1

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.card_id

    @property
    def under_way(self) -> bool:
        """Whether somebody, or what was decided, still has to do something about it."""
        return self.state in UNDECIDED or self.state is DisputeState.DECIDED

    @property
    def strength(self) -> int:
        """What its best paper weighs (RD-34)."""
        return strength(self.papers)

    @property
    def place(self) -> Place:
        """Where it stands in the queue (RD-32)."""
        return Place(self.id, self.vip, self.method, self.opened_at)

    @property
    def waits_for_exception(self) -> bool:
        """Whether a supervisor has to let it in first."""
        return self.route is Route.EXCEPTIONAL and not self.let_in_by

    @property
    def people(self) -> tuple[str, ...]:
        """All who had a hand in it: none of them decides it (MA-3)."""
        by = (self.opened_by, self.customer_id, self.handler, *(paper.by for paper in self.papers), *self.deciders)
        return tuple(name for name in by if name)


def owned(dispute: Dispute | None, dispute_id: str, customer_id: str = "") -> Dispute:
    """The case, if it exists and is theirs; somebody else's and none look alike."""
    if dispute is None or (customer_id and dispute.customer_id != customer_id):
        raise NotFound("DISPUTE_NOT_FOUND", f"there is no dispute {dispute_id}")
    return dispute


def must_stand(dispute: Dispute, *states: DisputeState) -> None:
    """Refuse what its state does not allow now (DISPUTE_STATE)."""
    if dispute.state not in states:
        raise FailedPrecondition("DISPUTE_STATE", f"{dispute.id} is {dispute.state}")
