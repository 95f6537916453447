"""Cases from their opening to what is done about them: who may do what, and the ordinary postings of outcomes."""

from datetime import timedelta

import pytest

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.disputes import commands as ask
from services.card_redemption.domain.disputes.case import Dispute, Remedy, Route, Verdict
from services.card_redemption.domain.disputes.case import DisputeState as S
from services.card_redemption.domain.disputes.evidence import EvidenceKind
from services.card_redemption.domain.disputes.kinds import DisputeType as T
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.redemption.commands import (
    ReportFraud,
)
from services.card_redemption.domain.redemption.participation import LedgerPayout, PayoutSettled
from services.card_redemption.domain.redemption.redeemer import Redeemer
from services.card_redemption.domain.redemption.states import RedemptionState
from tests.services.card_redemption.disputing import (
    BOSS,
    CLERK,
    CUSTOMER,
    FULL,
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
    rings,
    verified,
)
from tests.services.card_redemption.redeeming import FACE_MINOR, SU, Redeeming

R = RedemptionState
FEE_MINOR = FACE_MINOR - 7_520
"""What was kept of the face at 94 %."""


def test_a_mistake_is_revoked_while_it_is_unsettled() -> None:
    """OP-14, OP-7: an ordinary revocation, with the papers of the case."""
    made = verified()
    case = handled(made, T.MIS_OPERATION, *FULL)

    assert decided(made, case).reason == ""

    done = ends(made, case, S.EXECUTED)
    assert (done.remedy, done.verdict, made.order().state) == (Remedy.REVOCATION, Verdict.UPHELD, R.REVOKED)
    assert "SCREEN_RECORDING:film 1" in made.order().evidence


def test_once_it_is_paid_a_denied_cancel_gets_a_voucher_and_a_second_case_nothing() -> None:
    """RD-28: once for a redemption, whatever asks for it."""
    made = completed()
    first = handled(made, T.CANCEL_DENIED, SCREENSHOT)
    second = handled(made, T.MIS_OPERATION, SCREENSHOT)

    decided(made, first)
    decided(made, second)

    assert ends(made, first, S.EXECUTED).remedy is Remedy.VOUCHER
    assert ends(made, second, S.EXECUTED).remedy is Remedy.NONE
    voucher = made.order().voucher
    assert voucher is not None
    assert voucher.value_minor == FEE_MINOR


def test_a_voucher_waits_for_the_payout() -> None:
    """What cannot be done yet is tried again, and is done once it can be."""
    made = accepted()
    made.ledger.says = LedgerPayout.SENT
    made.verify()
    case = handled(made, T.CANCEL_DENIED, SCREENSHOT)

    decided(made, case)
    ends(made, case, S.DECIDED)
    rings(made, timedelta(minutes=2))
    assert ends(made, case, S.DECIDED).attempts == 1
    payout_id = made.order().payouts[0].id
    made.ledger.paid(payout_id)
    made.tell(made.order().card_id, PayoutSettled(made.order().id, payout_id, False))
    made.settle_down()
    rings(made, timedelta(hours=1))

    ends(made, case, S.EXECUTED)
    assert made.order().voucher is not None


