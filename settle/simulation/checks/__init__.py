"""What has to hold of a world that has come to rest."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from settle.simulation.world import World


def examine(world: "World") -> None:
    """Ask everything; what does not hold is a violation of the world."""
    world.subscriber.compare()
