"""Every method, for everybody: each role and who has no token, asking for what is theirs, somebody else's and not
there, over gRPC and over HTTP. What is let in is exactly what the policy says, and the two ways agree."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import grpc
import httpx2
import pytest
import pytest_asyncio
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from protovalidate import Validator

from gateway.contract import Method, message_class, methods
from gateway.templates import variables_of
from services.access import ACCESS, IMPARTIAL, ROLES
from services.kernel.access import Row
from services.runtime.rpc.errors import STATUS_KEY, from_rpc_error
from tests.access.contract import ABSENT, HIMSELF, METHODS, OTHER, OWN, request, subject, thing
from tests.access.world import REACHED, World, world
from tests.settle.audit.scratch import server

NOBODY = "nobody"
"""Calls without a token."""
ANOTHER = "another"
"""A request that names somebody else where the caller acts."""
CALLERS = (NOBODY, *ROLES)
WHOSE = (OWN, OTHER, ABSENT, ANOTHER, HIMSELF)
AT_ONCE = 40
NOT_THERE = {
    "ORDER_NOT_FOUND", "RETURN_NOT_FOUND", "SETTLEMENT_NOT_FOUND", "ACCOUNT_NOT_FOUND", "PAYOUT_NOT_FOUND",
    "CARD_NOT_FOUND", "REDEMPTION_NOT_FOUND", "AGREEMENT_NOT_FOUND", "DISPUTE_NOT_FOUND",
}


class Cell(NamedTuple):
    """One question: who asks which method of which service for whose thing."""

    peer: str
    method: str
    role: str
    whose: str


class Told(NamedTuple):
    """What the caller heard: the code of gRPC, the reason and the text."""

    code: str
    reason: str
    text: str


def cells() -> list[Cell]:
    """All of them; operators' methods are served by each service."""
    asked = {(method.peer, method.path) for method in methods()}
    asked |= {("order", path) for path in METHODS if path not in {method.path for method in methods()}}
    return [Cell(*each, role, whose) for each, role, whose in product(sorted(asked), CALLERS, WHOSE)]


def expected(cell: Cell) -> str:
    """The reason that the policy gives."""
    row = ACCESS.rows[cell.method]
    if cell.role == NOBODY:
        return "UNAUTHENTICATED"
    if cell.role not in row.roles:
        return "PERMISSION_DENIED"
    if cell.whose == ANOTHER and _actors(row, cell):
        return "ACTOR_MISMATCH"
    if cell.whose == HIMSELF and cell.role in IMPARTIAL and _decides(row, cell):
        return "FOUR_EYES"
    if cell.role not in ACCESS.bound or row.shared or cell.whose in (OWN, ANOTHER, HIMSELF):
        return REACHED
    return f"{row.about.kind} not there" if row.about else "ACTOR_MISMATCH"


def _decides(row: Row, cell: Cell) -> bool:
    """Whether it is a command, or foretells one, about somebody."""
    fields = frozenset(METHODS[cell.method].input_type.fields_by_name)
    about_somebody = row.about is not None or ACCESS.parties(row, cell.role, fields)
    return bool((row.foretells or "request_id" in fields) and about_somebody)


def _actors(row: Row, cell: Cell) -> list[str]:
    """The fields by which this caller acts."""
    fields = frozenset(METHODS[cell.method].input_type.fields_by_name)
    second = [row.second[0]] if row.second else []
    return [*ACCESS.filled(row, cell.role, fields), *ACCESS.left(row, cell.role, fields), *second]


def asked(cell: Cell) -> Message:
    """The request of a cell."""
    row = ACCESS.rows[cell.method]
    whose = OWN if cell.whose == ANOTHER else cell.whose
    made = request(cell.method, row, cell.role, whose)
    listed = cell.role in ACCESS.bound and row.about is None and not row.shared
    if cell.whose == ANOTHER or (listed and cell.whose != OWN):
        for name in _actors(row, cell) if cell.role in row.roles else []:
            setattr(made, name, subject(cell.role, OTHER if cell.whose == ANOTHER else cell.whose))
    return made


def _heard(cell: Cell, told: Told) -> str:
    """The reason; that of a thing that is not there by its kind."""
    row = ACCESS.rows[cell.method]
    if row.about is not None and told.reason in NOT_THERE and _named(cell) in told.text:
        return f"{row.about.kind} not there"
    return told.reason


def _named(cell: Cell) -> str:
    """Whom or what the request of a cell names."""
    row, whose = ACCESS.rows[cell.method], OWN if cell.whose == ANOTHER else cell.whose
    return str(thing(row.about.kind, whose, cell.role)) if row.about else subject(cell.role, whose)


