"""The action of a resumed switch: a page of the payouts that wait, read outside of any decision and reported as a
message. A page that cannot be had raises: each payout has a timer of its own that wakes it within a minute."""

from collections.abc import Awaitable, Callable

import uuid_utils

from services.credit_ledger.domain.model.payout_switch import PayoutsFound, WakePayouts
from services.credit_ledger.store.payouts import list_waiting
from services.kernel.messages import Message
from services.runtime.ground.postgres import Reading

PAGE = 200
"""So many payouts are woken by one decision."""


def finding(reading: Reading, size: int = PAGE) -> Callable[[WakePayouts], Awaitable[Message]]:
    """Find a page of payouts that wait."""

    async def act(action: WakePayouts) -> Message:
        async with reading() as connection:
            found = await list_waiting(connection, action.after, size)
        following = found[-1][0] if len(found) == size else None
        report = PayoutsFound(action.switch_id, tuple(found), following)
        return Message(id="", key=action.switch_id, body=report, fresh_id=uuid_utils.uuid7().hex)

    return act
