"""The operators' switches: two people move one, and whatever is decided after that goes by it."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import grpc
import pytest

from services.kernel.decision import Decision, Known
from services.kernel.errors import FailedPrecondition, PermissionDenied
from services.kernel.messages import Message
from services.runtime.ground.clock import SystemClock
from services.runtime.ground.postgres import connect_lane
from services.runtime.ground.settings import Settings
from services.runtime.process import Process
from services.runtime.rpc.errors import from_rpc_error
from services.runtime.rpc.server import channel
from services.runtime.stored import inbox, switches, timers
from services.runtime.stored.inbox import Answered
from services.runtime.stored.switches import Switch
from settle.audit.keeping import CHECKS
from settlement.operations.v1 import operations_service_pb2 as pb
from settlement.operations.v1.operations_service_pb2_grpc import OperationsServiceStub
from tests.in_memory import NOW
from tests.services.runtime import counters
from tests.services.runtime.counters import Add
from tests.services.runtime.raw_records import Running, add, counting, fetch

ADDING = "adding"


def unless_stopped(known: Known, body: Add, message: Message, now: datetime) -> Decision:
    """Counters that nobody adds to while adding is stopped."""
    if ADDING in known.stopped:
        raise FailedPrecondition("ADDING_STOPPED")
    return counters.decide(known, body, message, now)


SERVICE = replace(counting(unless_stopped), switches=(ADDING, "other"))


async def refused(call: Any) -> str:
    """Why a call is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value).reason


def asked(kind: Any, operator: str, stopped: bool = True, name: str = ADDING) -> Any:  # Any: of either request
    """A request of an operator."""
    return kind(request_id=str(uuid4()), name=name, stopped=stopped, operator_id=operator, reason="why")


async def test_two_people_stop_and_let_go(local: Settings, running: Running) -> None:
    """Each call that is decided after the approval goes by it; the acts are kept, and say who."""
    async with running(SERVICE) as process, channel(f"127.0.0.1:{process._server.port}") as opened:
        stub = OperationsServiceStub(opened)
        assert await _outcome(process) == ""

        proposed = (await stub.ProposeSwitch(asked(pb.ProposeSwitchRequest, "ann"))).switch
        assert await _outcome(process) == ""
        approved = (await stub.ApproveSwitch(asked(pb.ApproveSwitchRequest, "bob"))).switch
        assert await _outcome(process) == "ADDING_STOPPED"
        listed = (await stub.ListSwitches(pb.ListSwitchesRequest())).switches
        await stub.ProposeSwitch(asked(pb.ProposeSwitchRequest, "bob", stopped=False))
        await stub.ApproveSwitch(asked(pb.ApproveSwitchRequest, "ann", stopped=False))
        assert await _outcome(process) == ""

    assert (proposed.stopped, proposed.proposal.stopped, proposed.proposal.maker) == (False, True, "ann")
    assert (approved.stopped, approved.maker, approved.checker, approved.reason) == (True, "ann", "bob", "why")
    assert [(each.name, each.stopped) for each in listed] == [(ADDING, True), ("other", False)]
    assert await fetch(local, "select act, target, operator_id from operator_acts order by acted_at") == [
        ("ProposeSwitch", "adding=stopped", "ann"), ("ApproveSwitch", "adding=stopped", "bob"),
        ("ProposeSwitch", "adding=on", "bob"), ("ApproveSwitch", "adding=on", "ann"),
    ]
    audited = next(check.sql for check in CHECKS if check.id == "keeping.acts")
    assert await fetch(local, audited) == []
    await fetch(local, "update runtime_facts set value = 'adding' where name = 'stopped'")
    assert await fetch(local, audited) == [("runtime_facts stopped", "", "adding")]


async def _outcome(process: Process) -> str:
    answered: Answered = await add(process, "c1")
    return "" if answered.verdict.value == "DONE" else answered.refusal.reason


async def test_what_one_person_may_not_do(local: Settings, running: Running) -> None:
    """Approve the own proposal, under any spelling; what nobody proposed; a switch that is none; and nothing twice."""
    async with running(SERVICE) as process, channel(f"127.0.0.1:{process._server.port}") as opened:
        stub = OperationsServiceStub(opened)
        request = asked(pb.ProposeSwitchRequest, "ann")
        first, again = await stub.ProposeSwitch(request), await stub.ProposeSwitch(request)

        assert first == again
        assert await refused(stub.ApproveSwitch(asked(pb.ApproveSwitchRequest, "Ann"))) == "FOUR_EYES"
        assert await refused(stub.ApproveSwitch(asked(pb.ApproveSwitchRequest, "bob", stopped=False))) == "SWITCH_STATE"
        assert await refused(stub.ApproveSwitch(asked(pb.ApproveSwitchRequest, "bob", name="other"))) == "SWITCH_STATE"
        assert await refused(stub.ProposeSwitch(asked(pb.ProposeSwitchRequest, "ann", stopped=False))) == "SWITCH_STATE"
        missing = asked(pb.ProposeSwitchRequest, "ann", name="nothing")
        assert await refused(stub.ProposeSwitch(missing)) == "SWITCH_NOT_FOUND"
        assert await _outcome(process) == ""
    assert await fetch(local, "select count(*) from operator_acts") == [(1,)]


def test_a_later_proposal_takes_the_place_of_an_earlier_one() -> None:
    """And whoever has no name of a person proposes nothing."""
    first = switches.proposed(Switch(ADDING), True, "ann", "one")
    second = switches.proposed(first, True, "bob", "two")

    assert switches.approved(second, True, "ann", NOW).maker == "bob"
    with pytest.raises(PermissionDenied, match="FOUR_EYES"):
        switches.approved(second, True, "bob", NOW)
    with pytest.raises(PermissionDenied, match="FOUR_EYES"):
        switches.proposed(first, True, "--", "three")


async def test_whatever_a_batch_reads_tells_what_is_stopped(local: Settings) -> None:
    """Answers, due timers, or neither: with the instant, in the same statement."""
    connection = await connect_lane(local)
    await switches.save(connection, Switch("b", stopped=True))
    await switches.save(connection, Switch("a", stopped=True))
    await switches.save(connection, Switch("b"))
    seen = [
        (await inbox.load(connection, ["none"], SystemClock()))[0],
        (await timers.still_due(connection, {("kind", "key"): None}, SystemClock()))[0],
        await switches.present(connection, SystemClock()),
    ]
    await connection.close()

    assert [present.stopped for present in seen] == [frozenset({"a"})] * 3
    assert seen[0].now <= seen[1].now <= seen[2].now
