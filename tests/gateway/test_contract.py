"""What is served over HTTP is what the contract says, all of it and nothing twice, and the document tells the same."""

from collections import Counter
from types import ModuleType

import pytest
from openapi_spec_validator import validate

from gateway.contract import SERVICES, Method, methods
from gateway.documents.__main__ import CATALOGUE
from gateway.documents.comments import comment, first_sentence
from gateway.documents.events import catalogue, topics
from gateway.documents.openapi import document
from gateway.templates import Paths, variables_of
from services.card_redemption.wire import codec as cards
from services.credit_ledger.wire import codec as accounts
from services.order.wire import codec as orders
from settlement.order.v1 import order_pb2, order_service_pb2

EVERY = [pytest.param(method, id=f"{method.verb} {method.template}") for method in methods()]


def test_every_method_of_the_services_is_served() -> None:
    """One without an HTTP rule could not be called."""
    served = {method.descriptor.full_name for method in methods()}
    orders = order_service_pb2.DESCRIPTOR.services_by_name["OrderService"].methods

    assert {method.full_name for method in orders} <= served
    assert {method.peer for method in methods()} == set(SERVICES)


def test_no_two_methods_share_a_path() -> None:
    """The second would never be reached."""
    assert [shared for shared, count in Counter((m.verb, m.template) for m in methods()).items() if count > 1] == []


@pytest.mark.parametrize("method", EVERY)
def test_a_path_leads_to_its_method(method: Method) -> None:
    """With ids in the place of its variables, whose names are fields of the request."""
    names = variables_of(method.template)
    path = method.template
    for name in names:
        path = path.replace(f"{{{name}}}", f"a-{name}")

    found = Paths(methods()).find(method.verb, path)

    assert found is not None
    assert (found.method, found.variables) == (method, {name: f"a-{name}" for name in names})
    assert set(names) <= set(method.descriptor.input_type.fields_by_name)


def test_the_document_is_valid_and_complete() -> None:
    """OpenAPI 3.1 by a validator that is not ours; each operation has a name of its own and says what it does."""
    made = document()
    operations = [operation for path in made["paths"].values() for operation in path.values()]

    validate(made)
    assert len({operation["operationId"] for operation in operations}) == len(operations) == len(methods())
    assert all(operation["summary"] for operation in operations)


def test_bounds_of_the_contract_are_in_the_document() -> None:
    """Patterns, lengths, counts and ranges, so that a client can see what would be refused."""
    shapes = document()["components"]["schemas"]
    line = shapes["order.v1.NewLine"]["properties"]
    order = document()["paths"]["/v1/orders"]["post"]["requestBody"]["content"]["application/json"]["schema"]

    assert line["quantity"]["minimum"] == 1
    assert line["lineId"]["pattern"] == "^[A-Za-z0-9_.:-]{1,64}$"
    assert order["properties"]["lines"]["maxItems"] == 500
    assert "requestId" not in order["required"]  # the Idempotency-Key may say it


@pytest.mark.parametrize("codec", [orders, accounts, cards], ids=lambda codec: codec.__name__)
def test_every_event_is_in_the_catalogue(codec: ModuleType) -> None:
    """What a service makes of its facts, and nothing else."""
    made = {codec.CODEC._by_name[name].message.DESCRIPTOR for name, _ in codec.CODEC._by_domain.values()}
    [topic] = [topic for topic in topics() if topic.service == codec.__name__.split(".")[1]]

    assert set(topic.of) == {message for message in made if message.file.name.endswith("events.proto")}


def test_the_catalogue_is_current() -> None:
    """Whoever adds an event runs `python -m gateway.documents`."""
    assert CATALOGUE.read_text() == catalogue()


def test_comments_are_found_by_name() -> None:
    """Of messages, fields, values, services and methods."""
    order = order_pb2.Order.DESCRIPTOR

    assert comment(order.full_name)
    assert all(comment(field.full_name) for field in order.fields)
    assert comment("settlement.order.v1.OrderService.CancelOrder").startswith("Cancel before shipment")
    assert comment("settlement.order.v1.CancelReason.CANCEL_REASON_PRICE") == "Found cheaper elsewhere."


def test_a_summary_is_a_sentence() -> None:
    """Its first, without its full stop."""
    assert first_sentence("Do it. Then more.") == "Do it"
    assert first_sentence("Do it.") == "Do it"
