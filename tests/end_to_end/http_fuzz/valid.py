"""Valid requests of every role for every method, about few things: some of them are there, some are somebody else's."""

import random
import uuid
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

from google.protobuf.json_format import MessageToDict

from gateway.contract import Method, methods
from gateway.templates import variables_of
from services.access import ACCESS, BOUND, KINDS, ROLES
from tests.access.contract import OTHER, OWN, PREFIXES, request, subject
from tests.end_to_end.http_fuzz.drafts import Draft, Token

LIVES = 600
"""After so many requests another thing of each kind takes the place of the oldest that are asked for."""
THINGS = 10
"""So many of each kind are asked for at a time."""
ALLOWED = 0.9
"""The share of requests that come from somebody who may call the method."""
LIVELY = 0.2
"""The share of requests that make things, or move them on."""
_LIVELY = [
    method for method in methods() if method.descriptor.name in {
        "OpenAccount", "PlaceOrder", "IssueCard", "FundWallet", "ConfirmShipment", "ConfirmDelivery", "CancelOrder",
        "ConfirmReceipt", "RequestReturn", "RefundAmount", "Repay",
    }
]
_EARLY = {"OpenAccount", "IssueCard"}
"""What is there before others ask for it."""
_MONEY = {"minor_units": "10000", "currency_code": "CNY"}
_SAID: Mapping[str, Mapping[str, Any]] = {  # Any: values of JSON
    "OpenAccount": {"limit": _MONEY | {"minor_units": "5000000"}},
    "PlaceOrder": {
        "credit_terms": {"plan": "PLAN_TYPE_DEFERRED"},
        "lines": [{"line_id": "L1", "quantity": 2, "unit_price": _MONEY}],
        "tenders": [{"type": "TENDER_TYPE_CREDIT", "amount": _MONEY | {"minor_units": "20000"}}],
    },
    "FundWallet": {"amount": _MONEY}, "RefundAmount": {"amount": _MONEY},
}
"""What makes things of more than they are by the descriptors alone."""


def valid(draw: random.Random, number: int, token: Token) -> Draft:
    """A request that its method takes, from somebody who mostly may call it."""
    method = draw.choice(_LIVELY if draw.random() < LIVELY else methods())
    row = ACCESS.rows[method.path]
    role = draw.choice(row.roles if draw.random() < ALLOWED and row.roles else ROLES)
    thing = number // LIVES + draw.randrange(THINGS)
    if method.descriptor.name in _EARLY:
        thing += THINGS // 2
    fields = {name: _drawn(draw, name, value, role, thing) for name, value in _fields(method, role).items()}
    path = method.template
    for name in variables_of(path):
        path = path.replace(f"{{{name}}}", quote(str(fields.pop(name, "1")), safe=""))
    draft = Draft(method, method.verb, path, body=fields if method.has_body else {})
    if not method.has_body:
        draft.query = _query(fields)
    draft.headers = [("Authorization", f"Bearer {token((role,), _person(role, thing))}")]
    if row.second is not None:
        other = row.second[1]
        draft.headers.append(("Second-Authorization", f"Bearer {token((other,), subject(other))}"))
    if method.has_body:
        draft.headers.append(("Content-Type", "application/json"))
    return draft


@cache
def _fields(method: Method, role: str) -> dict[str, Any]:  # Any: a JSON object
    row, takes = ACCESS.rows[method.path], method.descriptor.input_type.fields_by_name
    made: dict[str, Any] = MessageToDict(request(method.path, row, role, OWN), preserving_proto_field_name=True)
    named = {name: "" for name, field in takes.items() if name in KINDS and field.containing_oneof is None}
    return {**named, **made, **_SAID.get(method.descriptor.name, {})}


def _person(role: str, thing: int) -> str:
    """Whose a thing is; who is bound to their own asks for somebody else's now and then."""
    return subject(role, OWN if thing % 3 else OTHER) if role in BOUND else subject(role)


def _drawn(draw: random.Random, name: str, value: Any, role: str, thing: int) -> Any:  # Any: a value of JSON
    """The same with the ids of this thing, at any depth, and a request id of its own."""
    if name == "request_id":
        return str(uuid.UUID(int=draw.getrandbits(128), version=4))
    if name == "line_id":
        return "L1"
    if name in KINDS and KINDS[name] in PREFIXES:
        return f"{PREFIXES[KINDS[name]]}{thing if draw.random() < 0.97 else thing + 1:032x}"
    if name in ("customer_id", "merchant_id") and (whose := name.removesuffix("_id")) != role:
        return _person(whose, thing)
    if isinstance(value, dict):
        return {inner: _drawn(draw, inner, each, role, thing) for inner, each in value.items()}
    if isinstance(value, list):
        return [_drawn(draw, name, each, role, thing) for each in value]
    return value


def _query(fields: dict[str, Any], before: str = "") -> list[tuple[str, str]]:  # Any: as above
    found: list[tuple[str, str]] = []
    for name, value in fields.items():
        if isinstance(value, dict):
            found += _query(value, f"{before}{name}.")
        else:
            found += [(before + name, quote(str(each))) for each in (value if isinstance(value, list) else [value])]
    return found