def _caller(cell: Cell) -> str:
    """Who calls."""
    return subject(cell.role, HIMSELF if cell.whose == HIMSELF else OWN)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def built(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One world for the whole matrix: nothing in it changes."""
    with server() as dsn:
        async with world(dsn, tmp_path_factory.mktemp("keys")) as made:
            yield made


def headers(built: World, cell: Cell) -> list[tuple[str, str]]:
    """Who calls, and the second person of a method that takes two."""
    if cell.role == NOBODY:
        return []
    first = built.issuer.token(sub=_caller(cell), roles=[cell.role])
    second = built.issuer.token(sub="mallory", roles=["finance_maker"])
    return [("authorization", f"Bearer {first}"), ("second-authorization", f"Bearer {second}")]


async def over_grpc(built: World, cell: Cell) -> Told:
    """What gRPC answers: always an error, with nothing beside its status."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _called(built, cell)
    error = caught.value
    assert [key for key, _ in error.trailing_metadata() or ()] == [STATUS_KEY], error
    return Told(error.code().name, from_rpc_error(error).reason, error.details() or "")


async def _called(built: World, cell: Cell) -> None:
    method, channel, sent = METHODS[cell.method], built.channels[cell.peer], asked(cell)
    coded: dict[str, Any] = {
        "request_serializer": type(sent).SerializeToString,
        "response_deserializer": message_class(method.output_type).FromString,
    }
    metadata = tuple(headers(built, cell))
    if method.client_streaming:
        call: Any = channel.stream_stream(cell.method, **coded)(metadata=metadata)
        await call.read()
    elif method.server_streaming:
        await channel.unary_stream(cell.method, **coded)(sent, metadata=metadata).read()
    else:
        await channel.unary_unary(cell.method, **coded)(sent, metadata=metadata)


async def over_http(built: World, http: httpx2.AsyncClient, rule: Method, cell: Cell) -> Told:
    """What the gateway answers, for one way to call the method."""
    fields = MessageToDict(asked(cell), preserving_proto_field_name=True)
    path = rule.template
    for name in variables_of(path):  # a path names the caller, where a body leaves that to the token
        path = path.replace(f"{{{name}}}", quote(str(fields.pop(name, _caller(cell))), safe=""))
    url = path if rule.has_body else f"{path}?{urlencode(_flat(fields))}"
    body = fields if rule.has_body else None
    answer = await http.request(rule.verb, url, headers=headers(built, cell), json=body)
    said = answer.json()
    code = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 400: "FAILED_PRECONDITION"}
    assert answer.status_code in code, said
    assert (answer.headers.get("www-authenticate") == "Bearer") is (answer.status_code == 401)
    return Told(code[answer.status_code], said["details"][0]["reason"], said["message"])


def _flat(fields: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in fields.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{name}.")
        else:
            found += [(f"{prefix}{name}", str(each)) for each in (value if isinstance(value, list) else [value])]
    return found


async def told_of_all(asking: list[Cell], ask: Callable[[Cell], Awaitable[Told]]) -> dict[Cell, Told]:
    """Some at a time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(cell: Cell) -> tuple[Cell, Told]:
        async with turns:
            return cell, await ask(cell)

    return dict(await asyncio.gather(*map(one, asking)))


def wrong(answers: dict[Cell, Told]) -> dict[Cell, str]:
    """The cells in which something else was said than the policy says, and those in which what is somebody else's is
    told from what is not there."""
    found = {}
    for cell, told in answers.items():
        if _heard(cell, told) != expected(cell):
            found[cell] = f"{told}, not {expected(cell)}"
        if cell.whose == OTHER:
            absent = cell._replace(whose=ABSENT)
            if _without_names(cell, told) != _without_names(absent, answers[absent]):
                found[cell] = f"{told} is told from {answers[absent]}"
    return found


def _without_names(cell: Cell, told: Told) -> Told:
    return told._replace(text=told.text.replace(_named(cell), "it"))


def test_the_requests_are_valid() -> None:
    """So that nothing but the door can refuse them."""
    validator = Validator()

    broken = {}
    for cell in cells():
        if cell.role in ACCESS.rows[cell.method].roles and not METHODS[cell.method].client_streaming:
            made = asked(cell)
            for name in {*ACCESS.actors, "maker"}.intersection(made.DESCRIPTOR.fields_by_name):
                if not getattr(made, name):
                    setattr(made, name, "somebody")  # as the door does
            if violations := validator.collect_violations(made):
                broken[cell] = str(violations[0].proto)
    assert broken == {}


def test_every_cell_is_asked() -> None:
    """Each method of the contract, each role, each owner: nothing is left out."""
    asking = cells()

    assert {(cell.method, cell.role, cell.whose) for cell in asking} == set(product(METHODS, CALLERS, WHOSE))
    assert set(CALLERS) == {NOBODY, *ACCESS.roles}
    assert len(set(asking)) == len(asking)
    told = {"UNAUTHENTICATED", "PERMISSION_DENIED", "ACTOR_MISMATCH", "FOUR_EYES", REACHED}
    assert {expected(cell) for cell in asking} >= told


@pytest.mark.timeout(600)
async def test_the_matrix_over_grpc(built: World) -> None:
    """Exactly the allow list."""
    answers = await told_of_all(cells(), lambda cell: over_grpc(built, cell))

    assert set(answers) == set(cells())
    assert wrong(answers) == {}


@pytest.mark.timeout(600)
async def test_the_matrix_over_http(built: World) -> None:
    """The same, by the same reasons; all that has a rule of HTTP."""
    rules = {(method.peer, method.path): method for method in methods()}
    asking = [cell for cell in cells() if (cell.peer, cell.method) in rules]
    async with httpx2.AsyncClient(base_url=built.url, trust_env=False, timeout=60) as http:
        answers = await told_of_all(
            asking, lambda cell: over_http(built, http, rules[cell.peer, cell.method], cell)
        )

    assert wrong(answers) == {}
