"""Every field of every request of every service, with values that nobody should send, against the real services.

Whatever comes, the answer is an answer or a refusal with its reason: never INTERNAL, never UNKNOWN, never UNAVAILABLE
(nothing is away), and a refusal changes nothing. The requests that are spoiled are those of the recorded story that
were answered, so what is not spoiled about them means something.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2

from settlement.common.v1.error_reason_pb2 import ErrorReason
from tests.protos.hostile import spoiled
from tests.recorded.people import API, STATUS_KEY, People, Refused, Said
from tests.recorded.stage import stage
from tests.recorded.story import CHAPTERS, START
from tests.settle.audit.scratch import server

FORBIDDEN = frozenset({"INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "UNIMPLEMENTED"})
REASONS = frozenset(name.removeprefix("ERROR_REASON_") for name in ErrorReason.DESCRIPTOR.values_by_name)
REPR = re.compile(r"<\w+ |\b[A-Z]\w+\([a-z_]+=|datetime\.|Decimal\(|UUID\(|\\x|\[\(|None\b|Traceback")
"""What only a program writes."""

WAIT_SECONDS = 2.0
"""What a call is given: some wait for a version that never comes."""

COUNTED = ("events", "journals", "outbox", "timers", "sagas", "parked")
METHODS = sorted({
    f"{name} {service.name}.{method.name}"
    for name, messages, _ in API for service in messages.DESCRIPTOR.services_by_name.values()
    for method in service.methods
})


@dataclass
class Witness(People):
    """Keeps the last request of every method that was answered."""

    answered: dict[str, tuple[Any, str]] = field(default_factory=dict)

    async def call(self, request: Any, at: str = "", said: list[Said] | None = None) -> Any:
        """The call alone."""
        response = await super().call(request, at, said)
        name = self._methods[self._service_of(request, at), request.DESCRIPTOR.full_name][0]
        if name not in self.answered or request.ByteSize() >= self.answered[name][0].ByteSize():
            self.answered[name] = (request, at)
        return response


    def request_of(self, method: str) -> tuple[Any, str]:
        """That request, and of which service it is asked; an empty one of a method that the story does not use."""
        if method in self.answered:
            return self.answered[method]
        service = method.split()[0]
        kind = next(kind for (at, kind), known in self._methods.items() if known[0] == method and at == service)
        return GetMessageClass(Default().FindMessageTypeByName(kind))(), service


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def witness() -> AsyncIterator[Witness]:
    """The services after the whole story."""
    with server() as dsn:
        async with stage(dsn, "hostile", START) as built:
            people = Witness(built, seconds_max=WAIT_SECONDS)
            people.connect()
            for chapter in CHAPTERS:
                await chapter.tell(people)
            yield people
            await people.leave()


async def counts(witness: Witness, service: str) -> tuple[int, ...]:
    """How much there is of what a refusal must not change."""
    sql = "select " + ", ".join(f"(select count(*) from {table})" for table in COUNTED)
    row = await witness.stage.engines[service].connection.fetchrow(sql)
    return tuple(row or ())


def flaw_of(error: grpc.aio.AioRpcError) -> str:
    """What is wrong with a refusal; empty if nothing."""
    status = status_pb2.Status.FromString(dict(list(error.trailing_metadata() or ())).get(STATUS_KEY, b""))
    infos = [info for info in map(_info, status.details) if info is not None]
    if error.code().name in FORBIDDEN:
        return f"answers {error.code().name}"
    if [info.domain for info in infos] != ["settlement"] or infos[0].reason not in REASONS:
        return f"its reason is {[info.reason for info in infos]}"
    return "speaks as a program does" if REPR.search(error.details() or "") else ""


def _info(detail: Any) -> error_details_pb2.ErrorInfo | None:
    info = error_details_pb2.ErrorInfo()
    return info if detail.Unpack(info) else None


@pytest.mark.parametrize("method", METHODS)
async def test_no_value_of_any_field_breaks_a_service(witness: Witness, method: str) -> None:
    """Refused with a reason and without a trace, or answered."""
    service = method.split()[0]
    base, at = witness.request_of(method)
    flaws = []
    for what, request in spoiled(base):
        before, now = await counts(witness, service), witness.stage.now
        try:
            if "request_id" in request.DESCRIPTOR.fields_by_name:
                request.request_id = ""
            await witness.ask(request, at)
        except Refused as refusal:
            cause = refusal.__cause__
            assert isinstance(cause, grpc.aio.AioRpcError)
            if flaw := flaw_of(cause):
                flaws.append(f"{what} {flaw}: {cause.details()}")
            elif await counts(witness, service) != before:
                flaws.append(f"{what} was refused and left a trace: {cause.details()}")
        except Exception as error:
            error.add_note(f"{method} with {what}")
            raise
        witness.stage.clock.move(now)

    assert not flaws, f"{len(flaws)} flaws\n" + "\n".join(flaws[:40])
