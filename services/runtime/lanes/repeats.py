"""Which calls were taken of late: whoever repeats one of them is no newcomer.

Its caller heard nothing, and does not know whether it was decided. Refused, it would come again and again; the stored
answer costs the lane next to nothing.
"""


class Repeats:
    """The ids of the last `most` calls."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._ids: dict[str, None] = {}

    def note(self, request_id: str) -> None:
        """This call was taken."""
        self._ids[request_id] = None
        if len(self._ids) > self._most:
            del self._ids[next(iter(self._ids))]

    def known(self, request_id: str) -> bool:
        """Whether a call with this id was taken of late."""
        return request_id in self._ids
