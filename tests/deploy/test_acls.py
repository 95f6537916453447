"""Who may do what with which topic: what the code sends and reads, and no more."""

from pathlib import Path
from typing import Any

import yaml

from services.card_redemption.__main__ import SERVICE as CARDS
from services.credit_ledger.__main__ import SERVICE as CREDIT
from services.order.__main__ import SERVICE as ORDERS
from services.runtime.ground.records import heard_by, topic
from settle.audit.announcing import TOPIC
from settle.local import topics

SERVICES = (ORDERS, CREDIT, CARDS)
UNUSED = {"settlement.card_redemption.replies.v1"}
"""A service that takes commands hears its replies there; the topic is from before it did."""


def allowed() -> dict[str, dict[str, list[str]]]:
    """The principals of the file."""
    said: dict[str, Any] = yaml.safe_load(Path("deploy/acls.yaml").read_text(encoding="utf-8"))  # Any: of a YAML file
    principals: dict[str, dict[str, list[str]]] = said["principals"]
    return principals


def inbox(name: str) -> str:
    """The topic that a service reads, with answers to its own sagas among it."""
    return heard_by(name)


def test_every_service_reads_its_own_inbox_and_nothing_else() -> None:
    """The events of others are none of its business."""
    for service in SERVICES:
        assert inbox(service.name) == topic(service.name, service.inbound)
        assert allowed()[service.name]["read"] == [inbox(service.name)]


def test_every_service_writes_what_it_sends_and_nothing_else() -> None:
    """Its events, what an operator sends again, and the inboxes of those with whom it has sagas, either way."""
    commanded = {
        service.name: {
            participant.service
            for definition in service.definitions for participant in definition.participants
        }
        for service in SERVICES if service.definitions is not None
    }
    for service in SERVICES:
        name = service.name
        partners = commanded.get(name, set()) | {other for other, asked in commanded.items() if name in asked}
        sent = {topic(name, "events"), inbox(name), *map(inbox, partners - {name})}

        assert set(allowed()[name]["write"]) == sent


def test_every_topic_has_one_who_writes_and_one_who_reads() -> None:
    """Of those that there are; what is set aside outside the database is nobody's of ours."""
    there = {name for name in topics.topics() if not name.endswith(topics.PARKED_SUFFIX)} - UNUSED
    written = {name for each in allowed().values() for name in each.get("write", ())}
    read = {name for each in allowed().values() for name in each.get("read", ())}

    assert written == read == there


def test_only_services_write_and_subscribers_only_read_events() -> None:
    """A topic of events has one producer, whose records the header `mac` is of, too."""
    principals = allowed()

    assert set(principals) == {*(service.name for service in SERVICES), "auditor", "subscriber", "topics"}
    assert principals["auditor"] == {"write": [TOPIC]}
    assert set(principals["subscriber"]) == {"read", "groups"}
    assert all(".events." in name for name in principals["subscriber"]["read"])
    for name in principals["subscriber"]["read"]:
        assert sum(name in each.get("write", ()) for each in principals.values()) == 1
    assert set(principals["topics"]) == {"cluster"}
