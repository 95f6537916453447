"""Every list of every service, found in the contracts: it takes its own page tokens and refuses all others."""

import asyncio
import base64
import importlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf import descriptor
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given, settings
from hypothesis import strategies as st

import settlement
from services.card_redemption.__main__ import SERVICE as CARD_REDEMPTION
from services.credit_ledger.__main__ import SERVICE as CREDIT_LEDGER
from services.kernel.errors import FailedPrecondition
from services.order.__main__ import SERVICE as ORDER
from services.runtime.ground.clock import SystemClock
from services.runtime.ground.paging import ANSWER_BYTES_MAX, NOT_FILTERS, page_of
from services.runtime.ground.settings import Settings
from services.runtime.rpc.errors import from_rpc_error
from services.runtime.rpc.operations import OperationsServicer
from services.runtime.rpc.server import RpcServer, channel
from settlement.operations.v1 import operations_service_pb2 as operations
from tests.settle.local.acquirer.sandbox import sandbox

SETTINGS = Settings("somewhere", reflection=False, drain_seconds=0.5)
REACHED, REFUSED = "REACHED", "INVALID_PAGE_TOKEN"
_AT = datetime(2026, 3, 1, tzinfo=UTC)
PLACES: list[tuple[Any, ...]] = [("x",), (7,), (7, 7), (_AT, "x"), (date(2026, 3, 1),), (7, _AT, "x")]
"""One place for each kind of sort key that there is."""

IDS = {"order_id": "ord_1", "account_id": "acc_1", "card_id": "crd_1", "channel": "X_1"}
SANDBOX = "settlement.sandbox.v1"


def lists() -> Iterator[descriptor.MethodDescriptor]:
    """The methods whose request has a page token."""
    (root,) = settlement.__path__
    for path in sorted(Path(root).rglob("*_pb2.py")):
        name = ".".join(("settlement", *path.relative_to(root).with_suffix("").parts))
        for service in importlib.import_module(name).DESCRIPTOR.services_by_name.values():
            yield from (method for method in service.methods if "page_token" in method.input_type.fields_by_name)


LISTS = list(lists())
every_list = pytest.mark.parametrize(
    "method", LISTS, ids=lambda method: str(method.full_name).removeprefix("settlement.")
)


class NoDatabase:
    """An edge behind which nothing is: whoever asks it for a connection has taken the token."""

    settings = SETTINGS
    clock = SystemClock()

    def read(self) -> AbstractAsyncContextManager[Any]:
        """Tell how far the call came."""
        raise FailedPrecondition(REACHED)

    def changes(self, key: str) -> AbstractContextManager[asyncio.Event]:
        """Nothing changes."""
        return nullcontext(asyncio.Event())


