"""What a network does to messages: they come twice, late, in the wrong order, broken, or never."""

from datetime import timedelta
from typing import Any

from settlement.credit_ledger.v1 import credit_service_pb2 as pb
from settlement.operations.v1 import operations_service_pb2 as operations
from tests.recorded.people import People
from tests.recorded.records import COMMANDS, REPLIES, Record
from tests.recorded.requests import CREDIT, GIFT, WALLET, Customer, Tenders, cancel, refund, ship

GUS, HAL = Customer("gus"), Customer("hal")
MIX: Tenders = {CREDIT: 6_000, WALLET: 1_000, GIFT: 3_000}
LINES = (("L1", 2, 5_000),)
WHY: dict[str, Any] = {"operator_id": "op-5", "reason": "looked at it"}


async def tell(people: People) -> None:
    """The chapter."""
    await people.ask(GUS.opening(1_000_000))
    await people.ask(GUS.funding(100_000))
    await people.ask(GUS.card(200_000))
    await people.ask(HAL.opening(1_000_000))
    await _asked_twice(people)
    await _delivered_twice(people)
    await _busy(people)
    await _out_of_order(people)
    await _too_late(people)
    await _broken(people)
    await _frozen(people)


def _order(name: str) -> str:
    return f"ord_gus_{name}"


async def _asked_twice(people: People) -> None:
    """The same request gets the same answer, alone and beside itself; another body under its id is refused."""
    placing = GUS.order(_order("twice"), LINES, MIX)
    placing.request_id = people.request_id()
    first, again = await people.together(placing, placing)
    assert first == again
    assert await people.ask(placing) == first
    placing.merchant_id = "mer_other"
    await people.refused("REQUEST_ID_REUSED", placing)
    refused = cancel("ord_unknown", request_id=people.request_id())
    await people.refused("ORDER_NOT_FOUND", refused)
    await people.refused("ORDER_NOT_FOUND", refused)
    fundings = [GUS.funding(amount) for amount in (1, 2, 3)]
    await people.together(*fundings, HAL.funding(4), GUS.repaying(5))
    await people.refused("INVALID_ARGUMENT", cancel(_order("twice"), request_id="no uuid"))


async def _delivered_twice(people: People) -> None:
    """Every record comes twice, in one transaction and in two; nothing happens twice."""
    people.stage.twice = True
    await people.ask(GUS.order(_order("doubled"), LINES, MIX))
    people.stage.singly = True
    await people.ask(ship(_order("doubled")))
    await people.ask(refund(_order("doubled"), 2_500))
    people.stage.twice = people.stage.singly = False
    keys = (GUS.account_id, GUS.card_id, _order("doubled"))
    long_ago = [record for record in people.stage.sent if record.key in keys]
    for record in long_ago[:12]:
        await people.stage.arrive(record)
    await people.stage.deliver()


async def _busy(people: People) -> None:
    """A settlement holds the account between TRY and CONFIRM: others wait and go on when it ends, whoever they are."""
    people.stage.held = lambda record: record.op in ("F", "C") and record.stream == COMMANDS
    await people.ask(GUS.order(_order("holding"), LINES, MIX))
    repaying = await people.begin(GUS.repaying(11))
    await people.finish(await people.begin(GUS.order(_order("waiting"), LINES, MIX)), at_once=True)
    cancelling = await people.begin(cancel(_order("holding")))
    await people.stage.deliver()
    await people.ask(operations.ListSagasRequest(phase="OPEN"), at="order")
    await people.ask(operations.GetActivityRequest(), at="credit_ledger")
    await people.ask(pb.GetCreditAccountRequest(account_id=GUS.account_id))
    await people.stage.release()
    await people.finish(repaying)
    await people.finish(cancelling)
    await people.stage.deliver()


async def _out_of_order(people: People) -> None:
    """The deadline passes before TRY arrives: CANCEL comes first and leaves a tombstone for it."""
    people.stage.held = lambda record: record.op == "T" and record.service == "credit_ledger"
    await people.ask(GUS.order(_order("tombstone"), LINES, MIX))
    await people.stage.wait(seconds=31)
    await people.stage.release()
    people.stage.held = lambda record: record.op == "T"
    await people.ask(GUS.order(_order("reversed"), LINES, MIX))
    first, second = people.stage.back[:2]
    await people.stage.release(second, first)
    await people.stage.wait(seconds=90)


