"""The notices of a service that are not acknowledged yet: a table like every other, as bytes for the wire."""

from collections.abc import Mapping, Sequence

from services.kernel.notices import Notice
from services.runtime.ground.codec import Codec, Sealed
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection, Table
from services.runtime.ground.writing import Write

_COLUMNS = "id, root, participant, receiver, type, payload, place, attempts, version"


class NoticeSaving(Saving):
    """Writes notices as every row is written; one that is acknowledged is deleted."""

    def __init__(self, codec: Codec) -> None:
        super().__init__(
            "notices",
            key="id",
            once=(
                *columns("text", "id", "root", "participant", "receiver"),
                column("type", "text", lambda notice: codec.encode(notice.body)[0]),
                column("payload", "bytea", lambda notice: codec.encode(notice.body)[1]), column("place", "bigint"),
            ),
            moving=(column("attempts", "integer"), column("version", "bigint")),
        )

    def __call__(self, rows: Sequence[Notice], found: Mapping[str, int], seal_key: bytes = b"") -> list[Write]:
        """The writes of these rows, or of their going."""
        writes = super().__call__([row for row in rows if row.open], found)
        if closed := [row.id for row in rows if not row.open]:
            writes.append(Write("delete from notices where id = any($1::text[])", [closed]))
        return writes


def notice_table(codec: Codec) -> Table:
    """The table of `kernel.notices.Notice`; what is acknowledged has no row any more."""

    async def load(connection: Connection, keys: Sequence[str]) -> list[Notice]:
        return await _read(connection, "id", keys)

    async def load_family(connection: Connection, roots: Sequence[str]) -> list[Notice]:
        return await _read(connection, "root", roots)

    return Table(Notice, load, NoticeSaving(codec), load_family=load_family)


async def _read(connection: Connection, column: str, values: Sequence[str]) -> list[Notice]:
    rows = await connection.fetch(f"select {_COLUMNS} from notices where {column} = any($1::text[])", values)
    return [
        Notice(
            id=row[0], root=row[1], participant=row[2], receiver=row[3], body=Sealed(row[4], row[5]), place=row[6],
            attempts=row[7], version=row[8],
        )
        for row in rows
    ]
