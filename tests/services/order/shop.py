"""The order service on a real database, one batch at a time; participants answer with real messages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from services.kernel.effects import Effects
from services.kernel.messages import Message, Op, SagaRef
from services.kernel.saga import Verdict
from services.order.decisions import RULES, TIMERS
from services.order.sagas import DEFINITIONS
from services.order.store import TABLES
from services.order.wire import CODEC
from services.runtime.ground.records import Outbound, Outgoing, reply_payload
from services.runtime.ground.tables import Connection
from services.runtime.kafka.incoming import read
from services.runtime.lanes.batch import Batch
from services.runtime.lanes.business import Business
from services.runtime.lanes.encoding import Encoded
from services.runtime.lanes.item import Item
from services.runtime.rpc.edge import error_of
from services.runtime.stored.sagas import saga_table
from settlement.card_redemption.v1 import commands_pb2 as card_commands_pb2
from settlement.card_redemption.v1 import effects_pb2 as card_effects_pb2
from settlement.credit_ledger.v1 import commands_pb2, effects_pb2
from tests.in_memory import NOW
from tests.services.batches import decide

PARTITIONS = 8
ALL_TABLES = (*TABLES, saga_table(DEFINITIONS))
_FIELDS = (
    ("BANKCARD", "bank_minor"), ("COUPON", "coupon_minor"), ("CREDIT", "credit_minor"), ("WALLET", "wallet_minor"),
)

_Effect = tuple[tuple[tuple[str, int], ...], tuple[str, bytes]]
_NOTHING: _Effect = ((), ("", b""))


@dataclass
class Shop:
    """Decides messages in batches and keeps the effects of the last one."""

    connection: Connection
    now: datetime = NOW
    limits: Mapping[str, int] = field(default_factory=dict)
    effects: Effects[Item] = field(default_factory=Effects)
    encoded: Encoded = field(default_factory=Encoded)
    _numbers: Any = field(default_factory=lambda: count(1))  # Any: itertools.count is generic in nothing useful

    async def run(self, *messages: Message) -> Batch:
        """Decide these messages in one transaction; a message that fails fails the test."""
        business = Business(
            tables=ALL_TABLES, rules=RULES, timers=TIMERS, codec=CODEC, outbound=Outbound("order", CODEC, PARTITIONS),
            partitions=PARTITIONS, limits=self.limits,
        )
        batch = await decide(self.connection, business, messages, self.now, next(self._numbers) * 10_000)
        self.effects, self.encoded = batch.effects, batch.encoded
        return batch

    def call(self, key: str, body: object) -> Message:
        """A call as the edge makes it."""
        number = next(self._numbers)
        return Message(f"call-{number}", key, body, f"{number:032x}")

    async def ask(self, key: str, body: object) -> Any:  # Any: the protobuf message of whatever was asked
        """Decide a call and answer the message of its result; raises its refusal."""
        message = self.call(key, body)
        answered = (await self.run(message)).encoded.answered[message.id]
        if answered.verdict is Verdict.REFUSED:
            raise error_of(answered.refusal)
        return CODEC.message(answered.type, answered.outcome)

    async def settle(self) -> None:
        """Let the participants say yes until nothing is sent any more; what is sent together is answered together."""
        sent = commands(self.encoded)
        while sent:
            await self.run(*[self._answer(command) for command in sent])
            sent = commands(self.encoded)

    def _answer(self, command: Outgoing) -> Message:
        headers = dict(command.headers)
        saga = SagaRef(headers["ce_saga"].decode(), headers["ce_branch"].decode(), Op(headers["ce_op"].decode()))
        root = headers["ce_replyto"].decode().partition("/")[2]
        moved, result = _NOTHING
        if saga.op in (Op.TRY, Op.EXECUTE):
            moved, result = _effect(headers["ce_type"].decode(), command.payload)
        reply = [
            ("ce_id", f"{saga.saga_id}/{saga.branch}/{saga.op}/reply".encode()),
            ("ce_type", b"settlement.saga.v1.Reply"), ("ce_saga", saga.saga_id.encode()),
            ("ce_branch", saga.branch.encode()), ("ce_op", saga.op.encode()),
        ]
        return read(CODEC, root.encode(), reply, reply_payload(Verdict.DONE, "", "", moved, result))


def commands(encoded: Encoded) -> list[Outgoing]:
    """The commands of a batch, as they leave for Kafka."""
    return [record for record in encoded.outgoing if record.topic.endswith(".commands.v1")]


def _effect(name: str, payload: bytes) -> _Effect:
    """What a participant moves and answers, read from the command as it travels."""
    if name.endswith((".ClearMerchantShare", ".PayGiftCardShare")):
        leg = commands_pb2.PayGiftCardShare.FromString(payload)  # the two have the same fields
        return (("GIFTCARD", leg.amount_minor),), ("", b"")
    if name.startswith("settlement.card_redemption"):
        card = getattr(card_commands_pb2, name.rpartition(".")[2]).FromString(payload)
        done = card_effects_pb2.CardEffect(card_id=card.card_id, order_id=card.order_id, amount_minor=card.amount_minor)
        done.post_time.FromDatetime(NOW)
        return (("GIFTCARD", card.amount_minor),), (done.DESCRIPTOR.full_name, done.SerializeToString())
    command = getattr(commands_pb2, name.rpartition(".")[2]).FromString(payload)
    effect = effects_pb2.CreditEffect(
        order_id=command.order_id, account_id=command.account_id, credit_minor=command.credit_minor
    )
    effect.post_time.FromDatetime(NOW)
    moved = tuple((kind, getattr(command, amount)) for kind, amount in _FIELDS if getattr(command, amount))
    return moved, (effect.DESCRIPTOR.full_name, effect.SerializeToString())
