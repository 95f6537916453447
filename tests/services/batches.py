"""Messages decided in one transaction on a real database, without Kafka and gRPC."""

from collections.abc import Sequence
from datetime import datetime

from services.kernel.messages import Message
from services.runtime.ground.tables import Connection
from services.runtime.lanes.batch import Batch
from services.runtime.lanes.business import Business
from services.runtime.lanes.item import Item


async def decide(
    connection: Connection, business: Business, messages: Sequence[Message], now: datetime, seq: int
) -> Batch:
    """The batch of these messages, committed; a message that fails fails the test. `seq` numbers what it sends."""
    batch = Batch(business, [Item(message) for message in messages], now)
    async with connection.transaction():
        await batch.run(connection, 1, seq)
    for _, error in batch.effects.faulty:
        raise error
    return batch
