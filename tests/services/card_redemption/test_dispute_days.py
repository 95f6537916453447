"""By when a case is decided, at -1 s / 0 / +1 s: of every type, however it came in, wherever it stands; over midnights
of Shanghai, month ends, a leap day, holidays and weekend days that make up for them (RD-20 to RD-29, A22, CV-9, CV-10).
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from services.card_redemption.domain.disputes import commands as ask
from services.card_redemption.domain.disputes.case import DisputeState as S
from services.card_redemption.domain.disputes.case import Lateness, Verdict
from services.card_redemption.domain.disputes.evidence import EvidenceKind
from services.card_redemption.domain.disputes.kinds import WINDOWED
from services.card_redemption.domain.disputes.kinds import DisputeType as T
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.verification import Finding
from services.card_redemption.domain.working_days.year import Exceptions, WorkingYear
from services.kernel.calendar import TICK
from tests.services.card_redemption.disputing import (
    BOSS,
    CLERK,
    FULL,
    SCREENSHOT,
    asked,
    case_of,
    decided,
    handled,
    opened,
    rings,
)
from tests.services.card_redemption.redeeming import SELF, SU, Redeeming

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
FREE = {date(2026, 1, 1), date(2026, 1, 2), *(date(2026, 5, day) for day in range(1, 6)), date(2027, 1, 1)}
WORKED = {date(2026, 1, 4), date(2026, 5, 9)}
"""What of these years is not as Monday to Friday."""
WORKING_DAYS = {
    T.DUPLICATE_CODE: 2, T.WRONG_FACE: 0, T.CANCEL_DENIED: 5, T.REFUND_AMOUNT: 5, T.PLATFORM_FAULT: 5,
    T.ACCOUNT_RESTRICTION: 5,
}
DAYS = {T.MIS_OPERATION: 45}
OVER_12315 = 7


def _shanghai(day: date) -> datetime:
    """Its first instant."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=8)


MIDNIGHTS = [_shanghai(date(*day)) for day in (
    (2026, 1, 1), (2026, 3, 1), (2026, 4, 1), (2026, 4, 30), (2026, 5, 1), (2026, 5, 9), (2026, 7, 1), (2026, 12, 31),
    (2027, 1, 1), (2028, 2, 29), (2028, 3, 1),
)]
INSTANTS = [midnight + by for midnight in MIDNIGHTS for by in (-SECOND, timedelta(), SECOND)]


def _last_day(kind: T, at: datetime, complaint: bool) -> date | None:
    """Counted day by day, from the one after (CV-10)."""
    day = (at + timedelta(hours=8)).date()
    own = _counted(day, WORKING_DAYS[kind]) if kind in WORKING_DAYS else None
    own = day + DAYS[kind] * DAY if kind in DAYS else own
    return min(own, _counted(day, OVER_12315)) if own is not None and complaint else own


def _counted(day: date, working_days: int) -> date:
    while working_days:
        day += DAY
        working_days -= day in WORKED or (day.weekday() < 5 and day not in FREE)
    return day


def _world(at: datetime, kind: T) -> Redeeming:
    """A redemption of an hour ago of which such a case can be: complete, with its card spent, or not verified yet."""
    made = Redeeming(now=at - HOUR).given(*(
        WorkingYear(year, 1, Exceptions(_of(year, FREE), _of(year, WORKED))) for year in range(2025, 2030)
    ))
    made.submitted(SU if kind is T.ACCOUNT_RESTRICTION else SELF)
    if kind not in (T.FRAUD, T.DUPLICATE_CODE, T.ACCOUNT_RESTRICTION):
        made.verify()
    made.now = at
    if kind is T.ACCOUNT_RESTRICTION:
        made.verify(finding=Finding.CONSUMED)
    return made


def _of(year: int, days: set[date]) -> tuple[date, ...]:
    return tuple(sorted(day for day in days if day.year == year))


def _opened(kind: T, at: datetime, complaint: str = "") -> Redeeming:
    """A case of this kind that is opened at this instant; the engine opens that of a restriction by itself."""
    made = _world(at, kind)
    if kind is not T.ACCOUNT_RESTRICTION:
        claimed = {T.WRONG_FACE: 5_000, T.REFUND_AMOUNT: 100}.get(kind, 0)
        assert opened(made, kind, *FULL, claimed_minor=claimed, complaint=complaint).reason == ""
    return made


def _taken_on(made: Redeeming, kind: T) -> None:
    assert asked(made, ask.TriageDispute(case_of(made, kind).id, 0, CLERK)).reason == ""


def _shown(made: Redeeming, kind: T) -> None:
    _taken_on(made, kind)
    case_id = case_of(made, kind).id
    paper = ask.SubmitEvidence(case_id, "", EvidenceKind.NOTARIZED, "deed", "witness", EntryChannel.SUPPORT)
    assert asked(made, paper).reason == ""


STAGES: dict[S, Callable[[Redeeming, T], None]] = {
    S.OPEN: lambda made, kind: None, S.TRIAGED: _taken_on, S.EVIDENCE: _shown,
}
"""Where its time runs, and how it comes there."""


