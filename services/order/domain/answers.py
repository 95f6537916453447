"""What callers are answered: things as the decision on their request left them, and given again to a duplicate."""

from dataclasses import dataclass

from services.kernel.saga import Run
from services.order.domain.order import Order
from services.order.domain.returns import ReturnCase


@dataclass(frozen=True, slots=True)
class Placed:
    """The answer to a placement: the order and its settlement as they are after the first step."""

    order: Order
    run: Run


@dataclass(frozen=True, slots=True)
class Started:
    """The answer to whatever began a settlement."""

    order: Order
    run: Run


@dataclass(frozen=True, slots=True)
class Received:
    """The answer to a receipt: the return case, and the refund that it began."""

    order: Order
    run: Run
    case: ReturnCase


@dataclass(frozen=True, slots=True)
class Resolved:
    """The answer to the decision of a dispute: the return case, and the refund if it began one."""

    order: Order
    case: ReturnCase
    run: Run | None = None