async def _too_late(people: People) -> None:
    """A TRY after its deadline is refused; lost answers are asked for again; a slow refund becomes an exception."""
    people.stage.held = lambda record: record.op == "T" and record.service == "card_redemption"
    await people.ask(GUS.order(_order("late"), LINES, MIX))
    people.stage.clock.move(people.stage.now + timedelta(seconds=31))
    await people.stage.release()
    await people.stage.wait(seconds=60)
    await people.ask(GUS.order(_order("slow"), LINES, MIX))
    await people.ask(ship(_order("slow")))
    people.stage.held = lambda record: record.op in ("T", "F") and record.stream == REPLIES
    await people.ask(refund(_order("slow"), 1_000))
    await people.stage.wait(seconds=12)
    await people.stage.release()
    people.stage.held = lambda record: record.op == "F" and record.stream == REPLIES
    await people.ask(refund(_order("slow"), 1_500))
    people.stage.clock.move(people.stage.now + timedelta(hours=24, minutes=-1))
    await people.stage.wait(minutes=3)
    await people.stage.release()
    await people.stage.wait(minutes=2)


async def _broken(people: People) -> None:
    """Records that nobody can read are set aside with all that follows on their key, until a person decides."""
    sent = people.stage.sent
    sample = next(record for record in sent if record.type == "AuthorizeTenders" and record.key == GUS.account_id)
    for broken in (
        sample.changed(ce_type="settlement.nobody.v1.Unknown", ce_id="odd-1"),
        sample.changed(ce_op="X", ce_id="odd-2"),
        _with_payload(sample.changed(ce_id="odd-3", ce_saga="saga_odd"), b"\xff\xff\xff"),
    ):
        await people.stage.arrive(broken)
    placing = await people.begin(GUS.order(_order("behind"), LINES, {CREDIT: 10_000}))
    await people.stage.deliver()
    await people.finish(placing)
    await people.ask(operations.ListParkedRequest(), at="credit_ledger")
    parked = await people.ask(operations.ListParkedRequest(key=GUS.account_id), at="credit_ledger")
    for message in parked.messages[:3]:
        give_up = operations.DiscardParkedRequest(parked_id=message.parked_id, **WHY)
        await people.ask(give_up, at="credit_ledger")
    for message in parked.messages[3:]:
        again = operations.RetryParkedRequest(parked_id=message.parked_id, **WHY, request_id=people.request_id())
        await people.ask(again, at="credit_ledger")
        await people.ask(again, at="credit_ledger")
        too_late = operations.RetryParkedRequest(parked_id=message.parked_id, **WHY)
        await people.refused("PARKED_STATE", too_late, at="credit_ledger")
    await people.refused("PARKED_NOT_FOUND", operations.RetryParkedRequest(parked_id=99, **WHY), at="credit_ledger")
    await people.ask(operations.ListParkedRequest(include_resolved=True), at="credit_ledger")


async def _frozen(people: People) -> None:
    """A settlement whose command was set aside freezes; people resume it when the command was decided."""
    frozen = await people.ask(operations.ListSagasRequest(root_id=_order("behind")), at="order")
    for saga in frozen.sagas:
        await people.ask(operations.GetSagaRequest(saga_id=saga.saga_id), at="order")
        await people.ask(operations.RetrySagaRequest(saga_id=saga.saga_id, **WHY), at="order")
    await people.stage.wait(seconds=1)
    await people.refused("SAGA_NOT_FOUND", operations.GetSagaRequest(saga_id="saga_none"), at="order")
    stray = next(record for record in people.stage.sent if record.op == "F" and record.key == GUS.account_id)
    await people.stage.arrive(stray.changed(ce_saga="saga_stray", ce_id="saga_stray/credit_ledger/F"))
    await people.stage.deliver()
    parked = await people.ask(operations.ListParkedRequest(), at="credit_ledger")
    for message in parked.messages:
        await people.ask(operations.DiscardParkedRequest(parked_id=message.parked_id, **WHY), at="credit_ledger")


def _with_payload(record: Record, payload: bytes) -> Record:
    return Record(record.topic, record.partition, record.key, record.headers, payload)
