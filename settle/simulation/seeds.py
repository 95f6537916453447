"""One world from one seed, or from choices that were kept: what it came to."""

import gc
from dataclasses import dataclass, field
from traceback import format_exception_only

import structlog

from services.runtime.ground.values import settle_in
from settle.simulation.agenda import Endless
from settle.simulation.checks import examine
from settle.simulation.tape import Choices, Tape
from settle.simulation.world import Violation, World

_FATAL = 50
"""The level of the runtime's log lines that are shown: none is, for faults are what a world is made of."""
CRASHED, ENDLESS = "crashed", "endless"
"""The checks of what raised where nothing may, and of a world that goes on and on."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a world came to: how many settlements, what does not hold, and what it reached."""

    seed: int
    sagas: int = 0
    violations: tuple[Violation, ...] = ()
    reached: dict[str, int] = field(default_factory=dict)
    virtual_seconds: float = 0.0


def prepare() -> None:
    """Make this process fast, as one that serves is, and more: no log, and nothing is collected but between parts."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_FATAL))
    settle_in()
    gc.disable()


def run_seed(seed: int) -> Outcome:
    """The world of a seed."""
    world = lived(Tape(seed))
    outcome = outcome_of(seed, world)
    world.let_go()
    return outcome


def replay(choices: Choices, *, told: bool = False) -> World:
    """The world that these choices make."""
    return lived(Tape(given=choices), told=told)


def lived(tape: Tape, *, told: bool = False) -> World:
    """A world from its beginning to its end, and what the checks say of it."""
    world = World(tape, told=told)
    try:
        world.run()
        examine(world)
    except Endless as error:
        world.fail(ENDLESS, str(error))
    except Exception as error:  # whatever it was, it is what the seed found
        world.fail(CRASHED, "".join(format_exception_only(error)).strip())
        world.error = error
    return world


def outcome_of(seed: int, world: World) -> Outcome:
    """What is kept of a world."""
    return Outcome(seed, world.sagas, tuple(world.violations), dict(world.reached.counts), world.seconds())
