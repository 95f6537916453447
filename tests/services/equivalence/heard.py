"""Services in memory that remember every message they decided, so that another store can be asked the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from services.kernel.effects import Arrived, Effects
from tests.extremes.engine import SERVICES
from tests.in_memory import NOBODY, InMemory


class Heard(NamedTuple):
    """One message, when it was decided, and what it caused."""

    at: datetime
    arrived: Arrived
    effects: Effects[Arrived]

    @property
    def known_again(self) -> bool:
        """Whether a store knows it when it comes twice: by its id."""
        return bool(self.arrived.message.id)


@dataclass
class Remembering(InMemory):
    """A service in memory, and what it `heard`."""

    heard: list[Heard] = field(default_factory=list)

    def _decided(
        self, arrived: Sequence[Arrived], waiting: Mapping[str, Sequence[Arrived]] = NOBODY, awake: Sequence[str] = ()
    ) -> Effects[Arrived]:
        effects = super()._decided(arrived, waiting, awake)
        if not effects.faulty:
            self.heard += [Heard(self.now, each, effects) for each in arrived]
        return effects


def worlds(now: datetime) -> dict[str, Remembering]:
    """The three services, nothing in them yet."""
    return {
        name: Remembering(service.rules, service.timers, name, now) for name, service in SERVICES.items()
    }
