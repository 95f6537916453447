"""What is refused of a case: people who had a hand in it, amounts and verdicts that cannot be, missing papers."""

from collections.abc import Callable

import pytest

from services.card_redemption.domain.disputes import commands as ask
from services.card_redemption.domain.disputes.case import DisputeState as S
from services.card_redemption.domain.disputes.case import Verdict
from services.card_redemption.domain.disputes.evidence import EvidenceKind
from services.card_redemption.domain.disputes.kinds import DisputeType as T
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.redemption.commands import DecideFraud, ReportFraud
from services.kernel.calendar import DAY
from tests.services.card_redemption.disputing import (
    BOSS,
    CLERK,
    FULL,
    NOTARIZED,
    RECORDING,
    SCREENSHOT,
    accepted,
    asked,
    case_of,
    completed,
    consumed,
    decided,
    ends,
    handled,
    opened,
    verified,
)
from tests.services.card_redemption.redeeming import FACE_MINOR, Redeeming

FEE_MINOR = FACE_MINOR - 7_520
"""What was kept of the face at 94 %."""


@pytest.mark.parametrize("who", ["cus_1", " CUS_1", CLERK, "ｃｌｅｒｋ", "witness", ""])
def test_nobody_decides_who_had_a_hand_in_it(who: str) -> None:
    """MA-3: opener, handler, who showed a paper; however the name is written. Nothing is written but the attempt."""
    made = completed()
    case = handled(made, T.MIS_OPERATION, *FULL)
    paper = ask.SubmitEvidence(case.id, "", EvidenceKind.NOTARIZED, "deed", "witness", EntryChannel.SUPPORT)
    assert asked(made, paper).reason == ""
    before = case_of(made, T.MIS_OPERATION)

    refused = decided(made, case, by=who)

    refused.then_refused("FOUR_EYES")
    assert case_of(made, T.MIS_OPERATION) == before


@pytest.mark.parametrize("confirmed", [True, False])
@pytest.mark.parametrize(("who", "reason"), [
    (CLERK, "FOUR_EYES"), ("ｃｌｅｒｋ", "FOUR_EYES"), (" CUS_1", "FOUR_EYES"), (BOSS, ""),
])
def test_nobody_decides_a_fraud_that_he_reported(who: str, reason: str, confirmed: bool) -> None:
    """Without a case too: nor does the customer whose redemption it is (RD-22)."""
    made = accepted()
    assert made.do(ReportFraud(made.order().id, CLERK)).reason == ""
    made.now += 15 * DAY
    before = made.order()

    step = made.do(DecideFraud(before.id, confirmed, "P-1", who))

    assert step.reason == reason
    assert (made.order() == before) is bool(reason)


@pytest.mark.parametrize("verdict", [Verdict.UPHELD, Verdict.REJECTED])
@pytest.mark.parametrize(("who", "reason"), [(BOSS, "FOUR_EYES"), (" ＢＯＳＳ", "FOUR_EYES"), ("other", "")])
def test_a_case_is_no_way_to_decide_a_fraud_that_one_reported(who: str, reason: str, verdict: Verdict) -> None:
    """He had no hand in the case that the customer opened afterwards, and a hand in what it decides."""
    made = accepted()
    assert made.do(ReportFraud(made.order().id, BOSS)).reason == ""
    made.now += 15 * DAY
    case, before = handled(made, T.FRAUD), made.order()

    step = decided(made, case, verdict, police="P-1", by=who)

    assert step.reason == reason
    assert (made.order() == before) is bool(reason)


@pytest.mark.parametrize(("kind", "verdict", "granted", "reason"), [
    (T.MIS_OPERATION, Verdict.PARTIAL, 1, "PARTIAL_NOT_POSSIBLE"), (T.MIS_OPERATION, Verdict.UPHELD, 1, "CLAIM_AMOUNT"),
    (T.REFUND_AMOUNT, Verdict.PARTIAL, 400, "CLAIM_AMOUNT"), (T.REFUND_AMOUNT, Verdict.PARTIAL, 0, "CLAIM_AMOUNT"),
    (T.REFUND_AMOUNT, Verdict.UPHELD, 399, "CLAIM_AMOUNT"), (T.REFUND_AMOUNT, Verdict.REJECTED, 1, "CLAIM_AMOUNT"),
    (T.REFUND_AMOUNT, Verdict.UPHELD, None, "EVIDENCE_MISSING"), (T.REFUND_AMOUNT, Verdict.UPHELD, 0, "CLAIM_AMOUNT"),
    (T.REFUND_AMOUNT, Verdict.PARTIAL, None, "CLAIM_AMOUNT"), (T.WRONG_FACE, Verdict.UPHELD, 0, "CLAIM_AMOUNT"),
])
def test_a_verdict_that_cannot_be(kind: T, verdict: Verdict, granted: int | None, reason: str) -> None:
    """OP-14: only an amount is split, and nothing is given without a paper. An amount of 0 that is named is none, not
    all that was claimed."""
    made = completed()
    case = handled(made, kind, claimed_minor={T.REFUND_AMOUNT: 400, T.WRONG_FACE: 5_000}.get(kind, 0))

    decided(made, case, verdict, granted).then_refused(reason)


