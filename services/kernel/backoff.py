"""When something that is not answered is asked for again: after a pause that grows, and not all at the same time."""

import zlib
from datetime import timedelta

_DOUBLINGS_MAX = 10


def pause(identity: str, attempts: int, *, first_seconds: int, most_seconds: int) -> timedelta:
    """The pause after so many attempts: twice as long each time up to the most, and up to half of it longer by a hash
    of the id, so that many do not wake in step."""
    seconds = min(first_seconds * 2 ** min(attempts, _DOUBLINGS_MAX), most_seconds)
    spread = zlib.crc32(f"{identity}/{attempts}".encode()) % 1000 / 1000
    return timedelta(seconds=seconds * (1 + spread / 2))
