"""A failure as a story: the same seed again, the fewest choices that still fail, told, and kept as a test."""

import json
from dataclasses import dataclass
from gc import collect
from itertools import count
from pathlib import Path
from typing import Any

from settle.simulation.many import AT_A_TIME
from settle.simulation.seeds import lived, outcome_of, prepare, replay
from settle.simulation.shrinking import Fails, Shrinking
from settle.simulation.story import told as last_lines
from settle.simulation.tape import Tape, weight
from settle.simulation.telling import told
from settle.simulation.world import Violation

LINES_MAX = 120
"""So many of the last lines of a story are shown."""
HISTORIES = Path("tests") / "histories"


@dataclass(frozen=True, slots=True)
class Failure:
    """What failed first, the fewest choices that still do, and the story of those."""

    violation: Violation
    choices: dict[str, list[int]]
    story: list[str]
    runs: int


def of(seed: int) -> Failure | None:
    """The failure of a seed, shrunk; None if its world holds."""
    prepare()
    world = lived(Tape(seed))
    if not world.violations:
        return None
    check = world.violations[0].check
    shrinking = Shrinking(world.tape.choices, _failing(check))
    smallest = shrinking.run()
    again = replay(smallest, told=True)
    first = next((each for each in again.violations if each.check == check), world.violations[0])
    return Failure(first, smallest, list(again.story.lines()), shrinking.runs)


def _failing(check: str) -> Fails:
    """Whether the world of some choices fails this check; what it leaves is collected now and then, for many are tried
    and nothing else collects it."""
    tried = count(1)

    def fails(choices: dict[str, list[int]]) -> bool:
        world = replay(choices)
        failed = any(each.check == check for each in world.violations)
        world.let_go()
        if next(tried) % AT_A_TIME == 0:
            collect()
        return failed

    return fails


def as_json(seed: int, failure: Failure | None) -> dict[str, Any]:  # Any: the values of a JSON object
    """The failure for machines."""
    if failure is None:
        return {"seed": seed, "held": True}
    return {
        "seed": seed, "held": False, "check": failure.violation.check, "what": failure.violation.what,
        "choices": failure.choices, "weight": weight(failure.choices),
    }


def as_text(seed: int, failure: Failure | None) -> str:
    """The failure for people."""
    if failure is None:
        return "\n".join(told(outcome_of(seed, lived(Tape(seed))))) + "\neverything held"
    return "\n".join([
        f"seed {seed} fails: {failure.violation.check}: {failure.violation.what}",
        f"{weight(failure.choices)} choices of it are enough ({failure.runs} worlds were tried):",
        *(f"  {name}: {chosen}" for name, chosen in sorted(failure.choices.items())), "",
        *last_lines(failure.story, LINES_MAX),
    ])


def save(seed: int, failure: Failure, folder: Path = HISTORIES) -> Path:
    """Keep the choices, so that every run of the tests makes this world again."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{failure.violation.check}_{seed}.json"
    kept = {"check": failure.violation.check, "what": failure.violation.what, "choices": failure.choices}
    path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    return path
