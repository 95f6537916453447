"""What travels: one registry per service from domain dataclasses to protobuf messages and back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError, Message

from services.kernel.errors import Defect, SettlementError, Undecodable
from services.runtime.ground.hygiene import flaw


@dataclass(frozen=True, slots=True)
class Sealed:
    """A body that was encoded before: it goes out again as it is."""

    type: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One pair. `to_wire` is None for what is only received, `from_wire` None for what is only sent."""

    domain: type
    message: type[Message]
    to_wire: Callable[[Any], Message] | None = None
    from_wire: Callable[[Any], object] | None = None


class Codec:
    """Both directions by type: `encode(body)` and `decode(full name, payload)`."""

    def __init__(self, *entries: Entry) -> None:
        self._by_domain = {
            entry.domain: (entry.message.DESCRIPTOR.full_name, entry.to_wire) for entry in entries if entry.to_wire
        }
        self._by_name = {entry.message.DESCRIPTOR.full_name: entry for entry in entries}

    def encode(self, body: object) -> tuple[str, bytes]:
        """The full name and the bytes of a body; None encodes to nothing."""
        if body is None:
            return "", b""
        if isinstance(body, Sealed):
            return body.type, body.payload
        found = self._by_domain.get(type(body))
        if found is None:
            raise Defect(f"nothing on the wire for {type(body).__qualname__}")
        name, to_wire = found
        return name, to_wire(body).SerializeToString()

    def decode(self, name: str, payload: bytes) -> object:
        """The body that these bytes hold; raises `Undecodable` with UNKNOWN_TYPE, MALFORMED or INVALID_CONTENT."""
        if not name:
            return None
        entry = self._by_name.get(name)
        if entry is None or entry.from_wire is None:
            raise Undecodable("UNKNOWN_TYPE", name)
        try:
            message = entry.message.FromString(payload)
            if unclean := flaw(message):
                raise Undecodable("INVALID_CONTENT", f"{unclean} holds characters that are not allowed")
            return entry.from_wire(message)
        except DecodeError as error:
            raise Undecodable("MALFORMED", str(error)) from error
        except (ValueError, KeyError, SettlementError) as error:
            raise Undecodable("INVALID_CONTENT", str(error)) from error

    def message(self, name: str, payload: bytes) -> Message:
        """The protobuf message of a stored answer, for the edge."""
        return self._by_name[name].message.FromString(payload)
