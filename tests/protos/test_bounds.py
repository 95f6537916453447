"""Nothing comes in without a bound: amounts, rates, quantities, dates and instants of every request (CV-1).

An amount of 2^62 was accepted once; two of them and no sum of the book fitted its column any more.
"""

import re

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from services.kernel.calendar import LAST_YEAR
from services.kernel.money import AMOUNT_MAX_MINOR, PPM
from services.runtime.ground.hygiene import PAPERS, PEOPLE
from services.runtime.ground.scalars import instant_from_wire
from services.runtime.rpc.calls import AMOUNTS
from tests.protos.fields import request_fields, rules

NUMBERS = {
    FieldDescriptor.TYPE_INT64: "int64", FieldDescriptor.TYPE_UINT64: "uint64", FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_UINT32: "uint32",
}
COUNTED = re.compile(r"(?:^|_)(?:minor|minor_units|ppm|ppm_per_day|quantity)$")
QUANTITY_MAX = 1_000_000
SOMEBODY = re.compile(r"maker|checker|operator|agent|approver|reviewer|supervisor|clerk|staff|evidence")
FIELDS = dict(request_fields())


def _bound(field: FieldDescriptor) -> tuple[int | None, int | None]:
    """The lowest and the highest value that the contract lets in."""
    found = rules(field)
    kind = found.items if field.is_repeated and found.HasField("repeated") else found
    limits = getattr(kind, NUMBERS[field.type])
    lowest = limits.gte if limits.HasField("gte") else limits.gt + 1 if limits.HasField("gt") else None
    highest = limits.lte if limits.HasField("lte") else limits.lt - 1 if limits.HasField("lt") else None
    return lowest, highest


def _most(name: str) -> int:
    return QUANTITY_MAX if name.endswith("quantity") else PPM if "ppm" in name else AMOUNT_MAX_MINOR


COUNTS = {place: field for place, field in FIELDS.items() if field.type in NUMBERS and COUNTED.search(field.name)}
DATES = {
    place: field for place, field in FIELDS.items()
    if field.type == FieldDescriptor.TYPE_STRING and (field.name.endswith("date") or field.name == "through")
}
INSTANTS = {
    place: field for place, field in FIELDS.items()
    if field.message_type is not None and field.message_type.full_name == "google.protobuf.Timestamp"
}


def test_the_walk_finds_what_there_is() -> None:
    """Or the tests below would hold nothing to anything."""
    assert len(COUNTS) > 25
    assert len(DATES) > 5
    assert len(INSTANTS) > 2
    assert "settlement.order.v1.PlaceOrderRequest.lines.unit_price.minor_units" in COUNTS
    assert all(field.name.endswith((*AMOUNTS, "quantity")) for field in COUNTS.values())


@pytest.mark.parametrize("place", COUNTS)
def test_every_amount_rate_and_quantity_of_a_request_has_its_bounds(place: str) -> None:
    """N9, F1, F2: 10^13 fen, 10^6 ppm, 10^6 units at most, and no further below 0."""
    lowest, highest = _bound(COUNTS[place])

    most = _most(COUNTS[place].name)

    assert highest is not None
    assert highest <= most
    assert lowest is not None
    assert lowest >= -most


@pytest.mark.parametrize("place", DATES)
def test_every_date_of_a_request_is_of_1970_to_2200(place: str) -> None:
    """F4, F5: the one rule, by its id."""
    assert [rule.id for rule in rules(DATES[place]).cel] == ["date"]
    assert "'1970-01-01'" in rules(DATES[place]).cel[0].expression
    assert "'2200-12-31'" in rules(DATES[place]).cel[0].expression


@pytest.mark.parametrize("place", INSTANTS)
def test_every_instant_of_a_request_is_of_1970_to_2200(place: str) -> None:
    """F5: exactly the instants that can be read."""
    limits = rules(INSTANTS[place]).timestamp

    assert limits.HasField("gte")
    assert limits.gte.ToNanoseconds() == 0
    assert (limits.lt.seconds, limits.lt.nanos) == (7_289_654_400, 0)
    assert instant_from_wire(Timestamp(seconds=limits.lt.seconds - 1)).year == LAST_YEAR


def test_every_field_that_names_a_person_or_a_paper_is_known_as_one() -> None:
    """F7: the edge looks at these fields by their names (`ground/hygiene.py`)."""
    named = {
        field.name for field in FIELDS.values()
        if field.type == FieldDescriptor.TYPE_STRING and SOMEBODY.search(field.name)
    }

    assert named == PEOPLE | PAPERS
