"""The action of the daily comparison: one page of the rail's list beside the legs of the same range, read outside of
any decision and reported as a message (PM-7). A page that cannot be had raises: the timer of the comparison asks
again."""

from collections.abc import Awaitable, Callable, Sequence

import uuid_utils

from services.credit_ledger.domain.model.leg import RefundLeg, SendLeg
from services.credit_ledger.domain.model.reconciliation import CompareRail, Listed, Place, RailCompared
from services.credit_ledger.domain.reconciliation.comparing import compare
from services.credit_ledger.rails.rail import PaymentRail
from services.credit_ledger.store.reconciliations import legs_between, open_differences_between
from services.kernel.messages import Message
from services.runtime.ground.postgres import Reading

PAGE = 200
"""So many payments of the rail, and at most as many legs, are compared at once."""


def comparing(rail: PaymentRail, reading: Reading, size: int = PAGE) -> Callable[[CompareRail], Awaitable[Message]]:
    """Compare a page; both lists are in the order of the keys, so a page is a range of them."""

    async def act(action: CompareRail) -> Message:
        listed, following = await rail.list(action.place.cursor, size)
        async with reading() as connection:
            until = listed[-1].key if listed and following else None
            legs = await legs_between(connection, action.place.after, until, size)
            until, place = _end(action.place, listed, legs[size - 1 :], following)
            opened = await open_differences_between(connection, action.place.after, until)
        report = _report(action, listed, legs, until=until, following=place, opened=opened)
        return Message(id="", key=report.reconciliation_id, body=report, fresh_id=uuid_utils.uuid7().hex)

    return act


def _end(
    place: Place, listed: Sequence[Listed], last: Sequence[RefundLeg], following: str
) -> tuple[str | None, Place | None]:
    """Where the page ends, and where the next begins. With as many legs as a page holds, the last of them ends it,
    and the rail is asked for the same page again."""
    if last:
        return last[0].id, Place(place.cursor, last[0].id)
    return (listed[-1].key, Place(following, listed[-1].key)) if following and listed else (None, None)


def _report(
    action: CompareRail, listed: Sequence[Listed], legs: list[RefundLeg], *, until: str | None,
    following: Place | None, opened: list[str],
) -> RailCompared:
    after = action.place.after
    inside = [payment for payment in listed if payment.key > after and (until is None or payment.key <= until)]
    by_key = {leg.id: leg for leg in legs}
    found = compare(inside, by_key, action.started_at)
    differing = {difference.key for difference in found.differences}
    return RailCompared(
        reconciliation_id=action.reconciliation_id, run=action.run, place=action.place, compared=len(inside),
        differences=found.differences, agreed=tuple(key for key in opened if key not in differing),
        ask=tuple(
            SendLeg(leg.id, leg.account_id, leg.rail, leg.reference, leg.sent_minor) for leg in found.ask
        ),
        following=following,
    )
