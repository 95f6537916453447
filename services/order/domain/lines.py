"""The lines of an order: how many units shipped, were cancelled, came back, and what they were worth.

A price reduction lowers what the units that are still out are worth; goodwill on the order does not (CV-7, PR-8, PR-9).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.kernel.allocation import unit_value
from services.kernel.errors import FailedPrecondition, InvalidArgument


class LineQuantity(NamedTuple):
    """Some units of a line."""

    id: str
    quantity: int


class LineAmount(NamedTuple):
    """Money that concerns a line."""

    id: str
    amount_minor: int


class Line(NamedTuple):
    """One line; `payable_minor` is the price of all its units after promotions.

    `returning` units are in open return cases; `captured_minor` and `returned_minor` are what the shipped and the
    returned units were worth, whatever was paid for them; `reduced_minor` is what price reductions took off (PR-8).
    """

    id: str
    quantity: int
    unit_price_minor: int
    payable_minor: int
    shipped: int = 0
    cancelled: int = 0
    returned: int = 0
    returning: int = 0
    captured_minor: int = 0
    returned_minor: int = 0
    sku: str = ""
    title: str = ""
    reduced_minor: int = 0

    @property
    def left_minor(self) -> int:
        """What its price can still be reduced by: what shipped, less reductions and what was given for units (PR-8)."""
        return self.captured_minor - self.reduced_minor - self.returned_minor

    @property
    def open(self) -> int:
        """Units that are neither shipped nor cancelled."""
        return self.quantity - self.shipped - self.cancelled

    @property
    def returnable(self) -> int:
        """Units that are shipped, not returned and in no open case."""
        return self.shipped - self.returned - self.returning


class LineValue(NamedTuple):
    """Some units of a line and what they are worth, with what that was computed from (U2):
    `amount = basis * (before + quantity) div units - done`, never below 0. The basis is what the line cost less the
    `reduced_minor` of its price reductions (PR-8); `deducted_minor` is what the merchant keeps of the amount (PR-9)."""

    id: str
    quantity: int
    amount_minor: int
    basis_minor: int
    units: int
    before: int
    done_minor: int
    reduced_minor: int = 0
    deducted_minor: int = 0

    @property
    def due_minor(self) -> int:
        """What is to be paid for them, if that much is left of the order."""
        return self.amount_minor - self.deducted_minor


def line_named(lines: Sequence[Line], line_id: str) -> Line:
    """The line of this name; UNKNOWN_LINE if there is none."""
    for line in lines:
        if line.id == line_id:
            return line
    raise InvalidArgument("UNKNOWN_LINE", f"the order has no line {line_id}")


def chosen(lines: Sequence[Line], asked: Sequence[LineQuantity]) -> tuple[tuple[int, int], ...]:
    """The asked lines as (index, quantity); UNKNOWN_LINE, or INVALID_ARGUMENT for a line named twice."""
    indexes = {line.id: index for index, line in enumerate(lines)}
    found = []
    for line_id, quantity in asked:
        index = indexes.get(line_id)
        if index is None:
            raise InvalidArgument("UNKNOWN_LINE", f"the order has no line {line_id}")
        if quantity < 1:
            raise InvalidArgument("INVALID_AMOUNT", f"{quantity} units of {line_id}")
        found.append((index, quantity))
    if len({index for index, _ in found}) != len(found):
        raise InvalidArgument("INVALID_ARGUMENT", "a line is named twice")
    return tuple(found)


def open_values(lines: Sequence[Line], asked: Sequence[LineQuantity] = ()) -> tuple[LineValue, ...]:
    """What these unshipped units are worth, all that are open if none are named; LINE_STATE for more than are open."""
    if not asked:
        return tuple([_open_value(line, line.open) for line in lines if line.open])
    values = []
    for index, quantity in chosen(lines, asked):
        line = lines[index]
        if quantity > line.open:
            raise FailedPrecondition("LINE_STATE", f"{line.open} units of {line.id} are open")
        values.append(_open_value(line, quantity))
    return tuple(values)


def _open_value(line: Line, quantity: int) -> LineValue:
    before = line.shipped + line.cancelled
    amount = unit_value(line.payable_minor, line.quantity, before, quantity)
    done = line.payable_minor * before // line.quantity
    return LineValue(
        id=line.id, quantity=quantity, amount_minor=amount, basis_minor=line.payable_minor, units=line.quantity,
        before=before, done_minor=done,
    )


def returned_value(line: Line, quantity: int) -> LineValue:
    """What the next returned units of a line are worth (CV-7), price reductions off (PR-8).

    Where a line shipped in parts, what came back before counts as it was, so that the last unit clears the line.
    """
    basis = line.captured_minor - line.reduced_minor
    worth = basis * (line.returned + quantity) // line.shipped
    return LineValue(
        id=line.id, quantity=quantity, amount_minor=max(0, worth - line.returned_minor), basis_minor=basis,
        units=line.shipped, before=line.returned, done_minor=line.returned_minor, reduced_minor=line.reduced_minor,
    )


def updated(lines: Sequence[Line], changes: Iterable[tuple[str, dict[str, int]]]) -> tuple[Line, ...]:
    """The lines with these counters raised (or lowered) by id."""
    raised = dict(changes)
    return tuple([_raised(line, raised[line.id]) if line.id in raised else line for line in lines])


def returning(lines: Sequence[Line], units: Iterable[LineQuantity], sign: int = 1) -> tuple[Line, ...]:
    """The lines with these units in an open return case; with the sign -1, in none any more."""
    return updated(lines, ((line_id, {"returning": sign * quantity}) for line_id, quantity in units))


def _raised(line: Line, by: dict[str, int]) -> Line:
    return line._replace(**{name: getattr(line, name) + amount for name, amount in by.items()})
