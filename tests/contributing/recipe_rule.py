"""A rule: no order has more than 200 lines."""

from tests.contributing.scratch import Scratch

PLACING = "services/order/domain/placing.py"
TEST = "tests/services/order/test_lines_max.py"

TESTED = '''\
"""How long an order may get (OR-99)."""

import pytest

from services.order.domain.placing import LINES_MAX
from services.order.domain.tenders import TenderType
from tests.services.order.world import World, new_order


@pytest.mark.parametrize(("count", "reason"), [(LINES_MAX, ""), (LINES_MAX + 1, "INVALID_ARGUMENT")])
def test_an_order_has_an_end(count: int, reason: str) -> None:
    """The last allowed line is still inside."""
    lines = tuple((f"L{number}", 1, 100) for number in range(count))

    step = World().ask(new_order(lines, ((TenderType.CREDIT, 100 * count),)))

    assert step.reason == reason
'''

def follow(copy: Scratch) -> str:
    """Add it; answers its test."""
    copy.insert(PLACING, "HOLD_DAYS = ", '''\
LINES_MAX = 200
"""No order has more lines than a person can check."""

''')
    copy.insert(PLACING, "    if any(line.quantity < 1", '''\
    if len(body.lines) > LINES_MAX:
        raise InvalidArgument("INVALID_ARGUMENT", f"an order has at most {LINES_MAX} lines (OR-99)")
''')
    copy.write(TEST, TESTED)
    return TEST