def _is_late_from(made: Redeeming, kind: T, last: date) -> None:
    """On its last day, to its last second, it is in time; at the first instant after it, and a second later, it is
    not."""
    ends_at = _shanghai(last + DAY)
    for by in (-SECOND, -TICK, timedelta(), SECOND):
        rings(made, ends_at + by - made.now)
        late = case_of(made, kind).lateness is Lateness.OVERDUE
        assert late is (by >= timedelta()), (kind, last, by)


@pytest.mark.parametrize("complaint", ["", "12315-7"], ids=["direct", "12315"])
@pytest.mark.parametrize("kind", T)
def test_the_last_day_of_every_type_wherever_its_case_stands(kind: T, complaint: str) -> None:
    """Opened a second before a midnight, at it, and a second after it."""
    if complaint and kind is T.ACCOUNT_RESTRICTION:
        complaint = ""  # opened by the engine, which complains nowhere
    for at in INSTANTS:
        last = _last_day(kind, at, bool(complaint))
        for stage, come in STAGES.items():
            made = _opened(kind, at, complaint)
            come(made, kind)
            case = case_of(made, kind)
            assert (case.state, case.due_on) == (stage, last), (kind, at)
            if last is None:
                rings(made, 400 * DAY)
                assert case_of(made, kind).lateness is Lateness.ON_TIME
            else:
                _is_late_from(made, kind, last)


@pytest.mark.parametrize("kind", [T.MIS_OPERATION, T.CANCEL_DENIED, T.PLATFORM_FAULT, T.WRONG_FACE])
def test_the_time_of_what_is_escalated_begins_anew(kind: T) -> None:
    """From the complaint, whatever of the first time was left or passed."""
    for at in INSTANTS:
        made = _opened(kind, at - 3 * DAY)
        case = handled(made, kind)
        assert decided(made, case, Verdict.REJECTED).reason == ""
        made.now = at
        assert asked(made, ask.EscalateDispute(case.id, "12315-8", "hotline")).reason == ""

        last = _last_day(kind, at, complaint=True)
        assert (case_of(made, kind).state, case_of(made, kind).due_on) == (S.ESCALATED_12315, last)
        assert last is not None
        _is_late_from(made, kind, last)


@pytest.mark.parametrize("by", [-SECOND, timedelta(), SECOND])
@pytest.mark.parametrize("kind", [T.MIS_OPERATION, T.CANCEL_DENIED, T.WRONG_FACE])
def test_what_is_decided_on_its_last_day_is_never_late(kind: T, by: timedelta) -> None:
    """Decided a second after it, it was late, and stays so."""
    at = MIDNIGHTS[4]
    last = _last_day(kind, at, complaint=False)
    assert last is not None
    made = _opened(kind, at)
    case = handled(made, kind)
    rings(made, _shanghai(last + DAY) + by - made.now)

    assert decided(made, case, Verdict.REJECTED).reason == ""
    rings(made, 99 * DAY)

    assert case_of(made, kind).lateness is (Lateness.OVERDUE if by >= timedelta() else _before(kind))


def _before(kind: T) -> Lateness:
    return Lateness.PAST_TARGET if kind is T.MIS_OPERATION else Lateness.ON_TIME


@pytest.mark.parametrize("kind", sorted(WINDOWED))
@pytest.mark.parametrize("hours", [24, 72])
def test_both_windows_end_at_their_second_over_every_midnight(kind: T, hours: int) -> None:
    """24 h for everybody; to 72 h with full evidence, and once a supervisor has let it in; then nobody (RD-29)."""
    for midnight in INSTANTS:
        for by in (-SECOND, timedelta(), SECOND):
            made = _world(midnight, kind)
            made.now = made.order().accepted_at + timedelta(hours=hours) + by
            taken = by <= timedelta()
            for papers, exceptional in ((FULL, hours == 72), ((SCREENSHOT,), True)):
                step = opened(
                    made, kind, *papers, exceptional=exceptional,
                    claimed_minor=100 if kind is T.REFUND_AMOUNT else 0,
                )
                if papers is FULL:
                    expected = "" if taken else "APPEAL_WINDOW_CLOSED"
                elif taken:
                    expected = "DISPUTE_EXISTS"
                else:
                    expected = "EVIDENCE_MISSING" if hours == 24 else "APPEAL_WINDOW_CLOSED"
                assert step.reason == expected, (kind, midnight, by, papers)
            if taken and hours == 72:
                _waits_for_a_supervisor(made, kind)


def _waits_for_a_supervisor(made: Redeeming, kind: T) -> None:
    case = case_of(made, kind)
    assert asked(made, ask.TriageDispute(case.id, 0, CLERK)).reason == "EXCEPTION_PENDING"
    assert asked(made, ask.DecideException(case.id, True, "why", case.opened_by)).reason == "FOUR_EYES"
    assert asked(made, ask.DecideException(case.id, True, "why", BOSS)).reason == ""
    assert asked(made, ask.TriageDispute(case.id, 0, CLERK)).reason == ""
