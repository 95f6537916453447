"""What holds in every state of one saga, and along every step: nobody sees a half, nothing is taken back."""

from collections.abc import Iterator, Sequence

from services.kernel.messages import Op
from services.kernel.saga import WAKE, Phase, Run, Verdict
from settle.simulation.exhaustive.errands import SAGA, ShelfRow
from settle.simulation.exhaustive.stored import Stored


def flaws(coordinator: Stored, shelves: Sequence[Stored]) -> Iterator[str]:
    """What of a state must not be."""
    run: Run | None = coordinator.row(Run, SAGA)
    rows = [_row(shelf) for shelf in shelves]
    if any(row.units > 1 for row in rows):
        yield "a shelf got its unit twice"
    for shelf, row in zip(shelves, rows, strict=True):
        yield from _of_shelf(shelf, row, run)
    if run is None:
        return
    if not run.terminal and (WAKE, SAGA) not in coordinator.timers:
        yield f"nothing wakes the saga, which is {run.phase}"
    if run.phase is Phase.DONE and not all(row.units for row in rows):
        yield "it is done, and a shelf has nothing"
    if run.phase is Phase.ABORTED and any(row.units for row in rows):
        yield "it is aborted, and a shelf has its unit"
    if run.terminal and any(row.pending for row in rows):
        yield f"it is {run.phase}, and a shelf is claimed"
    if coordinator.answer("request") is None:
        yield "it has begun, and its caller has no answer"


def _of_shelf(shelf: Stored, row: ShelfRow, run: Run | None) -> Iterator[str]:
    cancelled = shelf.answer(f"{SAGA}/{Op.CANCEL}")
    gone = cancelled is not None and cancelled.verdict is Verdict.DONE
    if gone and row.pending:
        yield "a TRY that came after its CANCEL claims the shelf"
    if gone and row.units:
        yield "what was cancelled was done"
    several = run is not None and len(run.branches) > 1
    if several and run is not None and row.units and run.decision != "COMMIT":
        yield "a shelf has its unit before the decision"
    if several and run is not None and cancelled is not None and run.decision != "ABORT":
        yield "a shelf was told to cancel before the decision"


def taken_back(before: Stored, after: Stored) -> Iterator[str]:
    """What of a step must not be."""
    was, now = before.row(Run, SAGA), after.row(Run, SAGA)
    if was is None:
        return
    if now is None or was.decision not in ("", now.decision):
        yield f"the decision {was.decision} became {now and now.decision}"
    if was.terminal and now.phase is not was.phase:
        yield f"a saga that was {was.phase} became {now.phase}"


def _row(shelf: Stored) -> ShelfRow:
    row: ShelfRow = next(row for row in shelf.rows if isinstance(row, ShelfRow))
    return row
