"""The methods of the contract and a valid request for each, made from its descriptors: whoever adds a method is in the
matrix at once, and hears by a test if its request needs a value that is not known here."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from gateway.contract import files, message_class
from gateway.documents.bounds import rules_of
from gateway.documents.schemas import is_required
from services.access import ACCESS
from services.kernel.access import Row

PACKAGES = ("order", "credit_ledger", "card_redemption", "operations")
"""The packages of services; the auditor and the sandboxes are no part of the engine."""
METHODS: Mapping[str, MethodDescriptor] = {
    f"/{service.full_name}/{method.name}": method
    for package in PACKAGES for file in files(f"{package}/v1/*_service_pb2.py")
    for service in file.services_by_name.values() for method in service.methods
}
UUID = "00000000-0000-4000-8000-000000000001"
OWN, OTHER, ABSENT = "own", "other", "absent"
HIMSELF = "himself"
"""What is of one who is the customer of it, its merchant, and whoever decides about it."""
IDS = {OWN: "1" * 32, OTHER: "2" * 32, ABSENT: "3" * 32, HIMSELF: "4" * 32}
PREFIXES = {
    "order": "ord_", "return": "ret_", "settlement": "saga_", "account": "acc_", "payout": "pay_", "card": "crd_",
    "redemption": "rdm_", "dispute": "dsp_", "agreement": "agr_", "root": "acc_", "saga": "saga_",
}
VALUES: Mapping[str, Any] = {  # Any: each value has the type of its field
    "request_id": UUID, "order_id": "ord_1", "return_id": "ret_1", "settlement_id": "saga_1", "account_id": "acc_1",
    "payout_id": "pay_1", "card_id": "crd_1", "redemption_id": "rdm_" + "0" * 32, "root_id": "acc_1",
    "redemption_ids": "rdm_" + "0" * 32, "batch_id": "bat_" + "0" * 32, "agreement_id": "agr_1",
    "dispute_id": "dsp_" + "0" * 32, "saga_id": "saga_1", "leg_id": "leg_1", "bill_date": "2026-03-05",
    "effective_date": "2026-03-05", "channel": "NORMAL", "category": "UTILITY", "document": b"x" * 100,
    "token": b"x" * 100, "year": 2026, "proposal": 1, "parked_id": 1, "account": "A.BANK", "plan": 1, "type": 1,
    "method": 1, "code": "CODE0000CODE0000",
}
"""By the names of fields; what is not here is a word, a one, or an amount of 100 fen."""


def thing(kind: str, whose: str, role: str) -> str | int:
    """The id of a thing of one kind that is the caller's, somebody else's, or not there."""
    if kind == "parked":
        return int(IDS[whose][0])
    if kind == "root" and role == "merchant":
        return f"{subject(role, whose)}/00" if whose != ABSENT else "nothing"
    return PREFIXES[kind] + IDS[whose]


def subject(role: str, whose: str = OWN) -> str:
    """Who calls in a role; the owner of what is theirs."""
    return {OWN: f"{role}-ann", OTHER: f"{role}-bob", ABSENT: f"{role}-cat", HIMSELF: HIMSELF}[whose]


def request(method: str, row: Row, role: str, whose: str) -> Message:
    """A valid request of a caller, about a thing of theirs or not. Who acts is left to the token where that fills it
    in; whom else an actor's name stands for here is somebody."""
    takes = METHODS[method].input_type
    made = message_class(takes)()
    _fill(made, takes, frozenset())
    fields = frozenset(takes.fields_by_name)
    filled, caller = ACCESS.filled(row, role, fields), subject(role, HIMSELF if whose == HIMSELF else OWN)
    for name in {*ACCESS.actors, "maker"}.intersection(takes.fields_by_name):
        own = name in filled or (row.second is not None and name == row.second[0])
        left = name in ACCESS.unfilled and role in ACCESS.unfilled[name]
        setattr(made, name, "" if own else caller if left else "somebody")
    for name in ACCESS.parties(row, role, fields) if whose == HIMSELF else ():
        setattr(made, name, caller)
    if row.about is not None:
        setattr(made, row.about.field, thing(row.about.kind, whose, role))
    return made


def _fill(made: Any, descriptor: Descriptor, within: frozenset[str]) -> None:  # Any: each request is of its own type
    chosen: set[str] = set()
    for field in descriptor.fields:
        choice = field.containing_oneof
        if choice is not None and len(choice.fields) > 1:
            wanted = choice.name not in chosen
            chosen.add(choice.name)
        else:
            wanted = is_required(field)
        if wanted and field.full_name not in within:
            _set(made, field, within | {field.full_name})


def _set(made: Any, field: FieldDescriptor, within: frozenset[str]) -> None:  # Any: as above
    if field.message_type is not None:
        held = getattr(made, field.name)
        count = max(1, rules_of(field).repeated.min_items)
        for inner in [held.add() for _ in range(count)] if field.is_repeated else [held]:
            inner.SetInParent()
            _message(inner, field.message_type, within)
        return
    value = VALUES.get(field.name, 1 if field.cpp_type != FieldDescriptor.CPPTYPE_STRING else "word")
    if field.is_repeated:
        getattr(made, field.name).append(value)
    else:
        setattr(made, field.name, value)


def _message(inner: Any, descriptor: Descriptor, within: frozenset[str]) -> None:  # Any: as above
    if descriptor.name == "Money":
        inner.minor_units, inner.currency_code = 100, "CNY"
    elif descriptor.name == "Timestamp":
        inner.seconds = 1_772_000_000
    else:
        _fill(inner, descriptor, within)
