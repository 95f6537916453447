"""Which cause is likely where a check finds something that cannot say it itself: by check."""

from collections.abc import Mapping

_JOURNAL = "a journal was changed, added or deleted past the engine: its own constraint refuses such a one"
_NUMBERED = "a journal was deleted or added past the engine; an engine posts all of a decision in one transaction"
_PROJECTED = "the row was changed past the engine, or a journal of it was lost or added"
_ROW = "the row was changed past the engine: no rule makes one that contradicts itself"
_COUNTED = "a row of the log was deleted or added past the engine, or the root's count was changed"
_SET_BACK = "the root was set back to an older version, or the journal was added past the engine"
_CLAIM = "the end of a settlement was lost here: its CONFIRM or CANCEL was answered, and not carried out"
_LEGS = "a leg was changed past the engine, or its journal was lost; the rail's own list says which"
_PEOPLE = "people opened it and did not finish, or the paper of what they did was changed"
_MOVED = "the plan of the settlement was changed past the engine, or a journal of it was lost or added"
_OTHER_SIDE = "one side was changed past the engine, or a command or a notice between the services was lost"
_SAGA = "the settlement's row was changed past the engine"
_ANSWER = "the answer was deleted or changed past the engine, or the settlement's decision was"
_PAPER = "the document or its operation was changed, added or deleted past the engine"
_WAITS = "a participant does not answer, or refuses what it promised: see the settlement's branches and `parked list`"
_UNSENT = "Kafka takes no records, or its receiver does not answer; once both do, it goes away by itself"

CAUSES: Mapping[str, str] = {
    **dict.fromkeys((
        "journals.balance", "journals.shape", "journals.units", "books.zero", "accounts.known", "cards.merchants",
    ), _JOURNAL),
    "journals.ordinals": _NUMBERED,
    **dict.fromkeys((
        "accounts.projection", "merchants.projection", "merchants.card_shares", "cards.projection", "cards.deposits",
        "agreements.debt", "agreements.deposits",
    ), _PROJECTED),
    **dict.fromkeys((
        "accounts.sound", "agreements.instalments", "agreements.plans", "agreements.refunds", "agreements.ended",
        "cards.refunds", "merchants.covered", "cards.codes", "disputes.adjusted",
    ), _ROW),
    **dict.fromkeys(("accounts.log", "accounts.events", "cards.events", "orders.events", "events.gapless"), _COUNTED),
    **dict.fromkeys(("accounts.versions", "cards.versions"), _SET_BACK),
    **dict.fromkeys(("accounts.claims", "cards.claims", "cards.held", "merchants.claims", "orders.lock"), _CLAIM),
    **dict.fromkeys(("rails.transit", "rails.deposits", "rails.flash", "rails.room", "rails.counted"), _LEGS),
    **dict.fromkeys(("rails.adjusted", "suspense.zero"), _PEOPLE),
    **dict.fromkeys((
        "merchants.settled", "merchants.clawed_back", "merchants.ends", "sagas.moved", "sagas.moved_cards",
    ), _MOVED),
    **dict.fromkeys((
        "orders.tenders", "orders.owes_nothing", "orders.refunded_whole", "orders.card_tenders",
        "orders.card_returned", "joins.payments",
    ), _OTHER_SIDE),
    **dict.fromkeys(("sagas.decision", "sagas.branches"), _SAGA),
    **dict.fromkeys((
        "sagas.answers", "sagas.traceless", "unfinished.verdict",
    ), _ANSWER),
    **dict.fromkeys((
        "provenance.given_back", "provenance.repayments", "provenance.statements", "provenance.statement_sums",
        "provenance.statement_lines", "provenance.adjustments",
    ), _PAPER),
    **dict.fromkeys(("unfinished.frozen", "unfinished.sagas"), _WAITS),
    **dict.fromkeys(("unfinished.notices", "unfinished.outbox"), _UNSENT),
    **dict.fromkeys((
        "states.orders", "states.merchant_settlements", "states.accounts", "states.cards", "states.redemptions",
    ), _ROW),
}
