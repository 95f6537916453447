"""May this be disputed now (能否申诉)? `judged` is the one guard of the command and of `CanAppeal` (RD-29, OP-13).

Windows run from the acceptance of the redemption, by the instant of the transaction that decides (OP-15).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.card_redemption.domain.disputes.case import Dispute, Route
from services.card_redemption.domain.disputes.evidence import Shown, is_full
from services.card_redemption.domain.disputes.kinds import (
    AGAIN,
    APPEAL_WINDOW,
    EXCEPTIONAL_WINDOW,
    WINDOWED,
    DisputeType,
)
from services.card_redemption.domain.recycling.windows import is_open
from services.card_redemption.domain.redemption.cancelling import REASONS as DENIALS
from services.card_redemption.domain.redemption.cancelling import judged as judged_cancel
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.states import FREEZABLE, PAYABLE, RedemptionState
from services.kernel.errors import AlreadyExists, FailedPrecondition, SettlementError

EXTERNAL_ROUTE = "12315"
"""Whom a customer can still ask where we do not listen any more (RD-29, RD-33)."""
_S, _T = RedemptionState, DisputeType


class Answer(StrEnum):
    """Whether a case may be opened now, and if not, what stands against it first."""

    ALLOW = "ALLOW"
    REVIEW = "REVIEW"
    """As an exception: a supervisor lets it in, or not."""
    DENY_STATE = "DENY_STATE"
    """A redemption that stands so has nothing of the kind."""
    DENY_EXISTS = "DENY_EXISTS"
    """It has a case of the kind."""
    DENY_WINDOW = "DENY_WINDOW"
    DENY_EVIDENCE = "DENY_EVIDENCE"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to dispute. `exceptional` asks for an exception after the window; `complaint` is the number
    of a complaint at 12315, for which there is no window."""

    type: DisputeType
    papers: tuple[Shown, ...] = ()
    exceptional: bool = False
    complaint: str = ""

    @property
    def route(self) -> Route:
        """How it comes in."""
        if self.complaint:
            return Route.REGULATOR
        return Route.EXCEPTIONAL if self.exceptional and self.type in WINDOWED else Route.DIRECT


@dataclass(frozen=True, slots=True)
class CanAppeal:
    """What opening a case would come to at one instant. The deadlines are the last instants of the two windows; None
    where there is none."""

    answer: Answer
    deadline: datetime | None
    exceptional_deadline: datetime | None


def judged(order: RedemptionOrder, others: Iterable[Dispute], asked: Asked, at: datetime) -> CanAppeal:
    """Judge it at an instant of the server; `others` are the cases that the card has."""
    windowed = asked.type in WINDOWED
    return CanAppeal(
        _answer(order, others, asked, at),
        order.accepted_at + APPEAL_WINDOW if windowed else None,
        order.accepted_at + EXCEPTIONAL_WINDOW if windowed else None,
    )


def must_be_allowed(order: RedemptionOrder, others: Sequence[Dispute], asked: Asked, at: datetime) -> None:
    """Refuse what `judged` denies, with its reason; one that came too late hears who else listens (12315)."""
    shown = judged(order, others, asked, at)
    if shown.answer not in (Answer.ALLOW, Answer.REVIEW):
        raise _refusal(shown, order, asked)


def _answer(order: RedemptionOrder, others: Iterable[Dispute], asked: Asked, at: datetime) -> Answer:
    if not _possible(order, asked.type, at):
        return Answer.DENY_STATE
    if any(_stands_against(each, order, asked.type) for each in others):
        return Answer.DENY_EXISTS
    if asked.type not in WINDOWED or asked.complaint:
        return Answer.ALLOW
    elapsed = at - order.accepted_at
    if not is_open(EXCEPTIONAL_WINDOW if asked.exceptional else APPEAL_WINDOW, elapsed):
        return Answer.DENY_WINDOW
    if not asked.exceptional:
        return Answer.ALLOW
    return Answer.REVIEW if is_full(asked.papers) else Answer.DENY_EVIDENCE


def _possible(order: RedemptionOrder, kind: DisputeType, at: datetime) -> bool:
    stands = order.state
    if kind is _T.ACCOUNT_RESTRICTION:
        return stands is _S.FAILED_CONSUMED
    if kind is _T.FRAUD:
        return stands in FREEZABLE or stands is _S.FROZEN
    if kind is _T.DUPLICATE_CODE:
        return order.active and stands is not _S.SUBMITTING
    if kind is _T.REFUND_AMOUNT:
        return order.lost_minor > 0
    if kind in (_T.WRONG_FACE, _T.PLATFORM_FAULT):
        return stands in PAYABLE
    accepted = stands is not _S.SUBMITTING and (order.active or stands is _S.COMPLETED)
    denied = judged_cancel(order, order.terms.asked_by, at).verdict in DENIALS
    return accepted and (kind is _T.MIS_OPERATION or denied)


def _stands_against(other: Dispute, order: RedemptionOrder, kind: DisputeType) -> bool:
    """A case of the kind that is not over, or, where there is only one ever, any."""
    same = other.redemption_id == order.id and other.type is kind
    return same and (other.under_way or kind not in AGAIN)


def _refusal(shown: CanAppeal, order: RedemptionOrder, asked: Asked) -> SettlementError:
    if shown.answer is Answer.DENY_STATE:
        return FailedPrecondition("REDEMPTION_STATE", f"{order.id} is {order.state}: there is no {asked.type} of it")
    if shown.answer is Answer.DENY_EXISTS:
        return AlreadyExists("DISPUTE_EXISTS", f"{order.id} has a case of {asked.type}")
    if shown.answer is Answer.DENY_EVIDENCE:
        return FailedPrecondition("EVIDENCE_MISSING", "an exception needs a recording of it all and what came of it")
    until = shown.exceptional_deadline if asked.exceptional else shown.deadline
    return FailedPrecondition(
        "APPEAL_WINDOW_CLOSED", f"{order.id} could be appealed until {until}",
        {"external_route": EXTERNAL_ROUTE, "deadline": str(until)},
    )
