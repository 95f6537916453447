"""What leaves the house: commands, replies and events as Kafka records, with CloudEvents binary headers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import settlement
from services.kernel.decision import Command, Event
from services.kernel.errors import Defect
from services.kernel.ids import partition_of
from services.kernel.messages import Message
from services.kernel.saga import Verdict
from services.runtime.ground.codec import Codec
from services.runtime.ground.scalars import Enumeration
from services.runtime.ground.tracing import OFF, Tracer
from settlement.saga.v1 import saga_pb2

Headers = list[tuple[str, bytes]]
_CONTENT = ("content-type", b"application/protobuf")
_VERSION = ("ce_specversion", b"1.0")
STREAMS = ("commands", "replies", "events")
PAYLOAD_BYTES_MAX = 262_144
VERDICTS = Enumeration(Verdict, saga_pb2.Verdict)
REPLY_TYPE: str = saga_pb2.Reply.DESCRIPTOR.full_name


def _with(contract: str) -> frozenset[str]:
    """The services that have a contract of this name."""
    found = (file for root in settlement.__path__ for file in Path(root).glob(f"*/v1/{contract}_pb2.py"))
    return frozenset(file.parent.parent.name for file in found)


SERVICES = _with("events")
"""The services that the contracts know: whoever publishes events."""
TAKES_COMMANDS = _with("commands")
"""The services that take commands of sagas. Each service reads one topic: one that takes commands hears the answers to
its own sagas there too, and notices; any other hears them on its replies."""
TAKEN_BY = {"commands": TAKES_COMMANDS, "replies": SERVICES - TAKES_COMMANDS, "events": SERVICES}
"""By stream, the services that have such a topic; what is sent to another one would wait for its topic for ever."""
PLACE = "ce_parkedid"
"""The header that tells a retried record's place among those of its key; only its own service may write it."""
REPLY_TO, SAGA = "ce_replyto", "ce_saga"
"""The headers that say who is to be answered, and of which saga a record is a step."""
ACKNOWLEDGED_TYPE: str = saga_pb2.NoticeAcknowledged.DESCRIPTOR.full_name


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to publish; its partition is fixed by its key."""

    topic: str
    partition: int
    key: str
    headers: Headers
    payload: bytes

    @property
    def sequence(self) -> int:
        """The number of an event within its aggregate; 0 for everything else."""
        return next((int(value) for name, value in self.headers if name == "ce_sequence"), 0)


def is_notice(headers: Headers) -> bool:
    """Whether a record with these headers is a notice: it says who is to be told, and is no step of a saga."""
    names = {name for name, _ in headers}
    return REPLY_TO in names and SAGA not in names


def topic(service: str, stream: str) -> str:
    """The topic of a service's `commands`, `replies` or `events`."""
    return f"settlement.{service}.{stream}.v1"


def heard_by(service: str) -> str:
    """The topic on which a service hears answers to its own sagas, and notices."""
    return topic(service, "commands" if service in TAKES_COMMANDS else "replies")