@dataclass(frozen=True, slots=True)
class House:
    """All services under one roof, and the sandbox acquirer beside them."""

    services: grpc.aio.Channel
    acquirer: grpc.aio.Channel

    async def reason(self, method: descriptor.MethodDescriptor, request: Message) -> str:
        """What a list answers: the reason of its refusal, REACHED if it would have looked for rows."""
        opened = self.acquirer if method.full_name.startswith(SANDBOX) else self.services
        call = opened.unary_unary(
            f"/{method.containing_service.full_name}/{method.name}", request_serializer=type(request).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        try:
            await call(request, timeout=10)
        except grpc.aio.AioRpcError as error:
            refusal = from_rpc_error(error)
            return refusal.reason if refusal.status in ("INVALID_ARGUMENT", "FAILED_PRECONDITION") else str(error)
        return REACHED

    async def own_token(self, method: descriptor.MethodDescriptor) -> str:
        """The token of a place in this list: the first that it takes of those for all kinds of places."""
        for place in PLACES:
            for of in ("", SETTINGS.service):
                request = asked(method)
                request.page_token = token(request, place, of)
                if await self.reason(method, request) == REACHED:
                    return str(request.page_token)
        raise AssertionError(f"{method.full_name} takes no token of `page_of`")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Serving, without a database."""
    edge: Any = NoDatabase()
    lanes: Any = None
    server = RpcServer(SETTINGS)
    for service in (ORDER, CREDIT_LEDGER, CARD_REDEMPTION):
        for build in service.servicers:
            server.add(build(edge))
    server.add(OperationsServicer(edge, lanes))
    port = await server.start()
    file: Path = tmp_path_factory.mktemp("bank") / "bank.sqlite"
    async with sandbox(file) as bank, channel(bank.target, 10) as acquirer:
        async with channel(f"127.0.0.1:{port}", 10) as services:
            yield House(services, acquirer)
    await server.stop()


def asked(method: descriptor.MethodDescriptor) -> Any:  # Any: the request of any list
    """A valid request with every filter set, for pages of one row."""
    request: Any = GetMessageClass(method.input_type)()
    for field in method.input_type.fields:
        if field.name not in NOT_FILTERS:
            _set(request, field, first=True)
    request.page_size = 1
    return request


def token(request: Any, place: tuple[Any, ...], of: str = "") -> str:  # Any: the request of any list
    """The token that a list whose rows have such a place gives for the page after it."""
    return page_of(request, place, of=of).cut(["shown", "more"], lambda _: place, lambda _: Empty())[1]


def _set(request: Any, field: descriptor.FieldDescriptor, first: bool) -> None:
    """One of two values of a filter."""
    if field.message_type is not None:
        getattr(request, field.name).seconds = 1 if first else 2
    elif field.type == field.TYPE_STRING:
        known = IDS.get(field.name, "x_1")
        setattr(request, field.name, known if first else known.replace("1", "2"))
    elif field.type == field.TYPE_BOOL:
        setattr(request, field.name, first)
    else:
        setattr(request, field.name, 1 if first else 2)


def test_the_lists_are_found() -> None:
    """Of all services: else the tests below would hold for nothing."""
    packages = {method.full_name.rsplit(".", 2)[0] for method in LISTS}

    assert packages == {
        f"settlement.{name}.v1" for name in ("order", "credit_ledger", "card_redemption", "operations", "sandbox")
    }
    assert len(LISTS) >= 13


@every_list
async def test_a_list_takes_its_own_token_whatever_the_size_and_the_version(
    house: House, method: descriptor.MethodDescriptor
) -> None:
    """How many rows, and how new they must be, may change from page to page."""
    request = asked(method)
    request.page_token = await house.own_token(method)
    request.page_size = 2
    if "min_version" in method.input_type.fields_by_name:
        request.min_version = 3

    assert await house.reason(method, request) == REACHED


@every_list
async def test_a_token_of_another_list_is_refused(house: House, method: descriptor.MethodDescriptor) -> None:
    """Also of one with the same filters and the same kind of place."""
    request = asked(method)
    for other in LISTS:
        if other is not method:
            request.page_token = await house.own_token(other)
            assert await house.reason(method, request) == REFUSED, other.full_name


@every_list
async def test_a_token_of_other_filters_is_refused(house: House, method: descriptor.MethodDescriptor) -> None:
    """Each filter by itself."""
    own = await house.own_token(method)
    for field in method.input_type.fields:
        if field.name not in NOT_FILTERS:
            request = asked(method)
            request.page_token = own
            _set(request, field, first=False)
            assert await house.reason(method, request) == REFUSED, field.name


@every_list
async def test_an_operators_token_of_another_service_is_refused(
    house: House, method: descriptor.MethodDescriptor
) -> None:
    """OperationsService is the same in every service, its lists are not."""
    request = asked(method)
    for place in PLACES:
        request.page_token = token(asked(method), place, of="elsewhere")
        assert await house.reason(method, request) == REFUSED


def test_a_page_holds_what_fits_a_message() -> None:
    """However many rows were asked for, and its token goes on behind the last one shown (N8)."""
    request = operations.ListSagasRequest(page_size=500)
    rows = [f"{number:03}" + "x" * 100_000 for number in range(100)]
    told, pages = [], 0

    while True:
        (after,) = page_of(request, ("",)).after
        found = [row for row in rows if row[:3] > after][:501]
        shown, request.page_token = page_of(request, ("",)).cut(found, lambda row: (row[:3],), _text)
        answer = operations.ListSagasResponse(sagas=shown)
        assert answer.ByteSize() + len(request.page_token) <= ANSWER_BYTES_MAX
        told += [saga.root_id for saga in answer.sagas]
        pages += 1
        if not request.page_token:
            break

    assert (told, pages) == (rows, 3)


def test_a_row_that_no_page_can_hold_is_a_page_of_its_own() -> None:
    """The list goes on behind it, whatever becomes of that page."""
    request = operations.ListSagasRequest()
    rows = ["x" * ANSWER_BYTES_MAX] * 3

    shown, following = page_of(request, ("",)).cut(rows, lambda row: (row[:1],), _text)

    assert (len(shown), bool(following)) == (1, True)


def _text(value: str) -> operations.Saga:
    return operations.Saga(root_id=value)


@every_list
@given(spoiled=st.data())
@settings(max_examples=25, deadline=None)
async def test_a_made_up_token_is_refused(
    house: House, method: descriptor.MethodDescriptor, spoiled: st.DataObject
) -> None:
    """Nothing that a list did not give is a place: no changed token, no part of one, no bytes, no text, no flood."""
    request = asked(method)
    own = await house.own_token(method)
    request.page_token = spoiled.draw(made_up(own).filter(lambda text: text not in ("", own)))

    assert await house.reason(method, request) == REFUSED


def made_up(own: str) -> st.SearchStrategy[str]:
    """Tokens that nobody gave; some of them are almost `own`."""
    raw = base64.urlsafe_b64decode(own)
    bits = st.integers(0, len(raw) * 8 - 1).map(lambda bit: _flipped(raw, bit))
    cut = st.integers(1, len(own) - 1).map(lambda length: own[:length])
    cut_raw = st.integers(1, len(raw) - 1).map(lambda length: base64.urlsafe_b64encode(raw[:length]).decode())
    places = st.integers(0, len(own) - 1)
    pairs = st.tuples(places, st.sampled_from("Aa0-_=+/ "))
    replaced = pairs.map(lambda pair: own[: pair[0]] + pair[1] + own[pair[0] + 1 :])
    padded = st.sampled_from(["=", " ", "\n", "A", "AAAA", own]).map(lambda tail: own + tail)
    anything = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=600)
    garbage = st.binary(min_size=1, max_size=300).map(lambda some: base64.urlsafe_b64encode(some).decode())
    plain = st.sampled_from(
        ["0", "1", "-1", "1.2", "9223372036854775808.0", "ord_1", "acc_1", "saga_1", "~", "WyIiXQ=="]
    )
    flood = st.integers(501, 100_000).map(lambda length: "A" * length)
    return st.one_of(bits, cut, cut_raw, replaced, padded, anything, garbage, plain, flood)


def _flipped(raw: bytes, bit: int) -> str:
    changed = bytearray(raw)
    changed[bit // 8] ^= 1 << bit % 8
    return base64.urlsafe_b64encode(bytes(changed)).decode()
