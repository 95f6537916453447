"""The ceiling writes the rows of a settlement that really was, beside the engine's own tables, and leaves nothing."""

from settle.bench import ceiling
from settle.bench.twins import Settled, make_twin
from tests.settle.audit.house import House
from tests.settle.bench.conftest import NOW


async def _sample(family: House) -> list[Settled]:
    rows = await family.connections["order"].fetch(ceiling._SAMPLE, NOW, 10)
    return [Settled(**row) for row in rows]


async def test_the_rows_of_a_cancellation_are_written_again(family: House) -> None:
    """In all three databases: the order's event, the books' journals and events, and an empty outbox at the end."""
    sample = await _sample(family)
    twins = {name: await make_twin(connection, name, sample) for name, connection in family.connections.items()}

    await ceiling._settle(twins, sample)

    assert [(saga.two_phase, saga.service) for saga in sample] == [(True, "credit_ledger")]
    for name, appended in (("order", 1), ("credit_ledger", 1), ("card_redemption", 1)):
        twin = family.connections[name]
        assert await twin.fetchval("select count(*) from ceiling.events") == appended
        assert await twin.fetchval("select count(*) from ceiling.outbox") == 0
        await twin.execute("drop schema ceiling cascade")


async def test_a_run_leaves_no_trace(family: House) -> None:
    """Settled per second; too few settlements make no figure."""
    heard: list[str] = []

    enough = await ceiling.measure(family.dsns, NOW, heard.append, batch=1)
    too_few = await ceiling.measure(family.dsns, NOW, heard.append)

    assert enough > 0
    assert too_few == 0.0
    assert len(heard) == 1
    for connection in family.connections.values():
        assert await connection.fetchval("select to_regnamespace('ceiling') is null")
