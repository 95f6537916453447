"""How to provoke the reasons that only HTTP has: a gateway gives them before any service is asked."""

from collections.abc import Mapping
from typing import Any

import httpx2

from gateway.app import Gateway
from services.runtime.ground.settings import Settings
from tests.gateway.test_calls import reason_of

CANCEL = "/v1/orders/ord_1:cancel"
KEY = "00000000-0000-4000-8000-000000000001"
JSON = {"Content-Type": "application/json", "Idempotency-Key": KEY}
PROVOKED: Mapping[str, tuple[str, bytes, Mapping[str, str]]] = {
    "MALFORMED_BODY": ("POST", b"[]", JSON),
    "CONTRADICTION": ("POST", b'{"orderId": "ord_2"}', JSON),
    "UNSUPPORTED_MEDIA_TYPE": ("POST", b"{}", JSON | {"Content-Type": "text/plain"}),
    "METHOD_NOT_ALLOWED": ("PUT", b"{}", JSON),
}
"""By reason: verb, body and headers of a request."""


async def provoked(reason: str) -> str:
    """The reason that the gateway gives."""
    verb, body, headers = PROVOKED[reason]
    nobody: Any = None
    transport = httpx2.ASGITransport(Gateway(Settings("gateway"), nobody).application())
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as http:
        return reason_of(await http.request(verb, CANCEL, content=body, headers=headers))
