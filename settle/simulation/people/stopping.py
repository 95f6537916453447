"""Two people who stop what must not go on, and let it go again: each switch of each service, at moments of its own."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.kernel.errors import PermissionDenied
from settle.simulation.agenda import MINUTE, SECOND, Steps
from settle.simulation.services import SERVICES

if TYPE_CHECKING:
    from settle.simulation.store import Store
    from settle.simulation.world import World

MAKER, CHECKER = "ann", "bob"


def stories(world: "World") -> Iterator[Steps]:
    """One for each switch."""
    for store in world.stores.values():
        for name in SERVICES[store.name].switches:
            yield _moved_about(world, store, name)


def let_go(world: "World") -> None:
    """Nothing is stopped any more."""
    for store in world.stores.values():
        for name in sorted(store.switches.stopped):
            store.switches.propose(name, False, MAKER)
            _approve(world, store, name, stopped=False)


def _moved_about(world: "World", store: "Store", name: str) -> Steps:
    track = world.tape.track(f"switch {name}")
    for _ in range(track.below(world.swarm.stops + 1)):
        yield track.below(world.swarm.spread + 20 * SECOND)
        for stopped in (True, False):
            if world.quiet:
                return
            store.switches.propose(name, stopped, MAKER)
            _try_alone(world, store, name, stopped=stopped)
            yield track.below(2 * SECOND)
            if world.quiet:
                return
            _approve(world, store, name, stopped=stopped)
            yield SECOND + track.below(2 * MINUTE)


def _try_alone(world: "World", store: "Store", name: str, *, stopped: bool) -> None:
    """Whoever proposes approves as well, and nothing comes of it."""
    try:
        store.switches.approve(name, stopped, MAKER, store.present(world.agenda.now))
    except PermissionDenied:
        world.reached.note("switch_of_one_refused")
    else:
        world.fail("switches", f"{MAKER} alone moved {name}")


def _approve(world: "World", store: "Store", name: str, *, stopped: bool) -> None:
    store.switches.approve(name, stopped, CHECKER, store.present(world.agenda.now))
    world.story.note(store.name, f"{'stopped' if stopped else 'let go of'} {name}")
