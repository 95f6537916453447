"""What many requests carry: an id of their own, amounts, and how long to wait for the end of a settlement."""

from uuid import uuid4

from google.protobuf.duration_pb2 import Duration

from settlement.common.v1 import money_pb2

WAIT = Duration(seconds=20)
"""How long a call that begins a settlement waits for its end."""


def fresh() -> str:
    """A new request id."""
    return str(uuid4())


def money(minor_units: int) -> money_pb2.Money:
    """An amount on the wire."""
    return money_pb2.Money(minor_units=minor_units, currency_code="CNY")
