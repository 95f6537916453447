"""Seals: every row that changes, and whose history is not kept for ever, is as it was written last (`kernel/seal.py`).

A row without a seal was written before there were any; how many of a table are is noted once, and no more may be. What
a seal does not tell is that a row is gone, or was set back as a whole to what it once was: the joins tell that.
"""

from dataclasses import replace

from services.kernel.chain import name_of
from settle.audit import sealed_tables as tables
from settle.audit.chains import key_name
from settle.audit.findings import CARD, CREDIT, ORDER, SERVICES, Check, Finding, Walk
from settle.audit.sealed import SEALS, Sealed
from settle.audit.snapshots import World, pages

OF_RUNTIME = "seals.runtime"


async def of_runtime(world: World) -> list[Finding]:
    """The answers, the messages set aside and the acts of operators, in all services, that do not fit their seals. Of
    answers only those are read that were written since the mark, if there is one."""
    found: list[Finding] = []
    for service in SERVICES:
        if await key_name(world, service) != name_of(world.chain_key):
            continue
        for sealed in tables.OF_RUNTIME:
            own = replace(sealed, service=service)
            where = f"age(xmin) <= {world.ages[service]}" if service in world.ages else "true"
            async for page in pages(world[service], own.selected(where)):
                found += [replace(each, check=OF_RUNTIME) for each in own.broken(page, world.chain_key)]
    return found


def _unsealed(sealed: Sealed, name: str) -> str:
    missing = f"from {sealed.table} where {name} = '' and {sealed.written}"
    noted = f"coalesce((select value::bigint from runtime_facts where name = 'unsealed_{sealed.table}'), 0)"
    return f"""select '{sealed.table} ' || key, 'at most ' || {noted} || ' rows without a {name}', 'none'
               from (select {sealed.key} as key {missing}) each where (select count(*) {missing}) > {noted}"""


def _unsealed_of(*sealed: Sealed) -> str:
    each = (*sealed, *tables.BOTH, *tables.OF_RUNTIME)
    return " union all ".join(_unsealed(one, name) for one in each for name in one.seals)


CHECKS = tuple(
    Check(
        id_, "every row that is sealed has its seal, but those from before there were seals", (service,),
        _unsealed_of(*sealed), cause="the seal was taken off, or the row put there, by hand",
    )
    for id_, service, sealed in (
        ("seals.of_orders", ORDER, tables.OF_ORDERS),
        ("seals.of_credit", CREDIT, tables.OF_CREDIT),
        ("seals.of_cards", CARD, tables.OF_CARDS),
    )
)
SAYS = {
    SEALS: "every row that is sealed is as it was written last",
    OF_RUNTIME: "answers, messages set aside and acts of operators are as they were written",
}
WALKS = tuple(Walk(SEALS, SAYS[SEALS], each.service, of, each.find) for of, each in tables.WALKED)
CROSS = {OF_RUNTIME: of_runtime}
