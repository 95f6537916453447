"""The permanent record alone, for whoever asks about nothing else: its chain, and what calls did beside it (RD-31)."""

from collections.abc import Mapping

from settle.audit import auditor, chains, record, walks
from settle.audit.findings import CARD, Report
from settle.audit.snapshots import World, open_snapshots

_ASKED = (chains.CHAIN_KEYS, *(check.id for check in record.CHECKS), chains.RECORD_CHAINS, record.RECORDED)
_END = "select id, attempts, attempts_head from record_volumes order by id desc limit 1"
_UNSEALED = "select count(*) from attempts where volume is null"


async def verify_record(dsns: Mapping[str, str], chain_key: bytes = b"") -> Report:
    """Follow the record from its first attempt to its last; of a volume that does not hold, every attempt that was
    altered, taken out, put in or swapped is told, the first one first."""
    report = Report()
    async with open_snapshots(dsns) as connections:
        world = World(connections, quiet=False, chain_key=chain_key)
        for check in _ASKED:
            await auditor.ask_everything(world, report, check)
            await walks.walk_all(world, report, check)
        report.notes.append(await _end_of(world))
    return report


async def _end_of(world: World) -> str:
    """Where the record ends: whoever keeps this elsewhere sees whether its end was ever cut off."""
    last, unsealed = await world[CARD].fetchrow(_END), await world[CARD].fetchval(_UNSEALED)
    if last is None:
        return f"nothing is sealed yet; {unsealed} attempts wait for it"
    end = f"{last['id']}/{last['attempts']} head {last['attempts_head'].hex()}"
    return f"the record ends at {end}; {unsealed} attempts wait to be sealed"
