"""The auditor's rounds as events: numbered without a gap, the same bytes again until Kafka has them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from settle.audit import announcing
from settle.audit.announcing import Event, announce
from settle.audit.findings import CREDIT, Finding
from settle.audit.online import Round
from settle.local import topics
from settlement.audit.v1.round_pb2 import AuditRoundEnded

NOW = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)
BROKEN = [Finding("accounts.log", CREDIT, f"credit_accounts acc_{n}", "3", "2") for n in range(2)]


def round_of(minute: int, *findings: Finding) -> Round:
    """A round that began at this minute."""
    began = NOW + timedelta(minutes=minute)
    return Round(began, began + timedelta(seconds=30), findings, {}, {})


class Kafka:
    """What arrived; while it is `away`, nothing does."""

    def __init__(self) -> None:
        self.away = False
        self.events: list[Event] = []

    async def send(self, event: Event) -> None:
        """Take an event."""
        if self.away:
            raise OSError("no broker")
        self.events.append(event)


async def test_a_round_is_an_event(tmp_path: Path) -> None:
    """It says whether all was well, what was not, and when all was well last."""
    kafka = Kafka()

    await announce(tmp_path, round_of(0), kafka.send)
    await announce(tmp_path, round_of(1, *BROKEN), kafka.send)

    clean, broken = (AuditRoundEnded.FromString(bytes.fromhex(event.body)) for event in kafka.events)
    headers = dict(kafka.events[1].headers)
    assert (clean.clean, broken.clean) == (True, False)
    assert clean.last_clean_at.ToDatetime(UTC) == broken.last_clean_at.ToDatetime(UTC) == NOW
    assert [(each.check, each.findings, each.example) for each in broken.broken] == [
        ("accounts.log", 2, BROKEN[1].id)
    ]
    assert (headers["ce_id"], headers["ce_sequence"]) == (b"auditor/2", b"2")
    assert headers["ce_type"] == b"settlement.audit.v1.AuditRoundEnded"
    assert announcing.TOPIC in topics.topics()


async def test_what_kafka_did_not_take_goes_first(tmp_path: Path) -> None:
    """It is the same event, byte for byte; rounds meanwhile become none, and no number is left out."""
    kafka = Kafka()

    await announce(tmp_path, round_of(0), kafka.send)
    kafka.away = True
    assert not await announce(tmp_path, round_of(1, *BROKEN), kafka.send)
    kept = announcing.read(tmp_path).unsent
    assert not await announce(tmp_path, round_of(2), kafka.send)
    kafka.away = False
    assert await announce(tmp_path, round_of(3), kafka.send)

    assert [event.sequence for event in kafka.events] == [1, 2, 3]
    assert kafka.events[1] == kept
    assert announcing.read(tmp_path).unsent is None
    assert announcing.read(tmp_path).clean_at == round_of(3).began_at.isoformat()


async def test_what_somebody_wrote_there_is_no_state(tmp_path: Path) -> None:
    """The numbers begin anew; consumers take the events for others by their instants."""
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "online.json").write_text('{"clean_at": 7, "unsent": {"no": 1}}')

    assert announcing.read(tmp_path) == announcing.State()
