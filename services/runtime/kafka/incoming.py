"""What arrives: a Kafka record becomes a message, or a reason why it cannot be one."""

from collections.abc import Sequence
from datetime import datetime

from google.protobuf.message import DecodeError

from services.kernel.calendar import FIRST_YEAR, LAST_YEAR
from services.kernel.errors import Undecodable
from services.kernel.messages import Message, Op, SagaRef
from services.kernel.notices import Acknowledged
from services.kernel.saga import Reply
from services.runtime.ground.codec import Codec
from services.runtime.ground.records import ACKNOWLEDGED_TYPE, REPLY_TYPE, VERDICTS
from settlement.saga.v1 import saga_pb2


def read(codec: Codec, key: bytes | None, headers: Sequence[tuple[str, bytes]], payload: bytes) -> Message:
    """The message in a record of the commands or replies topic;
    raises `Undecodable` for what no sender of ours wrote."""
    try:
        attributes = {name: value.decode() for name, value in headers}
        type_name, identity = attributes["ce_type"], attributes["ce_id"]
        root = (key or b"").decode()
        saga = _saga(attributes)
        not_after = _instant(attributes["ce_notafter"]) if "ce_notafter" in attributes else None
    except KeyError as error:
        raise Undecodable("MISSING_HEADER", str(error)) from error
    except ValueError as error:
        raise Undecodable("MALFORMED_HEADER", str(error)) from error
    if not root or not identity or "\x00" in root or "\x00" in identity:
        raise Undecodable("MALFORMED_HEADER", "key or ce_id")
    if type_name == REPLY_TYPE:
        return Message("", root, _reply(codec, saga, payload), fresh_id=identity, saga=None)
    if type_name == ACKNOWLEDGED_TYPE:
        return Message("", root, _acknowledged(payload), fresh_id=identity)
    body = codec.decode(type_name, payload)
    caller = attributes.get("ce_replyto", "")
    if (saga is not None or caller) and "/" not in caller:
        raise Undecodable("MISSING_HEADER", "ce_replyto")
    return Message(identity, root, body, fresh_id=identity, saga=saga, caller=caller, not_after=not_after)


def _instant(text: str) -> datetime:
    """A deadline as our senders write it, reckoned from a time that may come in; anything else is a ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or not FIRST_YEAR <= at.year <= LAST_YEAR + 1:
        raise ValueError(f"{text} is no deadline")
    return at


def _saga(attributes: dict[str, str]) -> SagaRef | None:
    if "ce_saga" not in attributes:
        return None
    return SagaRef(attributes["ce_saga"], attributes["ce_branch"], Op(attributes["ce_op"]))


def _acknowledged(payload: bytes) -> Acknowledged:
    try:
        return Acknowledged(saga_pb2.NoticeAcknowledged.FromString(payload).notice_id)
    except DecodeError as error:
        raise Undecodable("MALFORMED", str(error)) from error


def _reply(codec: Codec, saga: SagaRef | None, payload: bytes) -> Reply:
    if saga is None:
        raise Undecodable("MISSING_HEADER", "ce_saga")
    try:
        wire = saga_pb2.Reply.FromString(payload)
        verdict = VERDICTS.from_wire[wire.verdict]
    except (DecodeError, ValueError) as error:
        raise Undecodable("MALFORMED", str(error)) from error
    return Reply(
        saga.saga_id, saga.branch, saga.op, verdict, wire.reason,
        tuple((m.name, m.amount_minor) for m in wire.moved), codec.decode(wire.result_type, wire.result),
    )
