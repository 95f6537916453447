"""Whatever somebody asks of a redemption or a case that is not there, the attempt is on record, and nothing else."""

import re
from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from services.card_redemption.rpc.dispute_service import DisputeServicer
from services.card_redemption.rpc.redemption_service import RedemptionServicer
from services.kernel.errors import SettlementError
from settlement.card_redemption.v1 import (
    dispute_pb2,
    dispute_service_pb2,
    redemption_service_pb2,
)
from settlement.common.v1 import money_pb2
from tests.services.card_redemption.ledger import CardLedger

SERVICES: tuple[tuple[Any, Any], ...] = (  # Any: modules and servicers of different contracts
    (redemption_service_pb2, RedemptionServicer), (dispute_service_pb2, DisputeServicer),
)
ABOUT = ("redemption_id", "dispute_id")
SCREENSHOT = dispute_service_pb2.EvidenceInput(kind=dispute_pb2.EVIDENCE_KIND_SCREENSHOT, evidence_reference="page 1")
KNOWN: dict[str, int] = {"verdict": dispute_pb2.DISPUTE_VERDICT_UPHELD, "type": dispute_pb2.DISPUTE_TYPE_FRAUD}
"""What cannot be the first member of its enumeration."""
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _about(method: MethodDescriptor) -> str:
    return next((name for name in ABOUT if name in method.input_type.fields_by_name), "")


def changing() -> Iterator[tuple[Any, MethodDescriptor]]:
    """Every method that changes something that it names, with the servicer behind it."""
    for module, servicer in SERVICES:
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                if "request_id" in method.input_type.fields_by_name and _about(method):
                    yield servicer, method


def asked(cards: CardLedger, method: MethodDescriptor) -> Any:  # Any: its request
    """A request that says all that it has to, about what is not there."""
    request: Any = GetMessageClass(method.input_type)(request_id=cards.request_id())  # Any: one of many types
    for name, field in method.input_type.fields_by_name.items():
        if field.message_type is not None and field.message_type.full_name == money_pb2.Money.DESCRIPTOR.full_name:
            getattr(request, name).CopyFrom(money_pb2.Money(currency_code="CNY", minor_units=1))
        elif name == "evidence" and field.message_type is not None and not field.is_repeated:
            request.evidence.CopyFrom(SCREENSHOT)
        elif not field.is_repeated and field.type == field.TYPE_ENUM:
            setattr(request, name, KNOWN.get(name, 1))
        elif name.endswith("_id") and name != "request_id" and field.type == field.TYPE_STRING and (
            not field.is_repeated
        ):
            setattr(request, name, f"{name}_none")
    return request


async def refused(cards: CardLedger, servicer: Any, method: MethodDescriptor) -> tuple[str, list[str]]:
    """The reason for which it is refused, and what is wrong with what the record has of that."""
    edge: Any = cards
    request = asked(cards, method)
    about = getattr(request, _about(method))
    reason = ""
    try:
        await getattr(servicer(edge), method.name)(request, edge.context)
    except SettlementError as error:
        reason = error.reason
    rows = await cards.connection.fetch(
        "select kind, outcome, reason, card_id, order_id from attempts where request_id = $1", request.request_id
    )
    told = [(row["kind"], row["outcome"], row["reason"]) for row in rows]
    expected = [(_WORD.sub("_", method.name).upper(), "DENIED", reason)]
    wrong = [] if told == expected else [f"{method.name}: {told}, not {expected}"]
    for row in rows:
        if about not in (row["card_id"], row["order_id"]) or row["card_id"].startswith(("redemption_id", "dispute_id")):
            wrong.append(f"{method.name} is about {row['card_id']!r} and {row['order_id']!r}")
    if cards.effects.sent or cards.effects.journals:
        wrong.append(f"{method.name} sent {cards.effects.sent} and posted {cards.effects.journals}")
    return reason, wrong


async def test_what_is_not_there_is_refused_and_the_attempt_recorded(cards: CardLedger) -> None:
    """RD-31: once, with who asked and about what; no event, message or journal comes of it."""
    wrong, reasons = list[str](), set[str]()
    for servicer, method in changing():
        reason, faults = await refused(cards, servicer, method)
        wrong += faults
        reasons.add(reason)

    assert wrong == []
    assert reasons == {"REDEMPTION_NOT_FOUND", "DISPUTE_NOT_FOUND"}


def test_there_are_such_methods() -> None:
    """The list is read from the contract, so that a new method is in it."""
    assert len(list(changing())) > 20
