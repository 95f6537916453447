"""What of before is accepted without a link or without a seal: noted by the migrations, and sealed by the first process
that finds it, so that nobody who has only the database adds to it unseen."""

from services.kernel.seal import ACCEPTED, seal_of
from services.runtime.ground import facts
from services.runtime.ground.tables import Connection


async def seal(connection: Connection, key: bytes, anew: bool) -> None:
    """Seal it once and for all; `anew`, whatever was sealed before, for whoever runs the service says so."""
    rows = await connection.fetch("select said from accepted_rows order by said collate \"C\"")
    told = seal_of(ACCEPTED, [row["said"] for row in rows], key).hex()
    if anew:
        await facts.keep(connection, {ACCEPTED: told})
    else:
        await facts.pin(connection, ACCEPTED, told)
