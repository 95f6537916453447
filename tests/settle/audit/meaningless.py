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
_LOCK = "tells a writer that somebody was faster; below the journals or events of its root it is found"
_NIGHT = "how far tonight's comparison is: the next night begins anew"
_OVER = "it is over: nobody wakes it, and it is never read under its definition again"
_ANSWER = "the only copy of what a caller was told; it is gone after 30 days, and decides nothing else"
_WHEN = "when the row was written last, which nothing follows from"
_PRUNED = "only events tell it, and those of its order are pruned"
_NO_SHARE = "a share of which nothing is owed is made again when it is needed"
_CLOSED = "an envelope without its keys: it says so itself when it is opened (AES-256-GCM), its index when it is found"
_FREE_TEXT = "what people wrote, said only here: no rule reads it"

TABLE: Sequence[Meaningless] = (
    Meaningless("*", "consumed_offsets.*", "*", _COURIER),
    Meaningless("*", "event_logs.*", "*", "what is known of Kafka's log; every start compares it with Kafka"),
    Meaningless("*", "lanes.*", "*", "what a lane left unpublished; the sweeper publishes it anyway"),
    Meaningless("*", "republications.*", "*", _AGAIN),
    Meaningless("*", "parked.[kmph]*", "*", _OUTSIDE),
    Meaningless("*", "parked.so*", "*", _OUTSIDE),
    Meaningless("*", "parked.reason", "*", _OUTSIDE),
    Meaningless("*", "parked.row", "*", _OUTSIDE),
    Meaningless("*", "parked.detail", "*", _OUTSIDE),
    Meaningless("*", "parked.res*", "*", "who resolved it, and when: said only here, and gone after 30 days"),
    Meaningless("*", "event_checkpoints.made_at", "*", "when old events were pruned; nothing follows from it"),
    Meaningless("*", "*.version", "*", _LOCK),
    Meaningless("order", "sag*.definition_version", "*", _OVER),
    Meaningless("order", "sagas.attempts", "*", _OVER),
    Meaningless("order", "sagas.deadline_at", "*", _OVER),
    Meaningless("credit_ledger", "reconciliations.*", "*", _NIGHT),
    Meaningless("credit_ledger", "rail_differences.seen_at", "*", "when it was seen last; the next night says"),
    Meaningless("credit_ledger", "legs.attempts", "*", "how often the rail was asked: its timer says when it is again"),
    Meaningless("credit_ledger", "legs.detail", "*", _FREE_TEXT),
    Meaningless("credit_ledger", "legs.updated_at", "*", _WHEN),
    Meaningless("credit_ledger", "statements.issued_at", "*", "when the cut was made; `cut_at` says of which instant"),
    Meaningless("card_redemption", "card_codes.[bklsw]*", "*", _CLOSED),
    Meaningless("card_redemption", "record_since.at", "a day earlier", "it asks for more, of which there is none"),
    Meaningless("*", "inbox.body_hash", "*", "the only copy; with another one a retry is refused, not done twice"),
    Meaningless("*", "inbox.decided_at", "*", "says when the answer may be pruned, and nothing else"),
    Meaningless("*", "inbox.type", "*", _ANSWER),
    Meaningless("*", "inbox.outcome", "*", _ANSWER),
    Meaningless("*", "runtime_facts.name", "junk", "a fact that nobody reads; the one that is missed is written again"),
    Meaningless("*", "runtime_facts.row", "*", "a fact that nobody reads; the one that is missed is written again"),
    Meaningless("*", "runtime_facts.value", "*", "compared at every start; what may be pruned counts as pruned or not"),
    Meaningless("*", "merchant_shares.row", "*", _NO_SHARE),
    Meaningless("*", "timers.due_at", "*", "what is woken too early looks at the time, and waits on"),
    Meaningless("order", "orders.details", "filled", "a name that no reader has"),
    Meaningless("order", "return_cases.details.*note", "*", _FREE_TEXT),
    Meaningless("order", "return_cases.details.carrier", "*", _FREE_TEXT),
    Meaningless("order", "return_cases.details.return_address", "*", _FREE_TEXT),
    Meaningless("order", "sag*.plan.note", "*", _FREE_TEXT),
    Meaningless("order", "sag*.plan.reason", "*", _FREE_TEXT),
)

GAPS: Sequence[Meaningless] = (
    Meaningless("order", "operator_acts.*", "*", "who gave a settlement up, and why, is said nowhere else; no chain"),
    Meaningless("order", "saga_digests.branches.*", "*", "what a participant answered is pruned with its events"),
    Meaningless("order", "saga_digests.plan.*", "*", f"{_PRUNED}; its money and its people are compared"),
    Meaningless("order", "saga_digests.reason", "*", "why a settlement was given up"),
    Meaningless("order", "sag*.*ed_at", "*", "when a settlement began and ended"),
    Meaningless("order", "sagas.branches.*", "*", "a result is compared as long as its answer is kept"),
    Meaningless("order", "sagas.plan.coupon_basis.*", "*", "what the coupon's part was computed from"),
    Meaningless("order", "sagas.plan.pins.*", "*", "what an accepted quote pinned"),
    Meaningless("order", "sagas.plan.waybill_number", "*", "the number of a shipment"),
    Meaningless("order", "sagas.reason", "*", "why a settlement was given up"),
    Meaningless("order", "orders.details.bank_news.*", "*", "steps of a way back without a refund"),
    Meaningless("order", "orders.details.cancel_reason", "*", _PRUNED),
    Meaningless("order", "orders.details.promotions.*", "*", _PRUNED),
    Meaningless("order", "orders.lines.*", "*", _PRUNED),
    Meaningless("order", "orders.refunds.*.confirmed_at", "*", _PRUNED),
    Meaningless("order", "orders.refunds.*.news.*", "*", _PRUNED),
    Meaningless("order", "orders.updated_at", "*", _PRUNED),
    Meaningless("order", "return_cases.*", "*", _PRUNED),
    Meaningless("credit_ledger", "legs.moved_at", "*", "when a leg came into its state"),
    Meaningless("card_redemption", "card_tenders.order_id", "junk", "the order of a tender of which nothing was taken"),
    Meaningless("*", "*.pending_tried_at", "*", "a claim of which half is there"),
    Meaningless("*", "inbox.row", "*", "an answer that nobody counts: a notice's, or one of several at an instant"),
    Meaningless("order", "inbox.message_id", "*", "the name of an answer: of a request, a notice"),
    Meaningless("credit_ledger", "merchant_shares.payable_minor", "swapped", "which of a merchant's shares is owed"),
)
"""What has a meaning, and is not found yet, at least in some rows. No edit outside of both tables is missed."""


def reason_of(edit: Edit) -> str:
    """Why nobody has to find the edit; nothing if it must be found."""
    return next((row.reason for row in (*TABLE, *GAPS) if row.covers(edit)), "")
