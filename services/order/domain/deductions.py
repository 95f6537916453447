"""What a merchant deducts at the receipt of a return because goods are worn or incomplete (PR-9).

A deduction lowers what is paid for the accepted units of its line, never what they count as worth: the next units of
the line are not dearer for it. The customer may dispute it, and then support confirms it or has it given back.
"""

from collections.abc import Sequence
from typing import NamedTuple

from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.kernel.people import papers
from services.order.domain.lines import LineAmount, LineValue


class Deduction(NamedTuple):
    """So much is kept of the worth of a line's accepted units, for this reason and on this evidence."""

    line_id: str
    amount_minor: int
    reason: str
    evidence: tuple[str, ...] = ()
    note: str = ""


def amounts_of(deductions: Sequence[Deduction]) -> tuple[LineAmount, ...]:
    """What is deducted, by line."""
    return tuple(LineAmount(each.line_id, each.amount_minor) for each in deductions)


def must_be_founded(deductions: Sequence[Deduction]) -> None:
    """Refuse a deduction without a reason or without evidence."""
    for each in deductions:
        if not each.reason:
            raise InvalidArgument("INVALID_ARGUMENT", "a deduction names its reason", {"field": "deductions"})
        if not papers(each.evidence):
            detail = f"the deduction from line {each.line_id} needs evidence"
            raise InvalidArgument("EVIDENCE_REQUIRED", detail, {"field": "deductions"})


def deducted(values: Sequence[LineValue], amounts: Sequence[LineAmount]) -> tuple[LineValue, ...]:
    """The accepted units less what is deducted, which is never more than they are worth."""
    by_line = dict(amounts)
    if len(by_line) != len(amounts):
        raise InvalidArgument("INVALID_ARGUMENT", "a line is named twice")
    worth = {value.id: value.amount_minor for value in values}
    for line_id, amount_minor in amounts:
        if line_id not in worth:
            raise InvalidArgument("UNKNOWN_LINE", f"no accepted unit is of line {line_id}")
        if amount_minor < 1:
            raise InvalidArgument("INVALID_AMOUNT", f"a deduction of {amount_minor} from line {line_id}")
        if amount_minor > worth[line_id]:
            detail = f"the accepted units of line {line_id} are worth {worth[line_id]}"
            raise FailedPrecondition("DEDUCTION_EXCEEDS_WORTH", detail)
    return tuple(value._replace(deducted_minor=by_line.get(value.id, 0)) for value in values)
