"""Copies a family of customers many times: all rows of all tables, with new ids of the same length, by COPY.

A clone's rows are in no chain and have no seal, for these are of the very bytes of a row: they count as written before
there were any.
What is not a customer's stays once: offsets, lanes and the outbox, what is known of the topics, the migrations, and
every row that names no id, as a service's standing timers; shares of a merchant are summed over the clones.
"""

import base64
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import zip_longest
from typing import NamedTuple, TypeAlias

import asyncpg

from services.kernel.ids import derived, partition_of
from services.kernel.seal import ACCEPTED, seal_of
from services.kernel.shares import share_key
from settle.bench.targets import Target

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

NOT_CLONED = {
    "attempts", "chain_starts", "consumed_offsets", "event_logs", "lanes", "outbox", "parked", "record_volumes",
    "republications", "runtime_facts", "schema_migrations",
}
SHARES = "merchant_shares"
CHAINED = {"link", "events_head", "operations_head", "seal", "made_seal"}
"""Columns that a clone does not have."""
_TOKEN = re.compile(rb"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_BASE64 = re.compile(rb'"([A-Za-z0-9+/]{44,}={0,2})"')
"""Bytes within a document, long enough to hold an id."""
ORDERED_DIGITS = 6
"""So many digits tell all ids of a family apart."""
_CHUNK_BYTES = 1 << 20
_NULL = rb"\N"
"""As COPY writes it."""


@dataclass(slots=True)
class Ids:
    """The ids of the family, each with a number, and what they are called in clone n."""

    numbers: dict[bytes, int] = field(default_factory=dict)
    sources: dict[bytes, str] = field(default_factory=dict)
    """From what the engine derived an id, of those that a clone has to derive anew."""

    def number(self, token: bytes) -> int:
        """The number of an id; a new one gets the next."""
        return self.numbers.setdefault(token, len(self.numbers))

    def of_clone(self, clone: int) -> list[bytes]:
        """All ids of a clone, by number; clone 0 is the family itself."""
        return [self._of_clone(token, clone) for token in self.numbers] if clone else list(self.numbers)

    def derive(self, sources: Iterable[str]) -> None:
        """Note which ids follow from one of these: in a clone they follow from what that is called there."""
        for source in sources:
            token = _derived(source)
            if token in self.numbers:
                self.sources[token] = source

    def _of_clone(self, token: bytes, clone: int) -> bytes:
        source = self.sources.get(token)
        return renamed(token, clone) if source is None else _derived(renamed_text(source, clone))


def _derived(source: str) -> bytes:
    return derived("id", source).removeprefix("id_").encode()


def renamed(token: bytes, clone: int) -> bytes:
    """What an id is called in a clone: as long, always the same, and in the same order among the others, for what is
    done to several is done in the order of their ids. Behind what keeps that order it is as random."""
    digits = blake2b(token, digest_size=16, key=clone.to_bytes(8, "big")).hexdigest().encode()
    digits = token[:ORDERED_DIGITS] + digits[ORDERED_DIGITS:]
    if b"-" not in token:
        return digits
    return b"-".join((digits[:8], digits[8:12], b"4" + digits[13:16], b"8" + digits[17:20], digits[20:]))


def renamed_text(text: str, clone: int) -> str:
    """A text with its ids replaced by those of a clone."""
    return _TOKEN.sub(lambda found: renamed(found[0], clone), text.encode()).decode() if clone else text


class Encoded(NamedTuple):
    """Bytes that a document has in base64, with gaps for the ids of these numbers between the literals."""

    literals: Sequence[bytes]
    numbers: Sequence[int]

    def filled(self, ids: Sequence[bytes]) -> bytes:
        """As they stand in the document of one clone."""
        named = [ids[number] for number in self.numbers]
        pairs = zip_longest(self.literals, named, fillvalue=b"")
        return base64.b64encode(b"".join(part for pair in pairs for part in pair))


Gap: TypeAlias = tuple[str, int] | Encoded
"""How an id goes in ("text", "hex", or the "partition" of a root) and its number; or bytes with several."""


@dataclass(frozen=True, slots=True)
class Form:
    """The rows of a table as COPY text with gaps: literal, gap, literal, gap … literal."""

    table: str
    columns: Sequence[str]
    literals: Sequence[bytes]
    gaps: Sequence[Gap]

    def filled(self, ids: Sequence[bytes], partitions: int) -> bytes:
        """The rows of one clone."""
        parts: list[bytes] = [self.literals[0]]
        for gap, literal in zip(self.gaps, self.literals[1:], strict=True):
            if isinstance(gap, Encoded):
                parts.append(gap.filled(ids))
            else:
                how, number = gap
                parts.append(ids[number] if how == "text" else _other(how, ids[number], partitions))
            parts.append(literal)
        return b"".join(parts)



def _other(how: str, token: bytes, partitions: int) -> bytes:
    if how == "hex":
        return token.hex().encode()
    _, before, behind = how.split(":")
    return str(partition_of(before + token.decode() + behind, partitions)).encode()


async def forms_of(connection: Connection, ids: Ids) -> list[Form]:
    """The forms of all tables of a database that are cloned and not empty."""
    tables = await connection.fetch(
        """select c.relname as name, array_agg(a.attname order by a.attnum)::text[] as columns,
                  array_agg(a.atttypid::regtype::text order by a.attnum) as types
           from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace group by c.relname order by c.relname"""
    )
    found = []
    for table in tables:
        if table["name"] in NOT_CLONED or table["name"] == SHARES:
            continue
        text = await _copy_out(connection, table["name"], table["columns"])
        columns = list(zip(table["columns"], table["types"], strict=True))
        lines = [line for line in text.splitlines() if _names_an_id(line, columns)]
        if lines:
            found.append(_form(table["name"], table["columns"], table["types"], lines, ids))
    return found


async def _copy_out(connection: Connection, table: str, columns: Sequence[str]) -> bytes:
    chunks: list[bytes] = []

    async def take(chunk: bytes) -> None:
        chunks.append(chunk)

    await connection.copy_from_table(table, columns=columns, output=take, format="text")
    return b"".join(chunks)


def _names_an_id(line: bytes, columns: Sequence[tuple[str, str]]) -> bool:
    """Whether a row is a customer's. The heads of chains look like ids, and so do other bytes as they are written."""
    return any(
        _TOKEN.search(_bytes_of(value) if kind == "bytea" else value)
        for (column, kind), value in zip(columns, line.split(b"\t"), strict=True) if column not in CHAINED
    )


def _form(table: str, columns: Sequence[str], types: Sequence[str], lines: Sequence[bytes], ids: Ids) -> Form:
    literals: list[bytes] = [b""]
    gaps: list[Gap] = []
    for line in lines:
        values = dict(zip(columns, line.split(b"\t"), strict=True))
        for position, (column, kind) in enumerate(zip(columns, types, strict=True)):
            literals[-1] += b"\t" if position else b""
            if table == "timers" and column == "partition":
                _gap_for_partition(values["root"], ids, literals, gaps)
            elif column in CHAINED:
                literals[-1] += values[column] if values[column] == _NULL else rb"\\x"
            elif kind == "bytea":
                _split_bytes(values[column], ids, literals, gaps)
            else:
                _split_document(values[column], ids, literals, gaps)
        literals[-1] += b"\n"
    return Form(table, columns, literals, gaps)


def _gap_for_partition(root: bytes, ids: Ids, literals: list[bytes], gaps: list[Gap]) -> None:
    found = _TOKEN.search(root)
    if found is None:
        raise ValueError(f"the root of a timer has no id: {root!r}")
    before, behind = root[: found.start()].decode(), root[found.end() :].decode()
    gaps.append((f"partition:{before}:{behind}", ids.number(found[0])))
    literals.append(b"")


def _split(value: bytes, how: str, ids: Ids, literals: list[bytes], gaps: list[Gap]) -> None:
    end = 0
    for found in _TOKEN.finditer(value):
        literals[-1] += value[end : found.start()] if how == "text" else value[end : found.start()].hex().encode()
        gaps.append((how, ids.number(found[0])))
        literals.append(b"")
        end = found.end()
    literals[-1] += value[end:] if how == "text" else value[end:].hex().encode()


def _split_document(value: bytes, ids: Ids, literals: list[bytes], gaps: list[Gap]) -> None:
    """Split a text, and what of it are bytes that name ids."""
    end = 0
    for found in _BASE64.finditer(value):
        encoded = _encoded(found[1], ids)
        if encoded is not None:
            _split(value[end : found.start(1)], "text", ids, literals, gaps)
            gaps.append(encoded)
            literals.append(b"")
            end = found.end(1)
    _split(value[end:], "text", ids, literals, gaps)


def _encoded(text: bytes, ids: Ids) -> Encoded | None:
    """The bytes of a text in base64, if there are ids among them."""
    if len(text) % 4:
        return None
    content = base64.b64decode(text)
    numbers = [ids.number(found[0]) for found in _TOKEN.finditer(content)]
    return Encoded(_TOKEN.split(content), numbers) if numbers else None


def _split_bytes(value: bytes, ids: Ids, literals: list[bytes], gaps: list[Gap]) -> None:
    if value == rb"\N":
        literals[-1] += value
        return
    literals[-1] += rb"\\x"
    _split(_bytes_of(value), "hex", ids, literals, gaps)


def _bytes_of(value: bytes) -> bytes:
    """What a column of bytes holds; nothing where it is null."""
    return b"" if value == rb"\N" else bytes.fromhex(value.removeprefix(rb"\\x").decode())


async def copy_clones(
    connection: Connection, forms: Iterable[Form], clones: Sequence[Sequence[bytes]], partitions: int
) -> None:
    """Write the rows of these clones, each given by its ids."""
    for form in forms:
        rows = _rows(form, clones, partitions)
        await connection.copy_to_table(form.table, source=rows, columns=form.columns, format="text")


async def accept_unlinked(connection: Connection, key: bytes) -> None:
    """Let the rows of clones count as written before there were chains and seals, as whoever has their key may."""
    await connection.execute("select accept_unlinked()")
    await connection.execute(
        """select accept_unsealed(table_name) from information_schema.columns
           where column_name = 'seal' and table_schema = 'public'"""
    )
    said = await connection.fetch("select said from accepted_rows order by said collate \"C\"")
    await connection.execute(
        """insert into runtime_facts (name, value) values ($1, $2)
           on conflict (name) do update set value = excluded.value""",
        ACCEPTED, seal_of(ACCEPTED, [row["said"] for row in said], key).hex(),
    )


async def begin_the_record(connection: Connection) -> None:
    """Let what was done to the cards of clones count as done before there was a record of attempts."""
    if await connection.fetchval("select to_regclass('record_since')") is not None:
        await connection.execute(
            """delete from attempts; delete from record_volumes; delete from record_since;
               insert into record_since (at) select coalesce(max(at), 'epoch') from events"""
        )


async def _rows(form: Form, clones: Sequence[Sequence[bytes]], partitions: int) -> AsyncIterator[bytes]:
    waiting = bytearray()
    for ids in clones:
        waiting += form.filled(ids, partitions)
        if len(waiting) > _CHUNK_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


async def sum_shares(connection: Connection, owners: Mapping[str, str], clones: range) -> None:
    """Give every share of a merchant what the clones put into it; `owners` says by whose account or card it is paid.

    Each account or card uses the share that its id hashes to, so the sums follow the ids.
    """
    columns = [row["attname"] for row in await connection.fetch(
        "select attname from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped", SHARES
    )]
    if not columns:
        return
    rows = await connection.fetch(f"select {', '.join(columns)} from {SHARES}")
    totals: dict[str, Counter[str]] = {}
    amounts = [column for column in columns if column.endswith("_minor")]
    for row in rows:
        owner = owners[row["merchant_id"]]
        for clone in range(clones.stop):
            share = share_key(row["merchant_id"], renamed_text(owner, clone))
            totals.setdefault(share, Counter()).update({column: row[column] for column in amounts})
    await connection.execute(f"delete from {SHARES}")
    filled = [
        tuple(_share_column(column, share, rows[0], sums) for column in columns)
        for share, sums in sorted(totals.items())
    ]
    await connection.copy_records_to_table(SHARES, columns=columns, records=filled)


def _share_column(column: str, share: str, like: asyncpg.Record, sums: Counter[str]) -> object:
    if column == "id":
        return share
    if column == "merchant_id":
        return share.partition("/")[0]
    if column in CHAINED:
        return b""
    return sums[column] if column.endswith("_minor") else like[column]


def targets_of(targets: Sequence[Target], clone: int) -> list[Target]:
    """The load's targets in a clone."""
    return [
        replace(
            each, order_id=renamed_text(each.order_id, clone), return_id=renamed_text(each.return_id, clone),
            redemption_id=renamed_text(each.redemption_id, clone), customer_id=renamed_text(each.customer_id, clone),
        ) for each in targets
    ]