def test_a_screenshot_takes_nothing_back_and_a_notary_does() -> None:
    """RD-30, RD-34: what is revoked needs a recording, or something heavier."""
    made = verified()
    case = handled(made, T.MIS_OPERATION, SCREENSHOT)
    decided(made, case).then_refused("EVIDENCE_MISSING")

    paper = ask.SubmitEvidence(case.id, "cus_1", NOTARIZED.kind, NOTARIZED.reference, "cus_1", EntryChannel.APP)
    assert asked(made, paper).reason == ""
    assert asked(made, paper).reason == "EVIDENCE_KNOWN"

    decided(made, case)
    assert ends(made, case, S.EXECUTED).strength == 3


def test_a_case_has_twenty_papers_at_most() -> None:
    """A bound on what one case can grow to."""
    made = completed()
    case = handled(made, T.MIS_OPERATION)
    for number in range(21):
        paper = ask.SubmitEvidence(
            case.id, "cus_1", EvidenceKind.SCREENSHOT, f"page {'x' * number}", "cus_1", EntryChannel.APP
        )
        last = asked(made, paper)

    assert last.reason == "EVIDENCE_LIMIT"


@pytest.mark.parametrize(("kind", "claimed"), [
    (T.WRONG_FACE, 0), (T.WRONG_FACE, FACE_MINOR), (T.REFUND_AMOUNT, 0), (T.REFUND_AMOUNT, FEE_MINOR + 1),
    (T.MIS_OPERATION, 1),
])
def test_a_claim_that_cannot_be(kind: T, claimed: int) -> None:
    """A face that is the same, more than was kept, or an amount where none is meant."""
    opened(completed(), kind, claimed_minor=claimed).then_refused("CLAIM_AMOUNT")


def test_there_is_one_case_of_a_kind() -> None:
    """It is escalated, not opened again; a fraud may be reported again once it was none."""
    made = completed()
    case = handled(made, T.CANCEL_DENIED)
    opened(made, T.CANCEL_DENIED).then_refused("DISPUTE_EXISTS")
    decided(made, case, Verdict.REJECTED)

    opened(made, T.CANCEL_DENIED).then_refused("DISPUTE_EXISTS")


@pytest.mark.parametrize(("make", "kind"), [
    (accepted, T.WRONG_FACE), (accepted, T.PLATFORM_FAULT), (accepted, T.REFUND_AMOUNT), (accepted, T.CANCEL_DENIED),
    (accepted, T.ACCOUNT_RESTRICTION), (completed, T.FRAUD), (completed, T.DUPLICATE_CODE), (consumed, T.MIS_OPERATION),
])
def test_a_redemption_that_stands_otherwise_has_no_such_case(make: Callable[[], Redeeming], kind: T) -> None:
    """Of one that is neither paid nor lost nothing of the kind can be said."""
    opened(make(), kind, claimed_minor=400).then_refused("REDEMPTION_STATE")


def test_another_customers_redemption_and_case_are_none() -> None:
    """Both look as if there were none."""
    made = completed()
    case = handled(made, T.MIS_OPERATION, RECORDING)
    paper = ask.SubmitEvidence(case.id, "cus_2", EvidenceKind.SCREENSHOT, "page", "cus_2", EntryChannel.APP)
    asked(made, paper).then_refused("DISPUTE_NOT_FOUND")
    asked(made, ask.TriageDispute("dsp_none", 0, CLERK)).then_refused("DISPUTE_NOT_FOUND")


def test_nobody_handles_his_own_case() -> None:
    """A clerk may be a customer, too."""
    made = completed()
    opened(made, T.MIS_OPERATION)

    asked(made, ask.TriageDispute(case_of(made, T.MIS_OPERATION).id, 0, "cus_1")).then_refused("FOUR_EYES")
