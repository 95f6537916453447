"""The stored saga runs of a coordinator: a table like every other, under the lock of the run's root."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from services.kernel.errors import Defect
from services.kernel.saga import Branch, BranchState, Definitions, Phase, Run
from services.runtime.ground.tables import Connection, Table

_Version = tuple[str, int]


class _StoredBranch(msgspec.Struct, array_like=True):
    service: str
    state: BranchState
    reason: str
    result: msgspec.Raw


_BRANCHES = msgspec.json.Decoder(tuple[_StoredBranch, ...])
_COLUMNS = """id, root, kind, definition_version, phase, decision, reason, attempts, started_at, deadline_at,
    updated_at, version, plan, branches"""


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
        return [read(row) for row in rows]

    return Table(Run, load, save_runs)


def _branch(results: Mapping[str, Any], stored: _StoredBranch) -> Branch:
    raw = bytes(stored.result)
    result = None if raw == b"null" else results[stored.service].decode(raw)
    return Branch(stored.service, stored.state, stored.reason, result)


async def save_runs(connection: Connection, runs: Sequence[Run]) -> None:
    """Insert new runs, update known ones; what never changes (root, kind, plan, start) is written once."""
    await connection.execute(
        f"""insert into sagas ({_COLUMNS})
            select * from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[],
                                 $8::integer[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[],
                                 $12::integer[], $13::json[], $14::json[])
            on conflict (id) do update set phase = excluded.phase, decision = excluded.decision,
                reason = excluded.reason, attempts = excluded.attempts, updated_at = excluded.updated_at,
                version = excluded.version, branches = excluded.branches""",
        [r.id for r in runs], [r.root for r in runs], [r.kind for r in runs], [r.definition_version for r in runs],
        [r.phase.value for r in runs], [r.decision for r in runs], [r.reason for r in runs], [r.attempts for r in runs],
        [r.started_at for r in runs], [r.deadline_at for r in runs], [r.updated_at or r.started_at for r in runs],
        [r.version for r in runs], [msgspec.json.encode(r.plan) for r in runs],
        [msgspec.json.encode([(b.service, b.state, b.reason, b.result) for b in r.branches]) for r in runs],
    )


async def count_open(connection: Connection, most: int) -> int:
    """How many sagas are under way, without those that wait for a person, counted up to `most`."""
    count: int = await connection.fetchval(
        # a subquery for each row, for a join may be planned as a scan of all sagas that ever were
        """select count(*) from (select from timers t where kind = 'saga'
                                     and (select phase from sagas s where s.id = t.key) <> $1 limit $2) o""",
        Phase.FROZEN.value, most,
    )
    return count
