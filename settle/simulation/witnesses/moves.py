"""Moves of rows: each decision makes only those that the table of its kind has."""

from collections.abc import Callable

from services.kernel.decision import Aggregate, Known
from settle.simulation import lives


class Watched(Known):
    """What a transaction knows, watched: every row that a decision puts there is held against the row before it, so
    that two decisions of one transaction are two moves. `told` hears of a move that is in no table."""

    def __init__(self, told: Callable[[str], None]) -> None:
        super().__init__()
        self._told = told

    def put(self, row: Aggregate) -> None:
        """Take a changed or new aggregate into the view, if that may be."""
        for life, was, now in lives.changes(self.loaded(type(row), row.key), row):
            if not life.allows(was, now):
                self._told(f"{life.name}: {was or 'nothing'} -> {now} in {row.key}")
        super().put(row)
