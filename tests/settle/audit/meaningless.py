"""Edits that carry no meaning, each with its reason: all others must be found.

A row is (service, place, ways): the names may have `*`. The test fails where a row is never needed.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from tests.settle.audit.edits import Edit, Place


class Meaningless(NamedTuple):
    """Edits of a place that nobody can tell from what was, or that nobody would act on."""

    service: str
    place: str
    way: str
    reason: str

    def covers(self, edit: Edit) -> bool:
        """Whether it is about this edit."""
        return self._is_about(edit.service, edit.place, edit.way)

    def may_cover(self, place: Place, way: str) -> bool:
        """Whether it is about edits of this place in this way."""
        return self._is_about(place.table.service, place.name, way)

    def _is_about(self, service: str, place: str, way: str) -> bool:
        return (
            fnmatchcase(service, self.service) and fnmatchcase(place, self.place) and fnmatchcase(way, self.way)
        )


_COURIER = "Kafka may forget everything: what is read twice is answered from the inbox, what is skipped is sent again"
_AGAIN = "how far events were published again; at worst they are published once more, and subscribers know them"
_OUTSIDE = "a record from outside that was never decided: no row says what it was"

TABLE: Sequence[Meaningless] = (
    Meaningless("*", "consumed_offsets.*", "*", _COURIER),
    Meaningless("*", "event_logs.*", "*", "what is known of Kafka's log; every start compares it with Kafka"),
    Meaningless("*", "lanes.*", "*", "what a lane left unpublished; the sweeper publishes it anyway"),
    Meaningless("*", "republications.*", "*", _AGAIN),
    Meaningless("*", "parked.[shkmpr]*", "*", _OUTSIDE),
    Meaningless("*", "parked.detail", "*", _OUTSIDE),
    Meaningless("*", "event_checkpoints.made_at", "*", "when old events were pruned; nothing follows from it"),
)


def reason_of(edit: Edit) -> str:
    """Why the edit carries no meaning; nothing if it does."""
    return next((row.reason for row in TABLE if row.covers(edit)), "")
