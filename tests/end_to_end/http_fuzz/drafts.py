"""A request before it is sent: its parts, which mutations change, and the bytes that come of them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.contract import Method

Token = Callable[[Sequence[str], str], str]
"""A token of somebody with these roles and this name."""


@dataclass(slots=True)
class Draft:
    """One request. `body` is sent as JSON unless `raw` says it byte by byte."""

    method: Method
    verb: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: dict[str, Any] = field(default_factory=dict)  # Any: a JSON object
    raw: bytes | None = None

    def packed(self, host: str) -> bytes:
        """As bytes on the wire."""
        sent = self.raw
        if sent is None:
            sent = json.dumps(self.body).encode() if self.method.has_body else b""
        query = "?" + "&".join(f"{name}={text}" for name, text in self.query) if self.query else ""
        lines = [
            f"{self.verb} {self.path}{query} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(sent)}",
            *(f"{name}: {text}" for name, text in self.headers), "", "",
        ]
        return "\r\n".join(lines).encode("utf-8", "surrogatepass") + sent

    def replace(self, name: str, text: str) -> None:
        """Say a header once, as this."""
        self.headers = [pair for pair in self.headers if pair[0].lower() != name.lower()] + [(name, text)]


@dataclass(frozen=True, slots=True)
class Sent:
    """What goes over the wire for one number. `ends` says that nothing more is sent on its connection, and `silent`
    that no answer may be missed where the connection is simply closed."""

    packed: bytes
    ends: bool = False
    silent: bool = False

    @property
    def bodiless(self) -> bool:
        """Whether its answer has a length but no body."""
        return self.packed.startswith(b"HEAD ")

    @property
    def hurried(self) -> bool:
        """Whether it says itself how long it may take."""
        return b"\r\nrequest-timeout: " in self.packed.lower()
