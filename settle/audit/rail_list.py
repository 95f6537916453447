"""The acquirer's own list of refunds beside the legs: nobody else can tell what it paid (PM-7).

What a leg is asked about anyway is no violation: the acquirer's word is on its way.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import grpc.aio

from services.credit_ledger.domain.model.commands import LegReport
from services.credit_ledger.domain.model.leg import LegEnd, LegState, Rail, RailWord, RefundLeg
from services.credit_ledger.domain.model.reconciliation import Difference, DifferenceKind, Listed
from services.credit_ledger.domain.reconciliation.comparing import compare
from settle.audit.findings import CREDIT, Finding, Report
from settle.audit.snapshots import World
from settlement.sandbox.v1 import acquirer_service_pb2 as pb
from settlement.sandbox.v1.acquirer_service_pb2_grpc import AcquirerServiceStub

AGREED = "rails.agreed"
ROOM = "rails.agreed_room"
SAYS = {
    AGREED: "what the acquirer says of each refund is what its leg says, or is being asked about (PM-7)",
    ROOM: "the acquirer pays no payment out above itself (PM-7)",
}
_PAGE = 500
_DIRECT = (("grpc.enable_http_proxy", 0),)
_SECONDS = 10.0
_REPORTS = {
    pb.ACQUIRER_REFUND_STATE_PENDING: LegReport.ACCEPTED, pb.ACQUIRER_REFUND_STATE_CONFIRMED: LegReport.SETTLED,
    pb.ACQUIRER_REFUND_STATE_REJECTED: LegReport.REJECTED,
}
_LEGS = """
select id, account_id, order_id, refund_id, rail, reference, amount_minor, created_at, state, detail, updated_at,
       case when word <> '' then word when state = 'SETTLED' then 'PAID' else 'SILENT' end word, ended, counted_minor
from legs
where id = any($1::text[])
   or ((word = 'PAID' or word = '' and state = 'SETTLED') and id collate "C" > $2 and ($3 = '' or id collate "C" <= $3))
"""
_PAYMENTS = """
select a.payment_reference, h.authorized_minor paid from agreements a join holds h using (order_id)
where h.tender = 'BANKCARD' and a.payment_reference = any($1::text[])
"""


async def compare_with(
    world: World, acquirer: str, report: Report, credentials: grpc.ChannelCredentials | None = None
) -> None:
    """Compare page by page, each with the legs of its range of keys; an acquirer that does not answer is noted. A
    payment without a leg counts only of an engine that is quiet: else its leg may be younger than the snapshot."""
    listed_at, paid, differences, after = datetime.now(UTC), dict[str, int](), list[Difference](), ""
    async with _channel(acquirer, credentials) as channel:
        try:
            async for page, until in _pages(AcquirerServiceStub(channel)):
                legs = await _legs(world, [payment.key for payment in page], after, until)
                differences += compare(page, legs, listed_at).differences
                _add_up(paid, page)
                after = until
        except grpc.aio.AioRpcError as error:
            report.notes.append(f"the acquirer did not answer ({error.code().name}): its list was not compared")
            return
    strange = () if world.quiet else (DifferenceKind.UNKNOWN_LEG,)
    report.add(AGREED, [_finding(difference) for difference in differences if difference.kind not in strange])
    report.add(ROOM, await _above(world, paid))


def _channel(acquirer: str, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
    if credentials is None:
        return grpc.aio.insecure_channel(acquirer, options=_DIRECT)
    return grpc.aio.secure_channel(acquirer, credentials, options=_DIRECT)


async def _pages(acquirer: Any) -> AsyncIterator[tuple[list[Listed], str]]:  # Any: a generated stub
    """Every page, with the key at which its range ends: empty on the last."""
    token = ""
    while True:
        request = pb.ListRefundsRequest(page_size=_PAGE, page_token=token)
        answer = await acquirer.ListRefunds(request, timeout=_SECONDS)
        token = answer.next_page_token
        page = [
            Listed(r.idempotency_key, r.payment_reference, r.amount.minor_units, _REPORTS[r.state], r.detail)
            for r in answer.refunds
        ]
        yield page, page[-1].key if token else ""
        if not token:
            return


async def _legs(world: World, keys: list[str], after: str, until: str) -> Mapping[str, RefundLeg]:
    return {
        row["id"]: RefundLeg(
            id=row["id"], account_id=row["account_id"], order_id=row["order_id"], refund_id=row["refund_id"],
            rail=Rail(row["rail"]), reference=row["reference"], amount_minor=row["amount_minor"],
            created_at=row["created_at"], state=LegState(row["state"]), detail=row["detail"],
            updated_at=row["updated_at"], word=RailWord(row["word"]), end=LegEnd(row["ended"]),
            counted_minor=row["counted_minor"],
        )
        for row in await world[CREDIT].fetch(_LEGS, keys, after, until)
    }


def _add_up(paid: dict[str, int], page: list[Listed]) -> None:
    for payment in page:
        if payment.report is not LegReport.REJECTED:
            paid[payment.reference] = paid.get(payment.reference, 0) + payment.amount_minor


async def _above(world: World, paid: Mapping[str, int]) -> list[Finding]:
    rows = await world[CREDIT].fetch(_PAYMENTS, sorted(paid))
    return [
        Finding(ROOM, CREDIT, row["payment_reference"], f"at most {row['paid']}", str(paid[row["payment_reference"]]))
        for row in rows if paid[row["payment_reference"]] > row["paid"]
    ]


def _finding(difference: Difference) -> Finding:
    return Finding(
        AGREED, CREDIT, difference.key, f"as its leg, {difference.leg_minor} of {difference.account_id or 'nobody'}",
        f"{difference.kind}: {difference.rail_minor} of {difference.reference} {difference.detail}".rstrip(),
    )
