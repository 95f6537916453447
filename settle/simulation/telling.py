"""What a run is told as: text for people, and one object for machines."""

from typing import Any

from settle.simulation.many import Tally
from settle.simulation.reached import THINGS, demanded, missing
from settle.simulation.seeds import Outcome

SHOWN_MAX = 5


def unmet(tally: Tally) -> list[str]:
    """What a run of this length had to meet and did not."""
    return missing(tally.reached, demanded(tally.sagas))


def held(tally: Tally) -> bool:
    """Whether everything held, and enough was met to say so."""
    return not tally.failed and not unmet(tally)


def as_json(tally: Tally) -> dict[str, Any]:  # Any: the values of a JSON object
    """The run for machines."""
    return {
        "held": held(tally), "worlds": tally.worlds, "sagas": tally.sagas, "seconds": round(tally.seconds, 1),
        "sagas_per_second": round(tally.sagas / tally.seconds, 1) if tally.seconds else 0.0,
        "sagas_per_cpu_second": round(tally.sagas / tally.cpu_seconds, 1) if tally.cpu_seconds else 0.0,
        "virtual_days": round(tally.virtual_seconds / 86_400, 1),
        "violations": [
            {"seed": outcome.seed, "check": each.check, "what": each.what, "at_seconds": each.at / 1e6}
            for outcome in tally.failures for each in outcome.violations
        ],
        "reached": {name: tally.reached.get(name, 0) for name in THINGS}, "missing": missing(tally.reached),
    }


def as_text(tally: Tally) -> str:
    """The run for people."""
    rate = tally.sagas / tally.seconds if tally.seconds else 0.0
    per_core = tally.sagas / tally.cpu_seconds if tally.cpu_seconds else 0.0
    lines = [
        f"{tally.sagas:,} settlements in {tally.worlds:,} worlds, {tally.virtual_seconds / 86_400:,.0f} of their days",
        f"{tally.seconds:,.1f} s: {rate:,.0f} settlements a second, {per_core:,.0f} for each second of a core",
        f"{len(THINGS) - len(missing(tally.reached))} of {len(THINGS)} rare things were met",
    ]
    not_met = unmet(tally)
    if not_met:
        lines.append(f"not met: {', '.join(not_met)}")
    if others := [name for name in missing(tally.reached) if name not in not_met]:
        lines.append(f"not met (the run was too short to demand it): {', '.join(others)}")
    for outcome in tally.failures[:SHOWN_MAX]:
        lines += told(outcome)
    if tally.failed:
        lines.append(f"{tally.failed} of {tally.worlds} worlds failed")
    return "\n".join([*lines, "everything held" if held(tally) else "it did not hold"])


def told(outcome: Outcome) -> list[str]:
    """What does not hold of one world."""
    return [f"seed {outcome.seed}:", *(
        f"  {each.check} at {each.at / 1e6:,.3f} s: {each.what[:300]}" for each in outcome.violations[:SHOWN_MAX]
    )]


def explained(tally: Tally) -> str:
    """Every rare thing, how often it was met, and what it is."""
    width = max(map(len, THINGS))
    return "\n".join(f"{tally.reached.get(name, 0):>10,}  {name:<{width}}  {says}" for name, says in THINGS.items())
