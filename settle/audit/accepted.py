"""What of before is accepted without a link or without a seal is what was there when a process sealed it first."""

from services.kernel.chain import name_of
from services.kernel.seal import ACCEPTED as FACT
from services.kernel.seal import seal_of
from settle.audit.chains import key_name
from settle.audit.findings import SERVICES, Finding
from settle.audit.snapshots import World

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
        said = [row["said"] for row in await world[service].fetch(_ROWS)]
        sealed = await world[service].fetchval(_SEALED, FACT) or seal_of(FACT, (), world.chain_key).hex()
        told = seal_of(FACT, said, world.chain_key).hex()
        if told != sealed:
            actual = f"{told}: {'; '.join(said[:_SHOWN]) or 'nothing'}"
            found.append(Finding(ACCEPTED, service, "accepted_rows", sealed, actual, cause=_CAUSE))
    return found


CROSS = {ACCEPTED: accepted}
