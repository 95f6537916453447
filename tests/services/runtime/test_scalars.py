"""What goes to the wire comes back as it was: instants, dates, and every enumeration of every service."""

from datetime import UTC, date, datetime
from enum import StrEnum

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from services.card_redemption import wire as card_wire
from services.credit_ledger.wire import scalars as credit_wire
from services.kernel.errors import InvalidArgument
from services.order.wire import scalars as order_wire
from services.runtime.ground.records import VERDICTS
from services.runtime.ground.scalars import (
    Enumeration,
    Words,
    date_from_wire,
    date_to_wire,
    instant_field,
    instant_from_wire,
    instant_to_wire,
    money_field,
    money_to_wire,
)
from settlement.order.v1 import order_pb2
from settlement.saga.v1 import saga_pb2

END = 7_289_654_400
"""Seconds from 1970 to the end of the year 2200."""
TABLES = [
    pytest.param(table, id=f"{module.__name__}.{name}")
    for module in (order_wire, credit_wire, card_wire)
    for name, table in vars(module).items()
    if isinstance(table, Enumeration | Words)
]


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 12, 31, 23, 59, 59, 999_999), timezones=st.just(UTC)))  # noqa: DTZ001  (the zone is given)
def test_an_instant_comes_back_to_the_microsecond(at: datetime) -> None:
    """What is finer is cut off."""

    stamp = instant_to_wire(at)

    assert stamp.ToDatetime(UTC) == at
    assert instant_from_wire(stamp) == at
    assert instant_from_wire(Timestamp(seconds=stamp.seconds, nanos=stamp.nanos + 999)) == at


@pytest.mark.parametrize("at", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 3, 4, 15, 59, 30, 7, UTC)])
@pytest.mark.parametrize("amount_minor", [0, -5, 10**12])
def test_a_field_of_a_message_that_is_made_is_the_same_as_a_message(at: datetime, amount_minor: int) -> None:
    """To the byte, and it is there though all of it is 0."""
    whole = order_pb2.Order(create_time=instant_to_wire(at), payable=money_to_wire(amount_minor))

    made = order_pb2.Order(create_time=instant_field(at), payable=money_field(amount_minor))

    assert made.SerializeToString() == whole.SerializeToString()
    assert made.HasField("create_time")
    assert made.HasField("payable")


@pytest.mark.parametrize("stamp", [
    Timestamp(seconds=-1), Timestamp(seconds=END), Timestamp(seconds=2**63 - 1), Timestamp(seconds=-2**63),
    Timestamp(seconds=1, nanos=-1), Timestamp(seconds=1, nanos=10**9),
], ids=str)
def test_an_instant_outside_1970_to_2200_is_refused(stamp: Timestamp) -> None:
    """F5: the far ones were an OverflowError, which ended the reader of the partition and was INTERNAL to a caller."""
    with pytest.raises(InvalidArgument, match="INVALID_ARGUMENT"):
        instant_from_wire(stamp)


def test_a_time_that_we_reckoned_may_lie_a_little_past_the_last_year() -> None:
    """A quote of the last evening is good into the new year."""
    assert instant_from_wire(Timestamp(seconds=END + 600), reckoned=True).year == 2201
    with pytest.raises(InvalidArgument):
        instant_from_wire(Timestamp(seconds=END + 400 * 86_400), reckoned=True)


@given(st.dates(date(1970, 1, 1), date(2200, 12, 31)))
def test_a_date_comes_back(day: date) -> None:
    """As YYYY-MM-DD; none stays none."""
    assert date_from_wire(date_to_wire(day)) == day
    assert date_to_wire(None) == ""


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-02-30", "1969-12-31", "2201-01-01", "0001-01-01", "9999-12-31"])
def test_what_is_no_date_of_1970_to_2200_is_refused(text: str) -> None:
    """With a reason, for it came from a caller; the last two overflowed what is reckoned from them (F4, F5)."""
    with pytest.raises(InvalidArgument, match="INVALID_ARGUMENT"):
        date_from_wire(text)


def test_money_is_in_the_one_currency() -> None:
    """Fen of CNY."""
    money = money_to_wire(-123)

    assert (money.minor_units, money.currency_code) == (-123, "CNY")


@pytest.mark.parametrize("table", TABLES)
def test_every_value_has_its_twin(table: "Enumeration[StrEnum] | Words") -> None:
    """Nothing that the wire can say is unknown inside, and nothing comes back as something else."""
    known = {number for number in table.from_wire if number}

    assert known == set(range(1, max(known) + 1))
    assert all(table.from_wire[number] == member for member, number in table.to_wire.items())
    with pytest.raises(ValueError, match="99 is none of"):
        table.from_wire[99]


def test_zero_stands_for_what_is_named_or_for_nothing() -> None:
    """A verdict that nobody gave is no verdict; a strategy that nobody named is the usual one."""
    with pytest.raises(ValueError, match="0 is none of DONE"):
        VERDICTS.from_wire[saga_pb2.VERDICT_UNSPECIFIED]
    assert credit_wire.STRATEGIES.from_wire[0] == "PROPORTIONAL"
    assert order_wire.CANCEL_REASONS.from_wire[0] == ""
