"""Work that is written for a loop and waits for nothing: here it is done at once."""

from collections.abc import Awaitable
from typing import TypeVar

from services.kernel.errors import Defect

T = TypeVar("T")


def at_once(work: Awaitable[T]) -> T:
    """What comes of it; a defect if it waits for something after all."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as done:
        value: T = done.value
        return value
    raise Defect(f"{work!r} waits for something")