@pytest.mark.parametrize(("claimed", "verdict", "granted", "face"), [
    (5_000, Verdict.UPHELD, None, 5_000), (5_000, Verdict.PARTIAL, 6_000, 6_000), (9_000, Verdict.UPHELD, 9_000, 9_000),
    (5_000, Verdict.REJECTED, 0, FACE_MINOR),
])
def test_a_wrong_face_is_corrected_to_what_was_granted(
    claimed: int, verdict: Verdict, granted: int | None, face: int
) -> None:
    """RD-21, P31, P32: the claw-back and the top-up that there are anyway."""
    made = completed()
    case = handled(made, T.WRONG_FACE, SCREENSHOT, claimed_minor=claimed)

    assert decided(made, case, verdict, granted).reason == ""
    rings(made)

    ends(made, case, S.REJECTED if verdict is Verdict.REJECTED else S.EXECUTED)
    owed = made.ledger.book["A.CUST.RECV", ""]
    assert made.order().face_minor == face
    assert owed == max(0, 7_520 - face * 94 // 100)
    assert not any(account == "X.CLEARING" for account, _ in made.both())


def test_what_the_ledger_refuses_is_asked_for_again_after_a_pause() -> None:
    """A refused claim leaves the case open; each further try waits longer, and is told."""
    made = completed()
    case = handled(made, T.WRONG_FACE, SCREENSHOT, claimed_minor=5_000)
    made.ledger.refuses = "ACCOUNT_NOT_ACTIVE"

    decided(made, case)
    rings(made)
    assert ends(made, case, S.DECIDED).attempts == 0
    rings(made, timedelta(minutes=2))
    assert ends(made, case, S.DECIDED).attempts == 1
    made.ledger.refuses = ""
    made.ledger.answered.clear()
    rings(made, timedelta(minutes=5))
    rings(made, timedelta(minutes=1))

    ends(made, case, S.EXECUTED)
    assert made.order().face_minor == 5_000


@pytest.mark.parametrize(("verdict", "granted", "back"), [
    (Verdict.UPHELD, None, 400), (Verdict.PARTIAL, 150, 150), (Verdict.REJECTED, 0, 0),
])
def test_an_amount_goes_back_into_the_wallet_over_both_books(
    verdict: Verdict, granted: int | None, back: int
) -> None:
    """P22: our cost in the card book, the customer's wallet in the other, nothing left between them."""
    made = completed()
    case = handled(made, T.REFUND_AMOUNT, SCREENSHOT, claimed_minor=400)

    answered = decided(made, case, verdict, granted).result
    rings(made)

    assert answered.state is (S.DECIDED if back else S.REJECTED)  # until the other book has it, it is under way

    ends(made, case, S.EXECUTED if back else S.REJECTED)
    both = made.both()
    assert (both["E.GOODWILL", made.order().id], both["L.CUST.WALLET", ""]) == (back, -back)
    assert made.order().adjusted_minor == back
    assert not any(account == "X.CLEARING" for account, _ in both)


def test_a_fault_of_ours_is_undone() -> None:
    """RD-33, P34: the value is back, what was paid is owed."""
    made = completed()
    case = handled(made, T.PLATFORM_FAULT, SCREENSHOT)

    decided(made, case)
    rings(made)

    assert ends(made, case, S.EXECUTED).remedy is Remedy.FAULT_REVERSAL
    assert made.order().state is R.FAULT_REVERSED
    assert made.ledger.book["A.CUST.RECV", ""] == 7_520


@pytest.mark.parametrize(("verdict", "state", "case_state"), [
    (Verdict.UPHELD, R.CLOSED_FRAUD, S.EXECUTED), (Verdict.REJECTED, R.VERIFIED, S.REJECTED),
])
def test_a_fraud_stops_all_at_once_and_is_decided_with_the_police(
    verdict: Verdict, state: RedemptionState, case_state: S
) -> None:
    """RD-22, OP-8."""
    made = verified()
    case = handled(made, T.FRAUD)
    assert made.order().state is R.FROZEN

    made.now += timedelta(days=15)
    assert decided(made, case, verdict, police="police-1").reason == ""

    ends(made, case, case_state)
    assert made.order().state is state


def test_a_fraud_that_was_reported_already_gets_its_case_on_top() -> None:
    """The case opens on what is frozen; nothing more is frozen."""
    made = accepted()
    made.do(ReportFraud(made.order().id, "police"))

    assert opened(made, T.FRAUD).reason == ""

    fraud = made.order().fraud
    assert fraud is not None
    assert fraud.reporter == "police"


def _submitted_twice(by: str = "cus_1") -> Redeeming:
    made = verified()
    step = made.submit(made.draft(nonce="n2", customer_id=by))
    assert step.reason == ""  # the answer is `Denied`, for a case is written
    return made


def test_a_code_that_is_submitted_twice_opens_one_case_whoever_does_it() -> None:
    """RD-20: the engine opens it, with its two working days; a third submission finds it open."""
    made = _submitted_twice()
    made.submit(made.draft(nonce="n3"))

    case = case_of(made, T.DUPLICATE_CODE)
    assert (case.opened_by, case.due_on) == ("engine", case.opened_at.date() + timedelta(days=4))
    assert len([each for each in made.rows if each[0] is type(case)]) == 1
    ends(made, case, S.OPEN)


@pytest.mark.parametrize(("verdict", "state", "case_state"), [
    (Verdict.UPHELD, R.FROZEN, S.EXECUTED), (Verdict.REJECTED, R.VERIFIED, S.REJECTED),
])
def test_who_handles_it_stops_the_redemption_and_the_decision_keeps_or_lifts_that(
    verdict: Verdict, state: RedemptionState, case_state: S
) -> None:
    """OP-14: release or keep the freeze."""
    made = _submitted_twice()
    case = handled(made, T.DUPLICATE_CODE)
    assert asked(made, ask.FreezeForDispute(case.id, CLERK)).reason == ""
    assert made.order().state is R.FROZEN
    assert made.order().fraud is None

    decided(made, case, verdict)

    ends(made, case, case_state)
    assert made.order().state is state
    assert (made.order().fraud is not None) is (verdict is Verdict.UPHELD)


def test_what_another_case_holds_is_not_let_go() -> None:
    """D101: one was rejected, its code was submitted once more, and the first came back from 12315."""
    made = verified()
    made.submit(made.draft(nonce="n2", customer_id=CUSTOMER))
    first = handled(made, T.DUPLICATE_CODE)
    decided(made, first, Verdict.REJECTED)
    made.submit(made.draft(nonce="n3", customer_id=CUSTOMER))
    (second,) = (each for each in made.family(Dispute, made.order().card_id) if each.id != first.id)
    asked(made, ask.TriageDispute(second.id, 0, CLERK))
    asked(made, ask.FreezeForDispute(second.id, CLERK))

    asked(made, ask.EscalateDispute(first.id, "12315-1", CLERK))
    decided(made, first, Verdict.REJECTED, by="chief")

    assert made.row(Dispute, first.id).remedy is Remedy.NONE
    assert (made.order().state, made.order().reason) == (R.FROZEN, second.id)
    decided(made, second, Verdict.REJECTED)
    assert made.order().state is R.VERIFIED


def test_without_a_freeze_an_upheld_duplicate_stops_now() -> None:
    """It is kept from being paid, as a fraud is."""
    made = _submitted_twice()

    decided(made, handled(made, T.DUPLICATE_CODE))

    assert made.order().state is R.FROZEN
    assert made.order().fraud is not None


def test_a_consumed_card_restricts_its_customer_and_a_case_lifts_that() -> None:
    """RD-25: opened by the engine; lifted where no other case is left."""
    made = consumed()
    case = handled(made, T.ACCOUNT_RESTRICTION)
    assert case.opened_by == "engine"
    assert made.row(Redeemer, "cus_1").cases == (made.order().id,)

    asked(made, ask.SubmitEvidence(case.id, "cus_1", EvidenceKind.NOTARIZED, "deed", "cus_1", EntryChannel.APP))
    decided(made, case)

    ends(made, case, S.EXECUTED)
    assert made.row(Redeemer, "cus_1").restricted == ""


def test_one_lifted_restriction_leaves_the_other() -> None:
    """Each card that was spent is a case of its own."""
    made = consumed()
    other = made.row(Redeemer, "cus_1")
    made.given(Redeemer("cus_1", restricted=other.restricted, cases=(*other.cases, "rdm_2"), version=other.version))

    decided(made, _shown(made, T.ACCOUNT_RESTRICTION))

    assert made.row(Redeemer, "cus_1").cases == ("rdm_2",)
    assert made.row(Redeemer, "cus_1").restricted


def _shown(made: Redeeming, kind: T) -> Dispute:
    case = handled(made, kind)
    asked(made, ask.SubmitEvidence(case.id, "", EvidenceKind.SCREENSHOT, "page", CLERK, EntryChannel.SUPPORT))
    return case_of(made, kind)


def test_a_rejection_goes_to_12315_once_and_another_supervisor_decides() -> None:
    """2.10: REJECTED, ESCALATED_12315, decided again; the second word is the last."""
    made = completed()
    case = handled(made, T.CANCEL_DENIED, SCREENSHOT)
    decided(made, case, Verdict.REJECTED)

    assert asked(made, ask.EscalateDispute(case.id, "12315-1", CLERK)).reason == ""
    ends(made, case, S.ESCALATED_12315)
    assert decided(made, case, by=BOSS).reason == "FOUR_EYES"
    assert decided(made, case, Verdict.REJECTED, by="boss 2").reason == ""

    assert ends(made, case, S.REJECTED).deciders == (BOSS, "boss 2")
    assert asked(made, ask.EscalateDispute(case.id, "12315-2", CLERK)).reason == "DISPUTE_STATE"


def test_an_exception_is_let_in_by_a_supervisor_or_turned_away() -> None:
    """RD-29: full evidence, within 72 h, and somebody who answers for it; who was turned away still has 12315."""
    made, turned = completed(), completed()
    for each in (made, turned):
        each.now += timedelta(hours=48)
        assert opened(each, T.MIS_OPERATION, *FULL, exceptional=True).reason == ""
        case = case_of(each, T.MIS_OPERATION)
        assert asked(each, ask.TriageDispute(case.id, 0, CLERK)).reason == "EXCEPTION_PENDING"
        assert asked(each, ask.DecideException(case.id, True, "", "cus_1")).reason == "FOUR_EYES"

    assert asked(made, ask.DecideException(case.id, True, "", "boss 1")).reason == ""
    handled(made, T.MIS_OPERATION)
    assert decided(made, case, by="boss 1").reason == ""
    ends(made, case, S.EXECUTED)
    assert asked(turned, ask.DecideException(case.id, False, "", "boss 1")).reason == ""
    ends(turned, case, S.REJECTED)
    assert asked(turned, ask.EscalateDispute(case.id, "12315-1", CLERK)).reason == ""
    assert ends(turned, case, S.ESCALATED_12315).route is Route.REGULATOR


@pytest.mark.parametrize("stands", [S.TRIAGED, S.EVIDENCE, S.ESCALATED_12315])
@pytest.mark.parametrize(("claimed", "verdict", "state"), [
    (9_000, Verdict.UPHELD, S.EXECUTED), (5_000, Verdict.UPHELD, S.DECIDED), (5_000, Verdict.REJECTED, S.REJECTED),
])
def test_wherever_it_is_handled_it_is_done_at_once_or_later_or_rejected(
    claimed: int, verdict: Verdict, state: S, stands: S
) -> None:
    """2.10: a top-up is posted at once, a claw-back asks the other book first."""
    made = completed()
    case = handled(made, T.WRONG_FACE, SCREENSHOT, claimed_minor=claimed)
    if stands is S.EVIDENCE:
        paper = ask.SubmitEvidence(case.id, "cus_1", EvidenceKind.SCREENSHOT, "page 2", "cus_1", EntryChannel.APP)
        asked(made, paper)
    if stands is S.ESCALATED_12315:
        decided(made, case, Verdict.REJECTED, by="boss 0")
        asked(made, ask.EscalateDispute(case.id, "12315-1", CLERK))
    assert made.row(Dispute, case.id).state is stands

    decided(made, case, verdict)

    ends(made, case, state)


def test_a_fee_is_given_back_although_the_card_is_its_owners_again() -> None:
    """A paid cancel let the card go: what the case grants is posted beside it, in both books (P22)."""
    made = Redeeming().given(InForce(SU))
    made.submitted(SU)
    made.cancel()
    made.settle_down()
    assert made.order().state is R.CANCELLED
    case = handled(made, T.REFUND_AMOUNT, SCREENSHOT, claimed_minor=100)

    assert decided(made, case).reason == ""
    rings(made, timedelta(hours=1))

    ends(made, case, S.EXECUTED)
    assert made.order().adjusted_minor == 100
    assert not [sub for account, sub in made.both() if account == "X.CLEARING"]
