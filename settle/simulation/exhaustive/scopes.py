"""Which worlds are explored: up to three shelves, each kind of them, asked at once and in turn, with and without a
command that is set aside."""

from settle.simulation.exhaustive.errands import Shelf
from settle.simulation.exhaustive.world import Scope

_FREE, _FULL, _WRONG = Shelf

SMALL = (
    *(Scope((shelf,), sets_aside=True) for shelf in (_FREE, _FULL)),
    *(Scope(shelves) for shelves in (
        (_FREE, _FREE), (_FREE, _FULL), (_FULL, _FULL), (_FREE, _WRONG), (_FULL, _WRONG), (_WRONG, _WRONG),
    )),
    *(Scope(shelves, in_turn=True) for shelves in ((_FREE, _FREE), (_FREE, _FULL), (_FULL, _FREE), (_FREE, _WRONG))),
)
"""Each within a second."""

LARGE = (Scope((_FREE, _FREE), sets_aside=True), Scope((_FREE, _FREE, _FREE)))
"""Half a million states each."""

LARGEST = (
    Scope((_FREE, _FULL), sets_aside=True), Scope((_FREE, _WRONG), sets_aside=True), Scope((_FREE, _FREE, _FULL)),
    Scope((_FREE, _FREE, _WRONG)), Scope((_FREE, _FREE), sets_aside=True, in_turn=True),
    Scope((_FREE, _FREE, _FREE), in_turn=True),
)
"""As large, and seldom different."""
