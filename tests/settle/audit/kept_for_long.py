"""What the runtime keeps in the filled engine: digests and checkpoints after a pruning, messages set aside, acts."""

from datetime import timedelta

from services.kernel.saga import Verdict
from services.order.sagas import DEFINITIONS
from services.runtime.ground import facts
from services.runtime.nightly import CLOCKS_APART
from services.runtime.stored import acts, inbox, parked, pruning, republications, sagas
from services.runtime.stored.acts import Act
from services.runtime.stored.inbox import Answered
from services.runtime.stored.parked import Parked
from services.runtime.stored.pruning import Pruned
from services.runtime.stored.republications import OURSELVES, Republication
from tests.settle.audit.house import NAMES, House

KEPT = timedelta(days=100)
"""Long enough that much is left of both kinds."""


async def pruned(house: House) -> None:
    """The nightly job has come by: what is over for so long is a digest, its answers and old events are gone."""
    before = house.now - KEPT
    order = house.connections["order"]
    async with order.transaction():
        await sagas.digest(order, DEFINITIONS, before, pruning.SLICE_ROWS)
    for name in NAMES:
        until = {
            Pruned.ANSWERS_OF_REQUESTS: before, Pruned.EVENTS: before,
            Pruned.ANSWERS_OF_BRANCHES: before - CLOCKS_APART,
        }
        for kind, last in until.items():
            connection = house.connections[name]
            windows = await pruning.windows(connection, kind, last)
            while windows:
                async with connection.transaction():
                    windows.pruned(await pruning.prune(connection, kind, windows.next()))


async def set_aside(house: House) -> None:
    """Messages that could not be decided, what operators did about them, and what the runtime knows of itself."""
    for name in NAMES:
        connection = house.connections[name]
        rows = [
            Parked(f"settlement.{name}.commands.v1", 1, 40 + number, f"key_{number}", f"message-{number}",
                   [("ce_id", b"m")], b"?", "UNREADABLE", "not a message") for number in range(3)
        ]
        await parked.save(connection, rows, house.now)
        first = await connection.fetchval("select min(id) from parked")
        await parked.discard(connection, first, "op-1: of no use", house.now)
        if saga := await connection.fetchval("select min(id) from sagas"):
            act = Act(f"request-{name}", "AbortSaga", saga, "op-1", "of no use")
            await acts.save(connection, act, house.now, b"")
            told = Answered(f"request-{name}", Verdict.DONE, "settlement.operations.v1.AbortSagaResponse", b"", b"body")
            await inbox.keep(connection, told, house.now)
        await facts.keep(connection, {"partitions": "4", "kafka": "cluster-1"})
        asked = Republication(f"rep-{name}", 1, "", None, OURSELVES, "kafka lost events", house.now)
        await republications.ask(connection, asked)
        await connection.execute("update republications set published = 3, ended_at = asked_at")
        await connection.execute("insert into event_logs values ($1, 1, 'epoch-1', 7)", f"settlement.{name}.events.v1")
        await connection.execute("insert into consumed_offsets values ($1, 1, 9, 'epoch-1')", f"settlement.{name}.x.v1")
        await connection.execute("insert into lanes values (1, 9)")
