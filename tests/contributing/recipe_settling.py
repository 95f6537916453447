"""A way to settle: three days after the verification, whatever the calendar says."""

from tests.contributing.scratch import Scratch

SERVICE = "services/card_redemption"
TEST = "tests/services/card_redemption/test_channels.py"

WAY = '''\
"""Settles three days after its verification (延迟到账)."""

from datetime import datetime, timedelta

from services.card_redemption.channels.behaviour import Settling
from services.kernel.calendar import WorkingCalendar

PAUSE = timedelta(days=3)


class AfterThreeDays:
    """Time for the recycler to look at the card."""

    def settles_at(self, order: Settling, calendar: WorkingCalendar) -> datetime | None:
        """Then, to the microsecond."""
        return order.verified_at + PAUSE
'''

TESTED = '''\
def test_three_days_are_three_days() -> None:
    """To the microsecond."""
    at = datetime(2026, 4, 3, tzinfo=UTC)

    assert BEHAVIOURS[Settlement.AFTER_THREE_DAYS].settles_at(Settling(at, at), QINGMING) == at + timedelta(days=3)


'''


def follow(copy: Scratch) -> str:
    """Add it; answers the contract test, which it passes beside the others."""
    copy.insert("protos/settlement/card_redemption/v1/channel.proto", "}\n\n// Who may ask", '''\
  // Three days after its verification.
  SETTLEMENT_TERM_AFTER_THREE_DAYS = 5;
''')
    copy.insert(f"{SERVICE}/domain/recycling/policy.py", '    ON_CONDITION = "ON_CONDITION"', '''\
    AFTER_THREE_DAYS = "AFTER_THREE_DAYS"
''')
    copy.write(f"{SERVICE}/channels/after_three_days.py", WAY)
    copy.insert(f"{SERVICE}/channels/__init__.py", "from services.card_redemption.channels.behaviour import", '''\
from services.card_redemption.channels.after_three_days import AfterThreeDays
''')
    copy.insert(f"{SERVICE}/channels/__init__.py", "    Settlement.ON_CONDITION:", '''\
    Settlement.AFTER_THREE_DAYS: AfterThreeDays(),
''')
    copy.insert(TEST, "def test_a_late_verification_settles_at_once", TESTED)
    copy.generate()
    return TEST
