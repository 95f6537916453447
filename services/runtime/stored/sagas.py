"""The stored saga runs of a coordinator: a table like every other, under the lock of the run's root."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog

from services.kernel.coordination import Definitions
from services.kernel.errors import Defect
from services.kernel.saga import Branch, BranchState, Phase, Run
from services.kernel.seal import seal_of
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection, Table

_Version = tuple[str, int]
log = structlog.get_logger(__name__)


class _StoredBranch(msgspec.Struct, array_like=True):
    service: str
    state: BranchState
    reason: str
    result: msgspec.Raw


_ENCODE = msgspec.json.Encoder().encode
_BRANCHES = msgspec.json.Decoder(tuple[_StoredBranch, ...])
_COLUMNS = """id, root, kind, definition_version, phase, decision, reason, attempts, started_at, deadline_at,
    updated_at, version, plan, branches"""

_KEPT = "id, root, kind, definition_version, phase, decision, reason, started_at, updated_at, version, plan"
_DIGEST = (*_KEPT.replace("updated_at", "ended_at").split(", "), "branches", "seal")
"""What of a saga its digest keeps, and what else that has; a digest is sealed over all of it, in this order."""


def saga_table(definitions: Definitions) -> Table:
    """The table of `kernel.saga.Run`: a run is read as its own version stores it; what nothing defines is a defect."""
    plans: dict[_Version, msgspec.json.Decoder[Any]] = {
        (definition.kind, definition.version): msgspec.json.Decoder(definition.plan_type) for definition in definitions
    }
    results: dict[_Version, dict[str, msgspec.json.Decoder[Any]]] = {
        (definition.kind, definition.version): {
            participant.service: msgspec.json.Decoder(participant.result_type)
            for participant in definition.participants
        }
        for definition in definitions
    }

    def read(row: Any) -> Run:
        version = row["kind"], row["definition_version"]
        if version not in plans:
            raise Defect(f"saga {row['id']} is of {version[0]} version {version[1]}, which nothing defines")
        return Run(
            id=row["id"], root=row["root"], kind=version[0], definition_version=version[1],
            phase=Phase(row["phase"]), plan=plans[version].decode(row["plan"]),
            branches=tuple(_branch(results[version], stored) for stored in _BRANCHES.decode(row["branches"])),
            started_at=row["started_at"], deadline_at=row["deadline_at"], decision=row["decision"],
            reason=row["reason"], attempts=row["attempts"], updated_at=row["updated_at"], version=row["version"],
        )

    async def load(connection: Connection, keys: Sequence[str]) -> list[Run]:
        rows = await connection.fetch(f"select {_COLUMNS} from sagas where id = any($1::text[])", keys)
        if len(rows) < len(keys):  # a new one, or one that ended long ago
            rows += await connection.fetch(
                f"select {_COLUMNS} from saga_records where id = any($1::text[]) and digested", keys
            )
        return [read(row) for row in rows]

    return Table(Run, load, save_runs)


async def digest(
    connection: Connection, definitions: Definitions, before: datetime, most: int, seal_key: bytes = b""
) -> int:
    """Make sealed digests of sagas that ended before this instant, the oldest first; answers how many, `most` at most.
    One that cannot be read stays as it is."""
    rows = await connection.fetch(
        """select id from sagas where started_at < $1 and updated_at < $1 and phase in ('DONE', 'ABORTED')
           order by started_at, id limit $2""",
        before, most,
    )
    kept = await _digested(connection, definitions, [row[0] for row in rows]) if rows else []
    gone = await connection.fetch(
        f"delete from sagas where id = any($1::text[]) returning {_KEPT}", [run.id for run in kept]
    ) if kept else []
    slim = {run.id: _packed(run) for run in kept}
    digests = [(*row, slim[row["id"]]) for row in gone]
    await connection.copy_records_to_table(
        "saga_digests", columns=_DIGEST,
        records=[(*row, seal_of("saga_digests", row, seal_key)) for row in digests],
    )
    return len(kept)


async def _digested(connection: Connection, definitions: Definitions, saga_ids: Sequence[str]) -> list[Run]:
    """The digests of these; where one cannot be made it is found by halving."""
    try:
        runs: Sequence[Run] = await saga_table(definitions).load(connection, saga_ids)
        return [definitions.digested(run) for run in runs]
    except (Defect, ValueError, KeyError) as error:  # what is stored is not of the types that are defined
        if len(saga_ids) == 1:
            log.error("saga_unreadable", saga=saga_ids[0], error=repr(error))
            return []
    half = len(saga_ids) // 2
    first = await _digested(connection, definitions, saga_ids[:half])
    return first + await _digested(connection, definitions, saga_ids[half:])


async def oldest(connection: Connection) -> datetime | None:
    """Every saga that began before this has been over for the time of retention, as of the last digests; None if none
    is on record."""
    began: datetime | None = await connection.fetchval("select min(started_at) from sagas")
    return began


def _packed(run: Run) -> bytes:
    return _ENCODE([(b.service, b.state, b.reason, b.result) for b in run.branches])


def _branch(results: Mapping[str, Any], stored: _StoredBranch) -> Branch:
    raw = bytes(stored.result)
    result = None if raw == b"null" else results[stored.service].decode(raw)
    return Branch(stored.service, stored.state, stored.reason, result)


save_runs = Saving(
    "sagas",
    key="id",
    once=(
        *columns("text", "id", "root", "kind"), column("definition_version", "integer"),
        *columns("timestamptz", "started_at", "deadline_at"), column("plan", "json", lambda r: _ENCODE(r.plan)),
    ),
    moving=(
        column("phase", "text", "phase.value"), *columns("text", "decision", "reason"),
        *columns("integer", "attempts", "version"),
        column("updated_at", "timestamptz", lambda r: r.updated_at or r.started_at),
        column("branches", "json", _packed),
    ),
    sealed=True,
)
"""Root, kind, plan and start never change."""


async def count_open(connection: Connection, most: int) -> int:
    """How many sagas are under way, without those that wait for a person, counted up to `most`."""
    count: int = await connection.fetchval(
        # a subquery for each row, for a join may be planned as a scan of all sagas that ever were
        """select count(*) from (select from timers t where kind = 'saga'
                                     and (select phase from sagas s where s.id = t.key) <> $1 limit $2) o""",
        Phase.FROZEN.value, most,
    )
    return count
