"""The card service on a real database, one batch at a time, and its methods, without Kafka and gRPC."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, TypeVar

from services.card_redemption.decisions import RULES, TIMERS
from services.card_redemption.rpc.card_service import CardServicer
from services.card_redemption.store import TABLES
from services.card_redemption.store.attempts import keep_attempts
from services.card_redemption.wire import CODEC
from services.kernel.decision import Refused
from services.kernel.effects import Effects
from services.kernel.errors import AlreadyExists
from services.kernel.messages import Message, Op, SagaRef
from services.kernel.saga import Verdict
from services.runtime.ground.records import Outbound
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.lanes.batch import Batch
from services.runtime.lanes.business import Business
from services.runtime.lanes.encoding import Encoded
from services.runtime.lanes.item import Item
from services.runtime.rpc.edge import body_hash, error_of
from services.runtime.rpc.refusals import REUSED, note_decided
from services.runtime.stored import inbox
from settlement.card_redemption.v1 import commands_pb2
from settlement.saga.v1 import saga_pb2
from tests.clocks import StillClock
from tests.services.batches import decide
from tests.services.card_redemption.world import NOW, CardCommand, key_of

PARTITIONS = 8
T = TypeVar("T")


@dataclass
class EndlessContext:
    """A call with so many seconds left."""

    seconds: float = 30.0

    def invocation_metadata(self) -> tuple[()]:
        """Nothing."""
        return ()

    def time_remaining(self) -> float:
        """Seconds left."""
        return self.seconds


@dataclass
class CardLedger:
    """Decides messages in batches and keeps the effects of the last one. It is the edge of `service`, too, and keeps
    the requests as they came to be hashed."""

    connection: Connection
    settings: Settings
    effects: Effects[Item] = field(default_factory=Effects)
    encoded: Encoded = field(default_factory=Encoded)
    context: Any = field(default_factory=EndlessContext)
    clock: StillClock = field(default_factory=lambda: StillClock(NOW))
    requests: list[Any] = field(default_factory=list)
    asked: dict[str, bytes] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: count(1))

    @property
    def service(self) -> CardServicer:
        """The methods, over this ledger."""
        edge: Any = self
        return CardServicer(edge)

    def request_id(self) -> str:
        """A new one."""
        return f"00000000-0000-4000-8000-{next(self._numbers):012d}"

    async def run(self, *messages: Message) -> Batch:
        """Decide these messages in one transaction; a message that fails fails the test."""
        business = Business(
            TABLES, RULES, TIMERS, CODEC, Outbound("card_redemption", CODEC, PARTITIONS), PARTITIONS,
            keep_records=keep_attempts,
        )
        batch = await decide(self.connection, business, messages, self.clock.at, next(self._numbers) * 10_000)
        self.effects, self.encoded = batch.effects, batch.encoded
        return batch

    async def command(self, body: CardCommand, saga_id: str = "", op: Op = Op.EXECUTE) -> saga_pb2.Reply:
        """Decide a command of a saga, out of its protobuf as from Kafka, and answer the reply that goes out."""
        saga_id = saga_id or f"saga_{next(self._numbers)}"
        wire = getattr(commands_pb2, type(body).__name__)(**asdict(body))
        received = CODEC.decode(wire.DESCRIPTOR.full_name, wire.SerializeToString())
        assert received == body
        saga = SagaRef(saga_id, "card_redemption", op)
        message = Message("", key_of(body), received, saga=saga, caller="order/ord_x")
        encoded = (await self.run(message)).encoded
        replies = [record for record in encoded.outgoing if record.topic == "settlement.order.replies.v1"]
        return saga_pb2.Reply.FromString(replies[-1].payload)

    async def ask(self, context: Any, request: Any, *, key: str, body: object) -> Any:
        """What `Edge.ask` does: decide at once; a refusal raises its error. Another body of an id is not looked at."""
        hashed = body_hash(request)
        reused = self.asked.setdefault(request.request_id, hashed) != hashed
        note_decided(Refused(REUSED) if reused else None)
        if reused:
            raise AlreadyExists(REUSED)
        self.requests.append(request)
        message = Message(request.request_id, key, body, request.request_id.replace("-", ""))
        await self.run(message)
        answered = await inbox.find(self.connection, message.id)
        assert answered is not None
        if answered.verdict is Verdict.REFUSED:
            raise error_of(answered.refusal)
        return CODEC.message(answered.type, answered.outcome)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """The ledger's own connection: tests do one thing at a time."""
        yield self.connection

    async def now(self) -> datetime:
        """What the clock says."""
        return self.clock.at

    async def seen(self, look: Callable[[Connection], Awaitable[T]], timeout_seconds: float) -> T | None:
        """What a look sees: there is no outage here."""
        return await look(self.connection)

    def changes(self, key: str) -> AbstractContextManager[asyncio.Event]:
        """Nobody is woken: who waits looks again by itself."""
        return nullcontext(asyncio.Event())
