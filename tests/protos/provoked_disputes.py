"""How to provoke the reasons of disputes: the card service in memory, asked for what it refuses."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from services.card_redemption.domain.disputes import commands as ask
from services.card_redemption.domain.disputes.case import Verdict
from services.card_redemption.domain.disputes.evidence import PAPERS_MAX, EvidenceKind
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.record.attempt import EntryChannel
from tests.services.card_redemption.disputing import (
    CLERK,
    FULL,
    asked,
    case_of,
    completed,
    decided,
    handled,
    opened,
)

T = DisputeType


def _window_closed() -> str:
    made = completed()
    made.now += timedelta(days=3)
    return opened(made, T.CANCEL_DENIED).reason


def _pending() -> str:
    made = completed()
    made.now += timedelta(days=2)
    opened(made, T.MIS_OPERATION, *FULL, exceptional=True)
    return asked(made, ask.TriageDispute(case_of(made, T.MIS_OPERATION).id, 0, CLERK)).reason


def _papers(*references: str) -> str:
    made = completed()
    case = handled(made, T.MIS_OPERATION)
    for reference in references:
        paper = ask.SubmitEvidence(
            case.id, "cus_1", EvidenceKind.SCREENSHOT, reference, "cus_1", EntryChannel.APP
        )
        last = asked(made, paper)
    return last.reason


def _exists() -> str:
    made = completed()
    opened(made, T.CANCEL_DENIED)
    return opened(made, T.CANCEL_DENIED).reason


def _partial() -> str:
    made = completed()
    return decided(made, handled(made, T.MIS_OPERATION), Verdict.PARTIAL, 1).reason


def _undecidable() -> str:
    made = completed()
    opened(made, T.CANCEL_DENIED)
    return decided(made, case_of(made, T.CANCEL_DENIED)).reason


PROVOKED: Mapping[str, Callable[[], str]] = {
    "DISPUTE_NOT_FOUND": lambda: asked(completed(), ask.TriageDispute("dsp_none", 0, CLERK)).reason,
    "DISPUTE_STATE": _undecidable,
    "DISPUTE_EXISTS": _exists,
    "APPEAL_WINDOW_CLOSED": _window_closed,
    "EXCEPTION_PENDING": _pending,
    "EVIDENCE_KNOWN": lambda: _papers("page", " PAGE"),
    "EVIDENCE_LIMIT": lambda: _papers(*(f"page{'x' * number}" for number in range(PAPERS_MAX + 1))),
    "CLAIM_AMOUNT": lambda: opened(completed(), T.WRONG_FACE).reason,
    "PARTIAL_NOT_POSSIBLE": _partial,
}
"""By reason."""
