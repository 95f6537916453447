"""What of before is accepted without a link or without a seal is what was there when a process sealed it first."""

from services.kernel.chain import name_of
from services.kernel.seal import ACCEPTED as FACT
from services.kernel.seal import LongSeal
from settle.audit.chains import key_name
from settle.audit.findings import SERVICES, Finding
from settle.audit.snapshots import World, pages

ACCEPTED = "chains.accepted"
SAYS = {ACCEPTED: "no more rows are accepted without a link or a seal than those who run the services accepted"}
_ROWS = "select said from accepted_rows order by said collate \"C\""
_SEALED = "select value from runtime_facts where name = $1"
_SHOWN = 3
_CAUSE = ("somebody declared rows to be older than chains and seals; after an upgrade in which older processes ran"
          " beside newer ones that is accept_unlinked(), and one start with SETTLE_ACCEPT_UNLINKED=true")


async def accepted(world: World) -> list[Finding]:
    """The services whose list of what is accepted is another one than was sealed; before any was, it is empty."""
    found = []
    for service in SERVICES:
        if await key_name(world, service) != name_of(world.chain_key):
            continue  # `chain_keys` tells it once
        sealed = await world[service].fetchval(_SEALED, FACT) or LongSeal(FACT, world.chain_key).hex()
        told, first = await _told(world, service)
        if told != sealed:
            actual = f"{told}: {'; '.join(first) or 'nothing'}"
            found.append(Finding(ACCEPTED, service, "accepted_rows", sealed, actual, cause=_CAUSE))
    return found


async def _told(world: World, service: str) -> tuple[str, list[str]]:
    """The seal of the list, and its first rows; there is one for each aggregate of a database from before chains."""
    told, first = LongSeal(FACT, world.chain_key), list[str]()
    async for page in pages(world[service], _ROWS):
        for row in page:
            told.take(row["said"])
        first += [row["said"] for row in page[: _SHOWN - len(first)]]
    return told.hex(), first


CROSS = {ACCEPTED: accepted}
