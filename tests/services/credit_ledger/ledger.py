"""The credit ledger on a real database, one batch at a time, without Kafka and gRPC."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from services.credit_ledger.decisions import RULES, TIMERS
from services.credit_ledger.store import TABLES
from services.credit_ledger.wire import CODEC
from services.kernel.effects import Effects
from services.kernel.messages import Message, Op, SagaRef
from services.kernel.notices import Acknowledged
from services.kernel.saga import Verdict
from services.runtime.ground.records import Outbound
from services.runtime.ground.tables import Connection
from services.runtime.lanes.batch import Batch
from services.runtime.lanes.business import Business
from services.runtime.lanes.encoding import Encoded
from services.runtime.lanes.item import Item
from services.runtime.stored import timers
from services.runtime.stored.inbox import Answered
from settlement.saga.v1 import saga_pb2
from tests.clocks import StillClock
from tests.services.batches import decide

PARTITIONS = 8
START = datetime.fromisoformat("2026-03-02T10:00:00+08:00")


@dataclass
class Ledger:
    """Decides messages in batches and keeps the effects of the last one."""

    connection: Connection
    now: datetime = START
    effects: Effects[Item] = field(default_factory=Effects)
    encoded: Encoded = field(default_factory=Encoded)
    _numbers: Any = field(default_factory=lambda: count(1))

    async def run(self, *messages: Message) -> Batch:
        """Decide these messages in one transaction; a message that fails fails the test."""
        business = Business(
            tables=TABLES, rules=RULES, timers=TIMERS, codec=CODEC,
            outbound=Outbound("credit_ledger", CODEC, PARTITIONS), partitions=PARTITIONS,
        )
        batch = await decide(self.connection, business, messages, self.now, next(self._numbers) * 10_000)
        self.effects, self.encoded = batch.effects, batch.encoded
        return batch

    async def ask(self, key: str, body: object) -> Any:
        """Decide a call and answer the protobuf message of its result; raises the refusal as `Refused`."""
        message = Message(f"call-{next(self._numbers)}", key, body)
        encoded = (await self.run(message)).encoded
        answered = encoded.answered[message.id]
        if answered.verdict is Verdict.REFUSED:
            raise Refused(answered)
        return CODEC.message(answered.type, answered.outcome)

    async def command(self, body: Any, saga_id: str = "", op: Op = Op.EXECUTE) -> saga_pb2.Reply:
        """Decide a command of a saga and answer the reply that goes out."""
        saga_id = saga_id or f"saga_{next(self._numbers)}"
        message = Message("", body.account_id, body, saga=SagaRef(saga_id, "credit_ledger", op), caller="order/ord_x")
        encoded = (await self.run(message)).encoded
        replies = [record for record in encoded.outgoing if record.topic == "settlement.order.replies.v1"]
        return saga_pb2.Reply.FromString(replies[-1].payload)

    async def acknowledge(self) -> None:
        """Every notice is heard, the oldest first."""
        while rows := await self.connection.fetch("select id, root from notices order by place"):
            await self.run(*(Message("", row["root"], Acknowledged(row["id"])) for row in rows))

    async def pass_time(self, **duration: float) -> None:
        """Move the clock and fire what is due on the way, in order; the order service acknowledges what it is told."""
        until = self.now + timedelta(**duration)
        while True:
            await self.acknowledge()
            row = await self.connection.fetchrow("select min(due_at) from timers where due_at <= $1", until)
            if row is None or row[0] is None:
                break
            self.now = max(self.now, row[0])
            clock = StillClock(self.now)
            await self.run(*await timers.find_due(self.connection, range(PARTITIONS), clock, 100, sagas=False))
        self.now = until


class Refused(Exception):
    """A call was refused."""

    def __init__(self, answered: Answered) -> None:
        super().__init__(answered.refusal.reason)
        self.reason = answered.refusal.reason
