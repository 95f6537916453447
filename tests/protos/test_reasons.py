"""Every reason of the contract has its code, and is provoked: a reason that nobody gives fails here.

Most are refusals or reasons that the recorded story shows; `provoked.py` has a call for each of the others. The few
that no call of the three services can reach are provoked where their code stands: in memory, or at a small server.
"""

import ast
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp

from services.card_redemption.domain.commands import CaptureDeposit, DepositCard, RefundCard
from services.kernel.decision import Refused
from services.kernel.errors import FailedPrecondition, NotFound, PermissionDenied, ResourceExhausted
from services.order.decisions.beginning import REFUNDS
from services.order.domain.commands import CancelOrder, RefundAmount
from services.order.domain.refund_days import CUSTOMER_MINOR
from services.runtime.ground.clock import SystemClock
from services.runtime.ground.settings import Settings
from services.runtime.lanes.bounds import Bounds
from services.runtime.rpc.errors import from_rpc_error
from services.runtime.rpc.operations import OperationsServicer
from services.runtime.rpc.secured import Peers
from services.runtime.rpc.server import RpcServer, channel
from services.runtime.rpc.switching import move
from services.runtime.stored import switches
from settlement.common.v1 import money_pb2
from settlement.common.v1.error_reason_pb2 import ErrorReason
from settlement.operations.v1 import operations_service_pb2 as operations
from settlement.operations.v1.operations_service_pb2_grpc import OperationsServiceStub
from settlement.sandbox.v1 import acquirer_service_pb2 as acquirer
from settlement.sandbox.v1 import verification_service_pb2 as verification
from tests.protos import provoked_over_http
from tests.protos.provoked import PROVOKED, prepare
from tests.protos.provoked_disputes import PROVOKED as DISPUTES
from tests.protos.provoked_redemptions import PROVOKED as OF_REDEMPTIONS
from tests.recorded.people import People
from tests.recorded.stage import stage
from tests.recorded.story import CHAPTERS, START
from tests.services.card_redemption.world import World
from tests.services.credit_ledger.domain.redeeming import Redeemer
from tests.services.order.world import ORDER_ID, placed, shipped
from tests.services.runtime.identity.guarded import house
from tests.services.runtime.test_rpc import SETTINGS, VALID, served
from tests.settle.audit.scratch import server
from tests.settle.local.acquirer.sandbox import sandbox
from tests.settle.local.verifier.sandbox import sandbox as verifier_sandbox

REDEMPTIONS = {**OF_REDEMPTIONS, **DISPUTES}
_VALUES = [value for value in ErrorReason.DESCRIPTOR.values if value.number]
GIVEN = [value.name.removeprefix("ERROR_REASON_") for value in _VALUES if not value.GetOptions().deprecated]
NOT_GIVEN = [value.name.removeprefix("ERROR_REASON_") for value in _VALUES if value.GetOptions().deprecated]
SECONDS_MAX = 3.0
"""What a call is given: a few wait for what does not come."""


