"""The rail's list beside the legs: what nobody would ask about again is a difference (PM-7); it was compared nowhere
before."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.credit_ledger.domain.model.commands import LegReport
from services.credit_ledger.domain.model.leg import LegState, QueryLeg, Rail, RailWord, RefundLeg, SendLeg
from services.credit_ledger.domain.model.reconciliation import (
    ACQUIRER,
    CompareRail,
    Difference,
    DifferenceKind,
    Listed,
    Place,
    RailCompared,
    RailDifference,
    RailDifferenceFound,
    RailDifferenceResolved,
    Reconciliation,
    ReconciliationState,
)
from services.credit_ledger.domain.reconciliation import running
from services.credit_ledger.domain.reconciliation.comparing import compare

NOW = datetime(2026, 3, 12, 20, tzinfo=UTC)
LEG = RefundLeg(
    id="leg_1", account_id="acc_1", order_id="ord_1", refund_id="rfd_1", rail=Rail.CARD, reference="pay_1",
    amount_minor=500, created_at=NOW - timedelta(days=1), updated_at=NOW - timedelta(hours=1),
)
LISTED = Listed("leg_1", "pay_1", 500, LegReport.SETTLED)
DIFFERENCE = Difference("leg_1", DifferenceKind.BOOKED_NOT_PAID, "acc_1", "pay_1", 500, 500)
Kind = DifferenceKind


@pytest.mark.parametrize(("said", "word", "kind", "asked"), [
    (LegReport.SETTLED, RailWord.PAID, None, False), (LegReport.SETTLED, RailWord.ACCEPTED, None, True),
    (LegReport.SETTLED, RailWord.SILENT, None, True), (LegReport.SETTLED, RailWord.REFUSED, Kind.PAID_NOT_BOOKED, True),
    (LegReport.REJECTED, RailWord.PAID, Kind.BOOKED_NOT_PAID, True), (LegReport.CLOSED, RailWord.REFUSED, None, False),
    (LegReport.REJECTED, RailWord.ACCEPTED, None, True), (LegReport.ACCEPTED, RailWord.ACCEPTED, None, False),
    (LegReport.ACCEPTED, RailWord.SILENT, None, True), (LegReport.ACCEPTED, RailWord.REFUSED, None, True),
    (LegReport.ACCEPTED, RailWord.PAID, Kind.BOOKED_NOT_PAID, False),
])
def test_every_word_of_the_rail_beside_every_word_that_we_have(
    said: LegReport, word: RailWord, kind: DifferenceKind | None, asked: bool
) -> None:
    """What is asked about anyway is only asked about at once."""
    found = compare([LISTED._replace(report=said)], {"leg_1": replace(LEG, word=word)}, NOW)

    assert [difference.kind for difference in found.differences] == ([kind] if kind else [])
    assert [leg.id for leg in found.ask] == (["leg_1"] if asked else [])


@pytest.mark.parametrize("listed", [LISTED._replace(amount_minor=501), LISTED._replace(reference="pay_2")])
def test_another_amount_or_payment_under_the_same_key(listed: Listed) -> None:
    """The content differs."""
    found = compare([listed], {"leg_1": replace(LEG, word=RailWord.PAID)}, NOW)

    assert [difference.kind for difference in found.differences] == [Kind.OTHER_CONTENT]


def test_a_payment_without_a_leg_and_a_leg_without_a_payment() -> None:
    """One that the rail refused moves no money; a leg that moved since the list was asked for is left to the next
    time."""
    refused = LISTED._replace(key="leg_8", report=LegReport.REJECTED)
    stranger = LISTED._replace(key="leg_9")
    paid = replace(LEG, state=LegState.SETTLED, word=RailWord.PAID)
    legs = {"leg_1": paid, "leg_2": replace(paid, id="leg_2", updated_at=NOW), "leg_3": replace(LEG, id="leg_3")}

    found = compare([stranger, refused], legs, NOW)

    assert [(one.key, one.kind) for one in found.differences] == [
        ("leg_1", Kind.NOT_LISTED), ("leg_9", Kind.UNKNOWN_LEG),
    ]


def test_what_was_counted_never_went_to_the_rail() -> None:
    """It needs no entry in the list."""
    counted = replace(LEG, state=LegState.SETTLED, word=RailWord.PAID, counted_minor=500)

    assert compare([], {"leg_1": counted}, NOW).differences == ()


def page(row: Reconciliation, **changes: object) -> RailCompared:
    """The report of the page that the comparison asked for."""
    body = RailCompared(row.id, row.run, row.place, 1, (), (), (), None)
    return replace(body, **changes)  # type: ignore[arg-type]  # fields of the report


def started() -> Reconciliation:
    """A comparison under way."""
    return running.woken(None, ACQUIRER, NOW).row


def test_a_night_is_page_after_page() -> None:
    """Each asks for the next; the last sets the timer of the next night."""
    first = running.woken(None, ACQUIRER, NOW)
    ask = SendLeg("leg_1", "acc_1", Rail.CARD, "pay_1", 500)

    second = running.compared(first.row, page(first.row, following=Place("c", "leg_1"), ask=(ask,)), {}, NOW)
    assert second is not None
    last = running.compared(second.row, page(second.row), {}, NOW)

    assert first.actions == (CompareRail(ACQUIRER, 1, Place(), NOW),)
    assert first.timer.due_at == NOW + running.PAGE_LOST
    assert second.actions == (QueryLeg(ask, only_ask=True), CompareRail(ACQUIRER, 1, Place("c", "leg_1"), NOW))
    assert last is not None
    assert (last.row.state, last.actions, last.row.compared) == (ReconciliationState.IDLE, (), 2)
    assert last.timer.due_at == running.next_start(NOW)


def test_a_lost_page_is_asked_for_again_where_it_stood() -> None:
    """The run goes on; a page that comes twice, or of an earlier run, changes nothing."""
    row = started()
    following = Place("c", "leg_1")
    stepped = running.compared(row, page(row, following=following), {}, NOW)
    assert stepped is not None

    again = running.woken(stepped.row, ACQUIRER, NOW + running.PAGE_LOST)

    assert again.actions == (CompareRail(ACQUIRER, 1, following, NOW),)
    assert running.compared(again.row, page(row, following=following), {}, NOW) is None
    assert running.compared(again.row, page(again.row, run=0), {}, NOW) is None


def test_a_difference_is_open_from_its_first_sight_until_it_is_gone() -> None:
    """Two events, however many nights it is seen in."""
    row, later = started(), NOW + timedelta(days=1)
    found = running.compared(row, page(row, differences=(DIFFERENCE,)), {}, NOW)
    assert found is not None
    (opened,) = found.differences
    night = running.woken(found.row, ACQUIRER, later)
    seen = running.compared(night.row, page(night.row, differences=(DIFFERENCE,)), {"leg_1": opened}, later)
    assert seen is not None
    gone = running.compared(night.row, page(night.row, agreed=("leg_1",)), {"leg_1": opened}, later)

    assert found.facts == (RailDifferenceFound(ACQUIRER, DIFFERENCE),)
    assert opened == RailDifference(ACQUIRER, DIFFERENCE, NOW, NOW)
    assert (seen.facts, seen.differences[0].opened_at, seen.differences[0].seen_at) == ((), NOW, later)
    assert gone is not None
    assert gone.facts == (RailDifferenceResolved(ACQUIRER, "leg_1", Kind.BOOKED_NOT_PAID),)
    assert gone.differences[0].resolved_at == later
