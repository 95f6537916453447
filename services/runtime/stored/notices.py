"""The notices of a service that are not acknowledged yet: a table like every other, as bytes for the wire."""

from collections.abc import Sequence

from services.kernel.notices import Notice
from services.runtime.ground.codec import Codec, Sealed
from services.runtime.ground.tables import Connection, Table

_COLUMNS = "id, root, participant, receiver, type, payload, place, attempts, version"


def notice_table(codec: Codec) -> Table:
    """The table of `kernel.notices.Notice`; what is acknowledged has no row any more."""

    async def load(connection: Connection, keys: Sequence[str]) -> list[Notice]:
        return await _read(connection, "id", keys)

    async def load_family(connection: Connection, roots: Sequence[str]) -> list[Notice]:
        return await _read(connection, "root", roots)

    async def save(connection: Connection, rows: Sequence[Notice]) -> None:
        kept = [(row, *codec.encode(row.body)) for row in rows if row.open]
        await connection.execute(
            f"""with gone as (delete from notices where id = any($10::text[]))
                insert into notices ({_COLUMNS})
                select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[],
                                     $7::bigint[], $8::integer[], $9::bigint[])
                on conflict (id) do update set attempts = excluded.attempts, version = excluded.version""",
            [n.id for n, _, _ in kept], [n.root for n, _, _ in kept], [n.participant for n, _, _ in kept],
            [n.receiver for n, _, _ in kept], [name for _, name, _ in kept], [payload for _, _, payload in kept],
            [n.place for n, _, _ in kept], [n.attempts for n, _, _ in kept], [n.version for n, _, _ in kept],
            [row.id for row in rows if not row.open],
        )

    return Table(Notice, load, save, load_family=load_family)


async def _read(connection: Connection, column: str, values: Sequence[str]) -> list[Notice]:
    rows = await connection.fetch(f"select {_COLUMNS} from notices where {column} = any($1::text[])", values)
    return [
        Notice(
            id=row[0], root=row[1], participant=row[2], receiver=row[3], body=Sealed(row[4], row[5]), place=row[6],
            attempts=row[7], version=row[8],
        )
        for row in rows
    ]
