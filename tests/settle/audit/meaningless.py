"""Edits that carry no meaning, each with its reason: all others must be found.

A row is (service, place, ways), and the key if it is about one row alone: the names may have `*`. The test fails where
a row is never needed.
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
    key: str = "*"

    def covers(self, edit: Edit) -> bool:
        """Whether it is about this edit."""
        return self._is_about(edit.service, edit.place, edit.way) and fnmatchcase(edit.key, self.key)

    def may_cover(self, place: Place, way: str) -> bool:
        """Whether it is about edits of this place in this way."""
        return self._is_about(place.table.service, place.name, way)

    def _is_about(self, service: str, place: str, way: str) -> bool:
        return (
            fnmatchcase(service, self.service) and fnmatchcase(place, self.place) and fnmatchcase(way, self.way)
        )


_COURIER = "Kafka may forget everything: what is read twice is answered from the inbox, what is skipped is sent again"
_AGAIN = "how far events were published again; at worst they are published once more, and subscribers know them"
_LOCK = "tells a writer that somebody was faster; below the journals or events of its root it is found"
_NO_SHARE = "a share of which nothing is owed is made again when it is needed"
_NOTHING_TAKEN = "of an order that was refused before anything was taken of its card"
_WHERE = "where a record stood when it was set aside: it is known by its own number"
_LIMIT = "a day's count begins anew, and money is as safe as without a limit; what was given back stands in the orders"
_UNTOLD = "of a step of a redemption whose event was pruned, and which neither its row nor a settlement dates"
_BETWEEN = "a version of its account at which nothing was posted: an account is opened for a settlement, or claimed, so"
_WRAPPED = "the key of an envelope, wrapped anew by each rotation: a wrong one says so when it is used (AES-256-GCM)"

TABLE: Sequence[Meaningless] = (
    Meaningless("*", "consumed_offsets.*", "*", _COURIER),
    Meaningless("*", "event_logs.*", "*", "what is known of Kafka's log; every start compares it with Kafka"),
    Meaningless("*", "lanes.*", "*", "what a lane left unpublished; the sweeper publishes it anyway"),
    Meaningless("*", "republications.*", "*", _AGAIN),
    Meaningless("*", "parked.partition", "*", _WHERE),
    Meaningless("*", "parked.kafka_offset", "*", _WHERE),
    Meaningless("*", "event_checkpoints.made_at", "*", "when old events were pruned; nothing follows from it"),
    Meaningless("*", "*.version", "*", _LOCK),
    Meaningless("credit_ledger", "statements.issued_at", "*", "when the cut was made; `cut_at` says of which instant"),
    Meaningless("card_redemption", "card_codes.key_version", "*", _WRAPPED),
    Meaningless("card_redemption", "card_codes.wrapped_key", "*", _WRAPPED),
    Meaningless("card_redemption", "record_since.at", "*", "any instant before the first attempt is as good"),
    Meaningless("*", "runtime_facts.name", "*", "a fact that nobody reads; the one that is missed is written again"),
    Meaningless("*", "runtime_facts.row", "*", "a fact that nobody reads; the one that is missed is written again"),
    Meaningless("*", "runtime_facts.value", "*", "compared at every start; what may be pruned counts as pruned or not"),
    Meaningless("*", "merchant_shares.row", "*", _NO_SHARE),
    Meaningless("order", "refund_days.row", "*", _LIMIT),
    Meaningless("*", "timers.due_at", "*", "what is woken too early looks at the time, and waits on"),
)

GAPS: Sequence[Meaningless] = (
    Meaningless("*", "parked.row", "deleted", "a record that nobody decided: nothing else knows that it came"),
    Meaningless("*", "inbox.row", "deleted", "an answer to what told nothing, or whose like came in the same instant"),
    Meaningless("card_redemption", "card_codes.row", "deleted", "a code whose card nobody redeemed, or has another"),
    Meaningless("card_redemption", "freeze_cases.row", "deleted", "of one redemption and instant another is left"),
    Meaningless(
        "card_redemption", "agreement_years.row", "deleted", "its agreement's events were pruned: nobody counts it"
    ),
    Meaningless("card_redemption", "card_tenders.row", "deleted", _NOTHING_TAKEN, key="ord_too_dear"),
    Meaningless("card_redemption", "card_tenders.row", "deleted", _NOTHING_TAKEN, key="ord_rejected"),
    Meaningless("*", "journals.posted_at", "a second later", _UNTOLD),
    Meaningless("credit_ledger", "journals.root_version", "one less", _BETWEEN),
)
"""What has a meaning, and is not found yet, at least in some rows. No edit outside of both tables is missed."""


def reason_of(edit: Edit) -> str:
    """Why nobody has to find the edit; nothing if it must be found."""
    return next((row.reason for row in (*TABLE, *GAPS) if row.covers(edit)), "")
