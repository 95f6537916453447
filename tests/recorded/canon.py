"""What the story left behind, as text that is the same for the same rows: by service, table and aggregate.

Left out is only what says where a row stood, not what it was: the numbers of lanes and outbox rows.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg
from google.protobuf import descriptor_pool, message_factory, text_format
from google.protobuf.message import DecodeError

from tests.recorded.people import Said

Rows = Mapping[str, Mapping[str, list[str]]]
"""By `<service>/<table>`, then by aggregate."""

_NOT_COMPARED = {"lane_id", "seq"}
_NOT_OURS = {"schema_migrations"}
_GROUPED_BY = {"inbox": "message_id", "timers": "root", "outbox": "key", "parked": "key"}


async def rows_of(service: str, connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, dict[str, list[str]]]:
    """Every row of every table of a service's database."""
    await connection.execute("set timezone to 'UTC'")
    names = await connection.fetch(
        """select table_name from information_schema.tables
           where table_schema = 'public' and table_type = 'BASE TABLE' order by table_name"""
    )
    found = {}
    for (name,) in names:
        if name not in _NOT_OURS:
            found[f"{service}/{name}"] = await _table(connection, name)
    return found


async def _table(connection: "asyncpg.Connection[asyncpg.Record]", name: str) -> dict[str, list[str]]:
    columns = await connection.fetch(
        """select a.attname, coalesce(i.indisprimary, false) from pg_attribute a
           left join pg_index i on i.indrelid = a.attrelid and i.indisprimary and a.attnum = any(i.indkey)
           where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum""",
        name,
    )
    key = [column for column, primary in columns if primary]
    shown = ", ".join(f'"{column}"' for column, _ in columns if column not in _NOT_COMPARED)
    grouped = _GROUPED_BY.get(name, key[0])
    order = ", ".join(f'"{column}"' for column in key)
    stored = await connection.fetch(
        f"""select "{grouped}"::text, row_to_json((select t from (select {shown}) t))::text
            from "{name}" order by {order}"""
    )
    by_aggregate: dict[str, list[str]] = {}
    for aggregate, row in stored:
        by_aggregate.setdefault(aggregate.partition("/")[0] if name == "inbox" else aggregate, []).append(row)
    return by_aggregate


def answers(said: Iterable[Said]) -> dict[str, list[str]]:
    """The answers of all calls by their number, as rows."""
    found = {}
    for number, answer in enumerate(said, start=1):
        row = {"type": answer.type, "payload": f"\\x{answer.payload.hex()}", "refusal": answer.refusal}
        found[f"{number:04d} {answer.method}"] = [json.dumps(row)]
    return found


def digests(rows: Rows) -> dict[str, dict[str, str]]:
    """How many rows an aggregate has, and a digest of them."""
    return {
        table: {aggregate: f"{len(found)} {_digest(found)}" for aggregate, found in sorted(by_aggregate.items())}
        for table, by_aggregate in sorted(rows.items())
    }


def readable(row: str) -> str:
    """A row with its protobuf messages spelled out, and a digest of what they were spelled from."""
    fields: dict[str, Any] = json.loads(row)
    kind = fields.get("type", "") or _kind_of(fields.get("headers"))
    for name in ("payload", "outcome", "headers"):
        stored = fields.get(name)
        if isinstance(stored, str) and stored.startswith("\\x"):
            fields[name] = _spelled(kind if name != "headers" else "", bytes.fromhex(stored[2:]))
    return json.dumps(fields, ensure_ascii=False) + f" #{_digest([row])}"


def _spelled(kind: str, payload: bytes) -> str:
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(kind)
        message = message_factory.GetMessageClass(descriptor).FromString(payload)
    except (KeyError, DecodeError):
        return payload.decode(errors="backslashreplace")
    return text_format.MessageToString(message, as_one_line=True, as_utf8=True)


def _kind_of(headers: Any) -> str:  # Any: whatever the column holds
    stored = json.loads(bytes.fromhex(headers[2:])) if isinstance(headers, str) else headers or []
    found = dict(stored)
    return base64.b64decode(found.get("ce_type", "")).decode()


def _digest(rows: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]
