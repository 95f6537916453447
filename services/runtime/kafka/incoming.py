"""What arrives: a Kafka record becomes a message, or a reason why it cannot be one."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from google.protobuf.message import DecodeError

from services.kernel.calendar import FIRST_YEAR, LAST_YEAR
from services.kernel.errors import Undecodable
from services.kernel.messages import Message, Op, SagaRef
from services.kernel.notices import Acknowledged
from services.kernel.saga import Reply
from services.runtime.ground.codec import Codec
from services.runtime.ground.hygiene import clean
from services.runtime.ground.records import (
    ACKNOWLEDGED_TYPE,
    PAYLOAD_BYTES_MAX,
    PLACE,
    REPLY_TO,
    REPLY_TYPE,
    SAGA,
    SERVICES,
    TAKES_COMMANDS,
    VERDICTS,
)
from settlement.saga.v1 import saga_pb2

TEXT_BYTES_MAX = 512
"""A key or a header that we read is no longer: they become keys of tables, and an index takes no row above 2,700."""

_TYPE, _ID, _BRANCH, _OP = "ce_type", "ce_id", "ce_branch", "ce_op"
_NOT_AFTER, _TIME = "ce_notafter", "ce_time"
_READ = frozenset({_TYPE, _ID, SAGA, _BRANCH, _OP, REPLY_TO, _NOT_AFTER, _TIME})
"""The headers that we read. All others are their senders' own, and may hold anything."""


def read(codec: Codec, key: bytes | None, headers: Sequence[tuple[str, bytes]], payload: bytes) -> Message:
    """The message in a record of the commands or replies topic; raises `Undecodable`, and nothing else,
    for what no sender of ours wrote."""
    try:
        return _read(codec, key, headers, payload)
    except Undecodable:
        raise
    except KeyError as error:
        raise Undecodable("MISSING_HEADER", str(error)) from error
    except ValueError as error:
        raise Undecodable("MALFORMED_HEADER", str(error)) from error
    except Exception as error:  # whatever it was: one record must not end the reader, which would meet it again
        raise Undecodable("UNREADABLE", repr(error)) from error


def _read(codec: Codec, key: bytes | None, headers: Sequence[tuple[str, bytes]], payload: bytes) -> Message:
    attributes = _attributes(headers)
    root = _text("key", key)
    saga = _saga(attributes)
    not_after = _instant(attributes[_NOT_AFTER]) if _NOT_AFTER in attributes else None
    type_name, identity = attributes[_TYPE], attributes[_ID]
    if saga is not None:
        _check_identity(identity, saga, is_reply=type_name == REPLY_TYPE)
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise Undecodable("TOO_LARGE", f"a payload of {len(payload)} bytes")
    if type_name == REPLY_TYPE:
        return Message("", root, _reply(codec, saga, payload), fresh_id=identity, saga=None)
    if type_name == ACKNOWLEDGED_TYPE:
        return Message("", root, _acknowledged(payload), fresh_id=identity)
    body = codec.decode(type_name, payload)
    caller = attributes.get(REPLY_TO, "")
    if saga is not None or caller:
        _check_address(caller, SERVICES if saga is not None else TAKES_COMMANDS)
    return Message(
        identity, root, body, fresh_id=identity, saga=saga, caller=caller, not_after=not_after,
        sent_at=None if PLACE in dict(headers) else _sent_at(attributes),
    )


def _sent_at(attributes: Mapping[str, str]) -> datetime | None:
    """When it was sent. For what was set aside here it does not count: its answer is kept for as long as that."""
    return _instant(attributes[_TIME]) if _TIME in attributes else None


def _attributes(headers: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    """The headers that we read, by name; one that says two things says nothing."""
    attributes: dict[str, str] = {}
    for name, value in headers:
        if name in _READ:
            if name in attributes:
                raise ValueError(f"{name} stands there twice")
            attributes[name] = _text(name, value)
    return attributes


def _text(name: str, value: bytes | None) -> str:
    """A key or a header as text that may be stored; anything else is a ValueError."""
    if not value or len(value) > TEXT_BYTES_MAX:
        raise ValueError(f"{name} has {len(value or b'')} bytes")
    text = value.decode()
    if not clean(text):
        raise ValueError(f"{name} holds characters that are not allowed")
    return text


def _check_identity(identity: str, saga: SagaRef, is_reply: bool) -> None:
    """A record of a saga says twice whose it is; of another saga than its id names it would claim for nobody."""
    named = f"{saga.saga_id}/{saga.branch}/{saga.op}" + "/reply" * is_reply
    if identity != named:
        raise ValueError(f"{_ID} is not {named}")


def _check_address(caller: str, answered: Collection[str]) -> None:
    """Whoever sends a command of a saga, or a notice, is a service that can be answered, and names what it asks for."""
    service, _, root = caller.partition("/")
    if not root:
        raise Undecodable("MISSING_HEADER", REPLY_TO)
    if service not in answered:
        raise Undecodable("UNKNOWN_SENDER", f"{REPLY_TO} {caller}")


def _instant(text: str) -> datetime:
    """A time as our senders write it, reckoned from a time that may come in; anything else is a ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or not FIRST_YEAR <= at.year <= LAST_YEAR + 1:
        raise ValueError(f"{text} is no time")
    return at


def _saga(attributes: Mapping[str, str]) -> SagaRef | None:
    if SAGA not in attributes:
        return None
    return SagaRef(attributes[SAGA], attributes[_BRANCH], Op(attributes[_OP]))


def _acknowledged(payload: bytes) -> Acknowledged:
    try:
        return Acknowledged(saga_pb2.NoticeAcknowledged.FromString(payload).notice_id)
    except DecodeError as error:
        raise Undecodable("MALFORMED", str(error)) from error


def _reply(codec: Codec, saga: SagaRef | None, payload: bytes) -> Reply:
    if saga is None:
        raise Undecodable("MISSING_HEADER", SAGA)
    try:
        wire = saga_pb2.Reply.FromString(payload)
        verdict = VERDICTS.from_wire[wire.verdict]
    except (DecodeError, ValueError) as error:
        raise Undecodable("MALFORMED", str(error)) from error
    moved = tuple([(each.name, each.amount_minor) for each in wire.moved])
    if not (clean(wire.reason) and all(clean(name) for name, _ in moved)):
        raise Undecodable("INVALID_CONTENT", "reason or moved holds characters that are not allowed")
    return Reply(
        saga_id=saga.saga_id, branch=saga.branch, op=saga.op, verdict=verdict, reason=wire.reason, moved=moved,
        result=codec.decode(wire.result_type, wire.result),
    )