class Outbound:
    """Builds the records of one service. The same command, reply or event always gives the same bytes, but for the
    headers that go `with_commands` and that nothing is decided by."""

    def __init__(
        self, service: str, codec: Codec, partitions: int, with_commands: Callable[[], Headers] = list,
        tracer: Tracer = OFF,
    ) -> None:
        self._with_commands = with_commands
        self._tracer = tracer
        self.service = service
        self._codec = codec
        self._partitions = partitions
        self.events = topic(service, "events")
        """Where the events of the service go."""
        self._source = ("ce_source", f"settlement/{service}".encode())
        self._time: tuple[datetime | None, tuple[str, bytes]] = None, ("ce_time", b"")

    def command(self, command: Command, root: str, now: datetime) -> Outgoing:
        """A branch of a saga goes to the participant's commands, a notice to its replies; `root` gets the answer."""
        type_name, payload = self._codec.encode(command.body)
        saga = command.saga
        reply_to = (REPLY_TO, f"{self.service}/{root}".encode())
        if saga is None:
            headers = [*self._headers(command.id, type_name, command.key, now), reply_to]
            return self._record(heard_by(command.participant), command.key, headers, payload)
        headers = self._headers(f"{saga.saga_id}/{saga.branch}/{saga.op}", type_name, command.key, now)
        headers += [
            (SAGA, saga.saga_id.encode()), ("ce_branch", saga.branch.encode()), ("ce_op", saga.op.encode()),
            reply_to,
        ]
        if command.not_after is not None:
            headers.append(("ce_notafter", command.not_after.isoformat().encode()))
        headers += [*self._tracer.headers(saga.saga_id), *self._with_commands()]
        return self._record(topic(command.participant, "commands"), command.key, headers, payload)

    def reply(self, message: Message, payload: bytes, now: datetime) -> Outgoing:
        """The (stored) answer to a command of a saga, to whom it came from."""
        saga = message.saga
        assert saga is not None
        service, _, root = message.caller.partition("/")
        headers = self._headers(f"{saga.saga_id}/{saga.branch}/{saga.op}/reply", REPLY_TYPE, root, now)
        headers += [
            (SAGA, saga.saga_id.encode()), ("ce_branch", saga.branch.encode()), ("ce_op", saga.op.encode()),
        ]
        headers += self._tracer.headers(saga.saga_id)
        return self._record(heard_by(service), root, headers, payload)

    def acknowledgement(self, message: Message, now: datetime) -> Outgoing:
        """That a notice is here: to the commands of the service that it came from, for its root there."""
        service, _, root = message.caller.partition("/")
        headers = self._headers(f"{message.id}/acknowledged", ACKNOWLEDGED_TYPE, root, now)
        payload = saga_pb2.NoticeAcknowledged(notice_id=message.id).SerializeToString()
        return self._record(topic(service, "commands"), root, headers, payload)

    def event(self, event: Event, type_name: str, payload: bytes, at: datetime) -> Outgoing:
        """A fact, numbered within its aggregate."""
        return self.stored_event(event.aggregate_id, event.sequence, type_name, payload, at)

    def stored_event(self, aggregate_id: str, sequence: int, type_name: str, payload: bytes, at: datetime) -> Outgoing:
        """The record of an event, from what is kept of it; a change here would not be as first sent for older ones."""
        headers = self._headers(f"{aggregate_id}/{sequence}", type_name, aggregate_id, at)
        headers.append(("ce_sequence", str(sequence).encode()))
        return self._record(self.events, aggregate_id, headers, payload)

    def _headers(self, identity: str, type_name: str, subject: str, at: datetime) -> Headers:
        told = self._time
        if told[0] is not at:  # all that a transaction sends is of one instant
            self._time = told = at, ("ce_time", at.isoformat().encode())
        return [
            ("ce_id", identity.encode()), self._source, _VERSION, ("ce_type", type_name.encode()), told[1],
            ("ce_subject", subject.encode()), _CONTENT,
        ]

    def _record(self, name: str, key: str, headers: Headers, payload: bytes) -> Outgoing:
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise Defect(f"a record of {len(payload)} bytes for {name}: the broker would refuse it for ever")
        return Outgoing(name, partition_of(key, self._partitions), key, headers, payload)


def reply_payload(
    verdict: Verdict, reason: str, detail: str, moved: tuple[tuple[str, int], ...], result: tuple[str, bytes]
) -> bytes:
    """The bytes of a saga reply; stored in the inbox and sent again to every duplicate."""
    return saga_pb2.Reply(
        verdict=VERDICTS.to_wire[verdict], reason=reason, detail=detail,
        moved=[saga_pb2.MovedAmount(name=name, amount_minor=amount) for name, amount in moved],
        result_type=result[0], result=result[1],
    ).SerializeToString()
