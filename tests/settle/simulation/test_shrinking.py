"""Shrinking: what is not needed for a failure falls away, and the story that is left is short."""

from settle.simulation.seeds import lived
from settle.simulation.shrinking import Shrinking
from settle.simulation.story import told
from settle.simulation.tape import Tape, weight


def test_what_does_not_matter_falls_away() -> None:
    """Two choices out of many make it fail; their values become as small as they may be."""
    choices = {name: [5] * 20 for name in ("swarm", "a", "b", "c")}

    def fails(tried: dict[str, list[int]]) -> bool:
        swarm, a = tried.get("swarm", []), tried.get("a", [])
        return len(swarm) > 3 and swarm[3] >= 2 and len(a) > 7 and a[7] >= 4

    smallest = Shrinking(choices, fails).run()

    assert smallest == {"swarm": [0, 0, 0, 2], "a": [0] * 7 + [4]}


def test_a_story_of_a_world_shrinks_to_few_choices() -> None:
    """A world in which some order is cancelled: that one order is enough."""
    def fails(tried: dict[str, list[int]]) -> bool:
        return lived(Tape(given=tried)).reached.counts["two_phase"] > 0

    smallest = Shrinking(lived(Tape(4)).tape.choices, fails).run()

    assert 0 < weight(smallest) <= 10
    lines = list(lived(Tape(given=smallest), told=True).story.lines())
    assert any("TRY" in line and ">" in line for line in lines)
    assert told(lines, 3)[-1] == lines[-1]