@cache
def texts_of_the_code() -> dict[str, list[str]]:
    """Every text of services, gateway and sandboxes, with where it stands; and the rules of the contracts."""
    found: dict[str, list[str]] = {}
    for folder in ("services", "gateway", "settle/local/acquirer", "settle/local/verifier"):
        for path in sorted(Path(folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.setdefault(node.value, []).append(f"{path}:{node.lineno}")
    for path in sorted(Path("protos/settlement").rglob("*.proto")):
        for rule in re.findall(r'id: "([A-Z_]+)"', path.read_text()):
            found.setdefault(rule, []).append(str(path))
    return found


@pytest.mark.parametrize("reason", GIVEN)
def test_some_code_gives_the_reason(reason: str) -> None:
    """By its name, so that a search finds it."""
    assert texts_of_the_code().get(reason)


@pytest.mark.parametrize("reason", NOT_GIVEN)
def test_no_code_gives_a_deprecated_reason(reason: str) -> None:
    """Its comment says why."""
    assert not texts_of_the_code().get(reason)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def people() -> AsyncIterator[People]:
    """Everybody, after the whole story and with one customer more."""
    with server() as dsn:
        async with stage(dsn, "reasons", START) as built:
            everybody = People(built, seconds_max=SECONDS_MAX)
            everybody.connect()
            for chapter in CHAPTERS:
                await chapter.tell(everybody)
            await prepare(everybody)
            yield everybody
            await everybody.leave()


def shown(people: People, since: int = 0) -> set[str]:
    """The reasons in all that was answered: of refusals, and of what was rejected, given up or frozen."""
    found: set[str] = set()
    for said in people.said[since:]:
        if said.refusal:
            found.add(said.refusal.split()[1])
        found |= set(re.findall(r"[A-Z]{4,}(?:_[A-Z]+)*", said.payload.decode("utf-8", "ignore")))
    return found


async def refusal_of(call: Any) -> str:
    """Why a call is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value).reason


async def _failing(error: BaseException, settings: Settings = SETTINGS) -> str:
    """What a caller hears of a method in which this happens."""

    async def behaviour(_request: Any, _context: Any) -> None:
        raise error

    async with served(behaviour, settings) as (_, stub):
        return await refusal_of(stub.GetSaga(VALID, timeout=SECONDS_MAX))


async def _internal(_folder: Path) -> str:
    return await _failing(RuntimeError("a defect"))


async def _unavailable(_folder: Path) -> str:
    return await _failing(ConnectionRefusedError("PostgreSQL is away"))


async def _overloaded(_folder: Path) -> str:
    return await _failing(RuntimeError("never reached"), replace(SETTINGS, rpc_concurrent_max=0))


class _Open:
    """What publishers have before them."""

    unpublished = 0
    stalled_seconds = 60.0


async def _unsent(_folder: Path) -> str:
    bounds = Bounds(SETTINGS, _Open())
    bounds.admit()  # one call is tried
    return _bound_reached(bounds)


async def _open_without_end(_folder: Path) -> str:
    return _bound_reached(Bounds(replace(SETTINGS, open_sagas_max=0), _Open()))


def _bound_reached(bounds: Bounds) -> str:
    with pytest.raises(ResourceExhausted) as caught:
        bounds.admit()
    return caught.value.reason


class _OnSystemTime:
    """What an operator's method needs of an edge."""

    settings = SETTINGS
    clock = SystemClock()


async def _clock_of_the_system(_folder: Path) -> str:
    edge: Any = _OnSystemTime()
    lanes: Any = None
    serving = RpcServer(SETTINGS)
    serving.add(OperationsServicer(edge, lanes))
    async with channel(f"127.0.0.1:{await serving.start()}") as opened:
        request = operations.SetClockRequest(request_id=str(uuid4()), time=Timestamp(seconds=1))
        reason = await refusal_of(OperationsServiceStub(opened).SetClock(request))
    await serving.stop()
    return reason


async def _refunded(folder: Path, reference: str, *amounts: int) -> str:
    """What the acquirer says to the last of these refunds under one key."""
    async with sandbox(folder / "bank.sqlite") as bank:
        for amount in amounts:
            call = bank.stub.Refund(acquirer.RefundRequest(
                idempotency_key="leg_1", payment_reference=reference,
                amount=money_pb2.Money(minor_units=amount, currency_code="CNY"),
            ))
            if amount == amounts[-1]:
                return await refusal_of(call)
            await call
    raise AssertionError("nothing was asked")


async def _other_content(folder: Path) -> str:
    return await _refunded(folder, "pay_1", 1, 2)


async def _nothing_back(folder: Path) -> str:
    return await _refunded(folder, "refused_1", 1)


async def _never_verified(folder: Path) -> str:
    async with verifier_sandbox(folder / "book.sqlite") as there:
        request = verification.GetVerificationRequest(idempotency_key="rdm_1")
        return await refusal_of(there.stub.GetVerification(request))


async def _given_twice(_folder: Path) -> str:
    world = World()
    world.play(DepositCard("crd_1", "ord_1", "cus_1", "mer_1", 3_000))
    world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", 3_000))
    world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_1", 1_000))
    with pytest.raises(FailedPrecondition) as caught:
        world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_1", 1_000))
    return caught.value.reason


async def _paid_out_twice(_folder: Path) -> str:
    redeemer = Redeemer()
    redeemer.pay()
    refused = redeemer.pay()
    assert isinstance(refused, Refused)
    return refused.reason


async def _nobody_known(folder: Path) -> str:
    async with house(folder) as guarded:
        return await refusal_of(guarded.ask("GetSaga", VALID))


async def _not_for_this_role(folder: Path) -> str:
    async with house(folder) as guarded:
        return await refusal_of(guarded.ask_as("AbortSaga", operations.AbortSagaRequest(), "ann", "reader"))


async def _somebody_else_acts(folder: Path) -> str:
    request = operations.RetrySagaRequest(
        request_id=str(uuid4()), saga_id="saga_1", operator_id="bob", reason="why"
    )
    async with house(folder) as guarded:
        return await refusal_of(guarded.ask_as("RetrySaga", request, "ann", "reader"))


class _Stranger:
    """A connection with the certificate of somebody else."""

    def peer_identity_key(self) -> str:
        """By what it is known."""
        return "x509_subject_alternative_name"

    def peer_identities(self) -> list[bytes]:
        """What it proved."""
        return [b"somebody-else"]


async def _others_certificate(_folder: Path) -> str:
    with pytest.raises(PermissionDenied) as caught:
        Peers(replace(SETTINGS, tls_peers="gateway")).check(_Stranger())
    return caught.value.reason


async def _refunds_stopped(_folder: Path) -> str:
    world = placed()
    world.stopped = frozenset({REFUNDS})
    refused = world.ask(CancelOrder(ORDER_ID, "customer", "why")).outcome
    assert isinstance(refused, Refused)
    return refused.reason


async def _refund_of_too_many(_folder: Path) -> str:
    world = shipped()
    world.limits = {CUSTOMER_MINOR: 99}
    return world.ask(RefundAmount(ORDER_ID, 100, "why")).reason


async def _no_switch(_folder: Path) -> str:
    edge: Any = _OnSystemTime()
    connection: Any = None
    request = operations.ProposeSwitchRequest(name="nothing")
    with pytest.raises(NotFound) as caught:
        await move(edge, ("refunds",), connection, request, lambda switch, now: switch)
    return caught.value.reason


async def _stands_so(_folder: Path) -> str:
    with pytest.raises(FailedPrecondition) as caught:
        switches.proposed(switches.Switch("refunds"), stopped=False, operator="ann", reason="why")
    return caught.value.reason


ELSEWHERE: dict[str, Callable[[Path], Awaitable[str]]] = {
    "INTERNAL": _internal, "UNAVAILABLE": _unavailable, "OVERLOADED": _overloaded,
    "UNSENT_BACKLOG": _unsent, "TOO_MANY_OPEN": _open_without_end, "CLOCK_NOT_MANUAL": _clock_of_the_system,
    "VERIFICATION_NOT_FOUND": _never_verified,
    "IDEMPOTENCY_CONFLICT": _other_content, "PAYMENT_NOT_REFUNDABLE": _nothing_back, "CARD_STATE": _given_twice,
    "PAYOUT_EXISTS": _paid_out_twice, "UNAUTHENTICATED": _nobody_known, "PERMISSION_DENIED": _not_for_this_role,
    "ACTOR_MISMATCH": _somebody_else_acts, "PEER_NOT_ALLOWED": _others_certificate,
    "REFUNDS_STOPPED": _refunds_stopped, "REFUND_LIMIT_REACHED": _refund_of_too_many,
    "SWITCH_NOT_FOUND": _no_switch, "SWITCH_STATE": _stands_so,
}
"""Reasons that no call of the three services in good health can show."""


@pytest.mark.parametrize("reason", ELSEWHERE)
async def test_a_reason_is_provoked_where_its_code_stands(tmp_path: Path, reason: str) -> None:
    """At a server in trouble, at the acquirer, or in memory."""
    assert await ELSEWHERE[reason](tmp_path) == reason


@pytest.mark.parametrize("reason", provoked_over_http.PROVOKED)
async def test_a_reason_of_http_is_provoked_at_a_gateway(reason: str) -> None:
    """Which asks no service for it."""
    assert await provoked_over_http.provoked(reason) == reason


@pytest.mark.parametrize("reason", REDEMPTIONS)
def test_a_reason_of_redemptions_is_provoked_in_memory(reason: str) -> None:
    """The card service refuses for it what it is asked."""
    assert REDEMPTIONS[reason]() == reason


@pytest.mark.parametrize("reason", PROVOKED)
async def test_a_reason_is_provoked_through_the_public_api(people: People, reason: str) -> None:
    """The call answers it, or what is read afterwards shows it."""
    since = len(people.said)

    await PROVOKED[reason](people)

    assert reason in shown(people, since)


async def test_every_reason_is_provoked(people: People) -> None:
    """The story shows all that have no provocation of their own: whoever adds a reason adds its provocation."""
    assert set(GIVEN) - set(provoked_over_http.PROVOKED) - set(PROVOKED) - set(REDEMPTIONS) - set(ELSEWHERE) - shown(
        people
    ) == set()
