"""One finding with all that lies behind it: messages, settlements, events, operations, journals and timers, in order.

What is shown follows from the ids that the finding names: an order leads to its settlements and to what its account and
its card did for it, a settlement to its order and to the stored answers of its participants.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from settle.audit import auditor, gone, walks
from settle.audit.changed import Place
from settle.audit.evidence import Line, Names, lines_of
from settle.audit.findings import CARD, CREDIT, ORDER, SERVICES, Finding, Report
from settle.audit.snapshots import Connection, World, open_world

NOTHING_HELD: Mapping[str, Place] = {}


@dataclass(frozen=True, slots=True)
class Explained:
    """A finding, whether it is still so, and what lies behind it."""

    finding: Finding
    stands: bool
    lines: Sequence[Line]


_ORDERS = """
select id from orders where id = any($1::text[])
union select order_id from return_cases where id = any($1::text[])
union select root from saga_records where id = any($1::text[]) and kind <> 'merchant_settlement'
"""
_ORDERS_OF_MONEY = """
select order_id id from legs where id = any($1::text[])
union select order_id from credit_refunds where id = any($1::text[])
union select order_id from adjustments where id = any($1::text[]) and order_id <> ''
"""
_OWNERS = "select account_id id from agreements where order_id = any($1::text[])"
_CARDS = "select card_id id from card_tenders where order_id = any($1::text[])"
_SAGAS = "select id from saga_records where id = any($1::text[]) or root = any($2::text[])"


async def explain(
    dsns: Mapping[str, str], finding: Finding, chain_key: bytes = b"", held: Mapping[str, Place] = NOTHING_HELD
) -> Explained:
    """Look at a finding again, and gather what lies behind it; chains are under the key, and `held` is where the
    databases stood when they were clean last."""
    quiet = finding.check in {check.id for check in auditor.QUIET_CHECKS}
    async with open_world(dsns, quiet=quiet, chain_key=chain_key) as world:
        names = await _names_of(world, finding)
        stands = await _stands(world, finding, names, held)
        lines = [line for service in SERVICES for line in await lines_of(world[service], service, names)]
    return Explained(finding, stands, sorted(lines, key=lambda line: line.at))


async def _stands(world: World, finding: Finding, names: Names, held: Mapping[str, Place]) -> bool:
    report = Report()
    report.add(gone.GONE, await gone.gone(world, held) if finding.check == gone.GONE else [])
    await auditor.ask_everything(world, report, finding.check)
    for walk in walks.WALKS:
        if finding.check == walk.id:
            await walks.walk_some(world, walk, sorted({*names.named, *names.orders, *names.owners}), report)
    return finding.id in {found.id for found in report.findings}


async def _names_of(world: World, finding: Finding) -> Names:
    words = {word for part in finding.what.split() for word in (part, *re.split(r"[/,]", part)) if word}
    named = sorted(words)
    orders = {*await _ids(world[ORDER], _ORDERS, named), *await _ids(world[CREDIT], _ORDERS_OF_MONEY, named)}
    owners = {
        *await _ids(world[CREDIT], _OWNERS, sorted(orders)), *await _ids(world[CARD], _CARDS, sorted(orders))
    }
    sagas = {saga for service in SERVICES for saga in await _ids(world[service], _SAGAS, named, sorted(orders))}
    return Names(named, sorted(orders), sorted(owners), sorted(sagas))


async def _ids(connection: Connection, query: str, *given: list[str]) -> list[str]:
    return [row["id"] for row in await connection.fetch(query, *given)]


def as_text(explained: Explained) -> str:
    """The finding, then the rows behind it, oldest first."""
    finding = explained.finding
    since = f", since {finding.since}" if finding.since else ""
    head = [
        f"{finding.id}  {finding.check} in {finding.where}: {finding.what}",
        f"  expected {finding.expected}, found {finding.actual}{since}",
        *([f"  likely {finding.cause}"] if finding.cause else []),
        f"  it is {'still' if explained.stands else 'no longer'} so",
        "",
    ]
    rows = [f"{line.at:<32} {line.where:<16} {line.kind:<12} {line.says}" for line in explained.lines]
    return "\n".join([*head, *rows])


def as_json(explained: Explained) -> str:
    """The same as one object."""
    return json.dumps({
        "finding": {"id": explained.finding.id, **asdict(explained.finding)}, "stands": explained.stands,
        "lines": [asdict(line) for line in explained.lines],
    })
