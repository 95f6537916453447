"""Whether a history of one object can be told as a sequence: a search that takes, of the operations that nothing has to
come before, one after the other, and goes back where the object does not allow it."""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, TypeAlias

State: TypeAlias = Hashable


class Operation(NamedTuple):
    """Something that took effect at one instant between these two. `step` is the object after it, None where the
    object, as it is, does not allow it."""

    name: str
    began: int
    ended: int
    step: Callable[[State], State | None]


def linearizable(operations: Sequence[Operation], first: State) -> bool:
    """Whether some order of them keeps to their instants and to the object; what was tried once is not tried again."""
    tried: set[tuple[frozenset[int], State]] = set()
    waiting = [(frozenset(range(len(operations))), first)]
    while waiting:
        left, state = waiting.pop()
        if not left:
            return True
        if (left, state) in tried:
            continue
        tried.add((left, state))
        earliest = min(operations[number].ended for number in left)
        for number in sorted(left):
            if operations[number].began <= earliest and (after := operations[number].step(state)) is not None:
                waiting.append((left - {number}, after))
    return False
