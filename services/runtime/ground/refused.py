"""A call that was refused and that no lane decided, as the permanent record of its service hears of it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple

from google.protobuf.message import Message

from services.kernel.errors import SettlementError
from services.runtime.ground.tables import Connection


class RefusedCall(NamedTuple):
    """Who (the subject of the token, "" where nobody asks for one) called which method with what, and why not."""

    method: str
    request: Message
    subject: str
    error: SettlementError


KeepRefused = Callable[[Connection, RefusedCall, datetime], Awaitable[None]]
"""Appends to the permanent record of a service what became of a call, at this instant."""
