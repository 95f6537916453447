"""The three services in one process on real databases: real rules, real SQL; messages go from hand to hand."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

import asyncpg

import services
from services.card_redemption import decisions as card_rules
from services.card_redemption.sagas import DEFINITIONS as CARD_DEFINITIONS
from services.card_redemption.store import TABLES as CARD_TABLES
from services.card_redemption.store.attempts import keep_attempts
from services.card_redemption.wire import CODEC as CARD_CODEC
from services.credit_ledger import decisions as credit_rules
from services.credit_ledger.decisions.reconciling import standing
from services.credit_ledger.store import TABLES as CREDIT_TABLES
from services.credit_ledger.wire import CODEC as CREDIT_CODEC
from services.kernel.decision import Rule
from services.kernel.messages import Message, TimerDue
from services.order import decisions as order_rules
from services.order.domain.refund_days import LIMITS
from services.order.sagas import DEFINITIONS
from services.order.store import TABLES as ORDER_TABLES
from services.order.wire import CODEC as ORDER_CODEC
from services.runtime.ground import facts
from services.runtime.ground.codec import Codec
from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import connect_lane
from services.runtime.ground.records import Outbound, Outgoing
from services.runtime.ground.settings import LIMIT_MAX, Settings
from services.runtime.ground.tables import Connection, Table
from services.runtime.kafka.incoming import read
from services.runtime.lanes.batch import Batch
from services.runtime.lanes.business import Business, KeepRecords
from services.runtime.lanes.encoding import Encoded
from services.runtime.lanes.item import Item
from services.runtime.stored import timers
from services.runtime.stored.outbox import Outlet
from services.runtime.stored.sagas import saga_table
from tests.clocks import StillClock

PARTITIONS = 4
NAMES = ("order", "credit_ledger", "card_redemption")


def _business(
    name: str, tables: list[Table], rules: Mapping[type, Rule], timers: Mapping[str, Rule], codec: Codec,
    keep_records: KeepRecords | None = None, limits: tuple[str, ...] = (),
) -> Business:
    return Business(
        tables=tables, rules=rules, timers=timers, codec=codec, outbound=Outbound(name, codec, PARTITIONS),
        partitions=PARTITIONS, keep_records=keep_records, limits=dict.fromkeys(limits, LIMIT_MAX),
    )


BUSINESS: Mapping[str, Business] = {
    "order": _business(
        "order", [*ORDER_TABLES, saga_table(DEFINITIONS)], order_rules.RULES, order_rules.TIMERS, ORDER_CODEC,
        limits=LIMITS,
    ),
    "credit_ledger": _business(
        "credit_ledger", list(CREDIT_TABLES), credit_rules.RULES, credit_rules.TIMERS, CREDIT_CODEC
    ),
    "card_redemption": _business(
        "card_redemption", [*CARD_TABLES, saga_table(CARD_DEFINITIONS)], card_rules.RULES, card_rules.TIMERS,
        CARD_CODEC, keep_attempts,
    ),
}


@dataclass(slots=True)
class House:
    """All services; `now` is moved by hand, and ids are the same in every run. What is sent is delivered at once, in
    order, until nothing is left. `rules` may be those of another release."""

    connections: dict[str, Connection]
    dsns: Mapping[str, str]
    now: datetime
    sent: list[Outgoing] = field(default_factory=list)
    random: Random = field(default_factory=lambda: Random(1))
    told_at: datetime | None = None
    rules: dict[str, Business] = field(default_factory=lambda: dict(BUSINESS))

    async def ask(self, service: str, key: str, body: object, request_id: str = "") -> object:
        """Have a call decided and everything that follows from it; answers its result or `Refused`."""
        message = Message(id=request_id or str(self._uuid()), key=key, body=body, fresh_id=self._uuid().hex)
        encoded = await self.batch(service, [Item(message, body_hash=b"body")])
        await self.deliver()
        stored = encoded.answered.get(message.id)
        if stored is None or stored.verdict == "REFUSED":
            return stored.refusal if stored else None
        if not _readable(service, stored.type):
            return stored
        return BUSINESS[service].codec.decode(stored.type, stored.outcome)

    async def fire(self, service: str) -> None:
        """Let all due timers of a service come true."""
        rows = await self.connections[service].fetch(
            "select kind, key, root, due_at from timers where due_at <= $1 order by due_at, kind, key", self.now
        )
        due = [(row["root"], TimerDue(row["kind"], row["key"], row["due_at"])) for row in rows]
        items = [Item(Message("", root, timer, fresh_id=self._uuid().hex)) for root, timer in due]
        if items:
            await self.batch(service, items)
        await self.deliver()

    async def turn(self, by: timedelta) -> None:
        """Let time pass, day by day, with all that is due meanwhile in any service."""
        until = self.now + by
        while self.now < until:
            self.now = min(self.now + timedelta(days=1), until)
            for service in NAMES:
                await self.fire(service)

    async def pass_by(self, by: timedelta) -> None:
        """Let a short time pass, with what is due of cards after it."""
        self.now += by
        await self.fire("card_redemption")

    async def deliver(self) -> None:
        """Hand over what was sent, and what that causes, until nothing is under way."""
        while self.sent:
            taken, self.sent = self.sent, []
            for record in taken:
                _, service, stream, _ = record.topic.split(".")
                if stream != "events":
                    await self.batch(service, [arrived(service, record)])

    async def batch(self, service: str, items: list[Item]) -> Encoded:
        """One transaction with these messages; what it sends waits in `sent`."""
        connection = self.connections[service]
        await self._tell_the_time()
        batch = Batch(self.rules[service], items, StillClock(self.now))
        async with connection.transaction():
            await batch.run(connection)
            await batch.save(connection, "", Outlet(1, 1))
            await connection.execute("delete from outbox")
        effects = batch.effects
        if effects.faulty:
            raise effects.faulty[0][1]
        if effects.busy:
            raise AssertionError(f"busy: {effects.busy}")
        self.sent += batch.encoded.outgoing
        return batch.encoded

    def fresh(self) -> str:
        """An id that nobody had before."""
        return self._uuid().hex

    def _uuid(self) -> UUID:
        return UUID(int=self.random.getrandbits(128), version=4)

    async def _tell_the_time(self) -> None:
        """Whoever reads the databases finds the instant there, as with a manual clock."""
        if self.told_at != self.now:
            for each in self.connections.values():
                await facts.keep(each, {"manual_clock": self.now.isoformat(), "partitions": str(PARTITIONS)})
            self.told_at = self.now


def arrived(service: str, record: Outgoing) -> Item:
    """A record as the service takes it from its topic."""
    return Item(read(BUSINESS[service].codec, record.key.encode(), record.headers, record.payload))


def _readable(service: str, type_name: str) -> bool:
    entry = BUSINESS[service].codec._by_name.get(type_name)  # tests may look inside
    return not type_name or (entry is not None and entry.from_wire is not None)


@asynccontextmanager
async def house(dsn: str, prefix: str, now: datetime) -> AsyncIterator[House]:
    """A house on fresh databases of the server at `dsn`, whose names begin with `prefix`."""
    admin = await asyncpg.connect(f"{dsn}/postgres")
    dsns = {}
    for name in NAMES:
        await admin.execute(f"drop database if exists {prefix}_{name}")
        await admin.execute(f"create database {prefix}_{name}")
        dsns[name] = f"{dsn}/{prefix}_{name}"
        await migrate(dsns[name], [Path(services.__file__).parent / name / "migrations"])
    await admin.close()
    connections = {
        name: await connect_lane(Settings(service=name, dsn=address, idle_session_timeout_seconds=0))
        for name, address in dsns.items()
    }
    await timers.ensure(connections["credit_ledger"], standing(now), PARTITIONS)
    try:
        yield House(connections, dsns, now)
    finally:
        for connection in connections.values():
            await connection.close()
