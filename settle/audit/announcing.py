"""The event with which the auditor tells that a round ended: on Kafka, as the services tell theirs.

A round is an event with the next number; until Kafka has acknowledged it, it is kept byte for byte and sent again
first, and no other becomes an event. So numbers have no gap, and the same number always is the same event.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from google.protobuf.timestamp_pb2 import Timestamp

from services.kernel.ids import partition_of
from services.runtime.ground.macs import Signer
from services.runtime.ground.records import Outgoing
from services.runtime.ground.settings import Settings
from services.runtime.kafka.clients import make_producer
from settle.audit.mark import FOLDER, write_own
from settle.audit.online import Round
from settlement.audit.v1.round_pb2 import AuditRoundEnded, BrokenPromise

TOPIC = "settlement.audit.events.v1"
KEY = "auditor"
SENDER = "audit"
"""The name under which it sends, as services have theirs."""
STATE = "online.json"
SEND_SECONDS_MAX = 15.0
Send = Callable[["Event"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it is sent: its number, its instant, its body in hexadecimal digits."""

    sequence: int
    at: str
    body: str

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """CloudEvents' headers, as the services have them."""
        said = {
            "ce_id": f"{KEY}/{self.sequence}", "ce_source": f"settlement/{SENDER}", "ce_specversion": "1.0",
            "ce_type": AuditRoundEnded.DESCRIPTOR.full_name, "ce_time": self.at, "ce_subject": KEY,
            "content-type": "application/protobuf", "ce_sequence": str(self.sequence),
        }
        return [(name, value.encode()) for name, value in said.items()]


@dataclass(frozen=True, slots=True)
class State:
    """What outlives the process: when the last clean round began, the last number, the event that is still to go."""

    clean_at: str = ""
    sequence: int = 0
    unsent: Event | None = None


def read(data: Path) -> State:
    """What was kept, or the beginning."""
    try:
        said = json.loads((data / FOLDER / STATE).read_text(encoding="utf-8"))
        unsent = Event(**said["unsent"]) if said["unsent"] else None
        return State(str(said["clean_at"]), int(said["sequence"]), unsent)
    except (OSError, ValueError, KeyError, TypeError):
        return State()


async def announce(data: Path, round_: Round, send: Send) -> bool:
    """Note the round, and tell it as an event; answers whether Kafka has it."""
    state = read(data)
    if round_.clean:
        state = replace(state, clean_at=round_.began_at.isoformat())
        _write(data, state)
    if state.unsent is not None:
        if not await _sent(send, state.unsent):
            return False
        state = replace(state, unsent=None)
    number = state.sequence + 1
    state = replace(state, sequence=number, unsent=Event(
        number, round_.ended_at.isoformat(), _body(round_, state.clean_at).SerializeToString().hex()
    ))
    _write(data, state)  # before it is sent: whoever ends in between sends the same again
    if state.unsent is None or not await _sent(send, state.unsent):
        return False
    _write(data, replace(state, unsent=None))
    return True


def to_kafka(settings: Settings) -> Send:
    """Send to the brokers of these settings, by a producer for each event: they are minutes apart."""
    signer = Signer(settings)

    async def send(event: Event) -> None:
        producer, partition = make_producer(settings), partition_of(KEY, settings.partitions)
        record = Outgoing(TOPIC, partition, KEY, event.headers, bytes.fromhex(event.body))
        try:
            await producer.start()
            await producer.send_and_wait(
                TOPIC, record.payload, key=KEY.encode(), partition=partition, headers=signer.signed(record)
            )
        finally:
            await producer.stop()

    return send


async def _sent(send: Send, event: Event) -> bool:
    try:
        async with asyncio.timeout(SEND_SECONDS_MAX):
            await send(event)
    except Exception:  # whatever Kafka says: the caller tells it, and the event is kept
        return False
    return True


def _body(round_: Round, clean_at: str) -> AuditRoundEnded:
    counts = Counter(finding.check for finding in round_.findings)
    examples = {finding.check: finding.id for finding in round_.findings}
    return AuditRoundEnded(
        clean=round_.clean, began_at=_instant(round_.began_at), ended_at=_instant(round_.ended_at),
        last_clean_at=_instant(datetime.fromisoformat(clean_at)) if clean_at else None,
        broken=[BrokenPromise(check=check, findings=n, example=examples[check]) for check, n in sorted(counts.items())],
    )


def _instant(at: datetime) -> Timestamp:
    said = Timestamp()
    said.FromDatetime(at)
    return said


def _write(data: Path, state: State) -> None:
    write_own(data / FOLDER / STATE, json.dumps(asdict(state)))
