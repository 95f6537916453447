"""The methods of DisputeService over a real database: a case to its end, the queue, what is refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.rpc.dispute_service import DisputeServicer
from services.card_redemption.store import TABLES
from services.kernel.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from services.runtime.ground.writing import write
from services.runtime.rpc.calls import Context
from settlement.card_redemption.v1 import dispute_pb2 as wire
from settlement.card_redemption.v1 import dispute_service_pb2 as pb
from settlement.common.v1 import money_pb2
from tests.services.card_redemption.disputing import completed
from tests.services.card_redemption.ledger import CardLedger

MISTAKE, FACE, VOUCHER = wire.DISPUTE_TYPE_MIS_OPERATION, wire.DISPUTE_TYPE_WRONG_FACE, wire.DISPUTE_TYPE_CANCEL_DENIED
UPHELD, REJECTED = wire.DISPUTE_VERDICT_UPHELD, wire.DISPUTE_VERDICT_REJECTED
SCREENSHOT = pb.EvidenceInput(kind=wire.EVIDENCE_KIND_SCREENSHOT, evidence_reference="page 1")


async def served(cards: CardLedger, *methods: PayoutMethod) -> tuple[DisputeServicer, list[RedemptionOrder]]:
    """The service over completed redemptions that were paid so."""
    edge: Any = cards
    made, save = completed(), {table.kind: table.save for table in TABLES}
    card, order = made.card_of(), made.order()
    orders = [
        replace(order, id=f"rdm_{number:032x}", method=method, version=1, accepted_at=cards.clock.at)
        for number, method in enumerate(methods or (order.method,))
    ]
    claimed = replace(card, version=1, sequence=0, claimed_by=orders[0].id)
    await write(cards.connection, *save[type(card)]([claimed], {}))
    await write(cards.connection, *save[RedemptionOrder](orders, {}))
    return DisputeServicer(edge), orders


async def opened(
    service: DisputeServicer, cards: CardLedger, order: RedemptionOrder, kind: wire.DisputeType.ValueType = VOUCHER,
    **fields: Any,
) -> wire.Dispute:
    """Its customer opens a case."""
    request = pb.OpenDisputeRequest(**{
        "request_id": cards.request_id(), "redemption_id": order.id, "customer_id": "cus_1", "type": kind,
        "evidence": [SCREENSHOT], **fields,
    })
    return (await service.OpenDispute(request, _context(cards))).dispute


def _context(cards: CardLedger) -> Context:
    context: Context = cards.context
    return context


async def triaged(service: DisputeServicer, cards: CardLedger, case: wire.Dispute) -> None:
    """A clerk takes it on."""
    await service.TriageDispute(
        pb.TriageDisputeRequest(request_id=cards.request_id(), dispute_id=case.dispute_id, operator_id="clerk"),
        _context(cards),
    )


async def decided(
    service: DisputeServicer, cards: CardLedger, case: wire.Dispute, verdict: wire.DisputeVerdict.ValueType = UPHELD,
    by: str = "boss",
) -> wire.Dispute:
    """A supervisor decides it."""
    request = pb.DecideDisputeRequest(
        request_id=cards.request_id(), dispute_id=case.dispute_id, supervisor_id=by, verdict=verdict, reason="why"
    )
    return (await service.DecideDispute(request, _context(cards))).dispute


async def test_a_case_is_opened_handled_decided_and_read(cards: CardLedger) -> None:
    """What was decided is done, and what is read is what was answered."""
    service, (order,) = await served(cards)

    case = await opened(service, cards, order)
    await triaged(service, cards, case)
    done = await decided(service, cards, case)

    shown = (await service.GetDispute(pb.GetDisputeRequest(dispute_id=case.dispute_id), _context(cards))).dispute
    assert shown == done
    assert (done.state, done.remedy) == (wire.DISPUTE_STATE_EXECUTED, wire.DISPUTE_REMEDY_VOUCHER)
    assert (done.strength, list(done.deciders), done.due_date) == (1, ["boss"], case.due_date)
    journals = await cards.connection.fetch("select op from journals where order_id = $1", order.id)
    assert [row["op"] for row in journals] == ["voucher_issue"]


async def test_the_page_and_the_command_say_the_same(cards: CardLedger) -> None:
    """RD-35: `CanAppeal` at the last instant and after it; too late it names 12315."""
    service, (order,) = await served(cards)

    async def can(after: timedelta) -> pb.CanAppealResponse:
        request = pb.CanAppealRequest(redemption_id=order.id, type=MISTAKE)
        request.time.FromDatetime(order.accepted_at.astimezone(UTC) + after)
        return await service.CanAppeal(request, _context(cards))

    assert (await can(timedelta(hours=24))).verdict == pb.APPEAL_VERDICT_ALLOW
    late = await can(timedelta(hours=24, microseconds=1))
    assert (late.verdict, late.external_route) == (pb.APPEAL_VERDICT_DENY_WINDOW, "12315")
    assert late.deadline_time.ToDatetime(UTC) == order.accepted_at + timedelta(hours=24)
    cards.clock.at = order.accepted_at + timedelta(hours=24, microseconds=1)
    with pytest.raises(FailedPrecondition, match="APPEAL_WINDOW_CLOSED"):
        await opened(service, cards, order, MISTAKE)


async def test_the_queue_is_heard_by_level_payout_and_age(cards: CardLedger) -> None:
    """RD-32: page by page; what is decided does not stand in it."""
    methods = (PayoutMethod.BANK_CARD, PayoutMethod.JD_BALANCE, PayoutMethod.ORIGINAL, PayoutMethod.BANK_CARD)
    service, orders = await served(cards, *methods)
    cases = [
        await opened(service, cards, order, vip_level=level) for order, level in zip(orders, (4, 0, 0, 5), strict=True)
    ]
    heard: list[str] = []
    token = ""
    for _ in range(2):
        request = pb.ListDisputeQueueRequest(page_size=2, page_token=token)
        page = await service.ListDisputeQueue(request, _context(cards))
        heard += [case.dispute_id for case in page.disputes]
        token = page.next_page_token

    assert heard == [cases[number].dispute_id for number in (3, 2, 1, 0)]
    await triaged(service, cards, cases[3])
    await decided(service, cards, cases[3], REJECTED)
    left = await service.ListDisputeQueue(pb.ListDisputeQueueRequest(type=VOUCHER), _context(cards))
    assert [case.dispute_id for case in left.disputes] == heard[1:]
    own = pb.ListDisputesRequest(customer_id="cus_1", state=wire.DISPUTE_STATE_REJECTED)
    assert len((await service.ListDisputes(own, _context(cards))).disputes) == 1
    late = await service.ListDisputeQueue(pb.ListDisputeQueueRequest(overdue=True), _context(cards))
    assert not late.disputes


async def test_what_is_refused_writes_nothing_but_the_attempt(cards: CardLedger) -> None:
    """RD-31: every denial is on the permanent record with its reason, and nothing else is anywhere."""
    service, (order,) = await served(cards)
    case = await opened(service, cards, order)
    tables = ("disputes", "events", "journals", "timers", "redemption_orders")
    before = [await cards.connection.fetch(f"select * from {table}") for table in tables]

    for attempt, error in (
        (opened(service, cards, order), AlreadyExists), (decided(service, cards, case), FailedPrecondition),
        (opened(service, cards, order, FACE, claimed=money_pb2.Money(minor_units=-1, currency_code="CNY")),
         InvalidArgument),
        (opened(service, cards, order, MISTAKE, customer_id="cus_2"), NotFound),
        (opened(service, cards, order, MISTAKE, customer_id=""), InvalidArgument),
    ):
        with pytest.raises(error):
            await attempt
    await triaged(service, cards, case)
    with pytest.raises(PermissionDenied, match="FOUR_EYES"):
        await decided(service, cards, case, REJECTED, by="CLERK")
    rows = await cards.connection.fetch("select kind, outcome, reason, order_id from attempts order by id")

    assert [tuple(row) for row in rows] == [
        ("OPEN_DISPUTE", "DONE", "", order.id), ("OPEN_DISPUTE", "DENIED", "DISPUTE_EXISTS", order.id),
        ("DECIDE_DISPUTE", "DENIED", "DISPUTE_STATE", case.dispute_id),
        ("OPEN_DISPUTE", "DENIED", "REDEMPTION_NOT_FOUND", order.id),
        ("TRIAGE_DISPUTE", "DONE", "", case.dispute_id), ("DECIDE_DISPUTE", "DENIED", "FOUR_EYES", case.dispute_id),
    ]
    after = [await cards.connection.fetch(f"select * from {table}") for table in tables]
    assert [after[number] for number in (2, 4)] == [before[number] for number in (2, 4)]
    assert len(after[1]) == len(before[1]) + 1  # that it is handled now


async def test_a_case_that_nobody_has_or_anothers(cards: CardLedger) -> None:
    """Both look alike."""
    service, (order,) = await served(cards)
    case = await opened(service, cards, order)

    for dispute_id, customer in (("dsp_" + "0" * 32, ""), (case.dispute_id, "cus_2")):
        request = pb.GetDisputeRequest(dispute_id=dispute_id, customer_id=customer)
        with pytest.raises(NotFound, match="DISPUTE_NOT_FOUND"):
            await service.GetDispute(request, _context(cards))
    assert datetime.fromisoformat(case.due_date).weekday() < 5
