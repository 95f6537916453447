"""Provenance: which operations a decision carried out, and by which name an event tells it."""

from services.card_redemption.domain import events as card_events
from services.card_redemption.wire import CODEC as CARD_CODEC
from services.credit_ledger.domain.log.postings import TOLD
from services.credit_ledger.domain.model.events import MerchantPaid
from services.credit_ledger.wire import CODEC as CREDIT_CODEC
from settle.audit.provenance.words import ON_THE_WIRE


def test_events_are_known_by_the_names_that_they_have_on_the_wire() -> None:
    """An event is stored under the name of its message, and the auditor reads it as the domain's."""
    told = {event for events in TOLD.values() for event in events} | {MerchantPaid}
    of_cards = {event for event in vars(card_events).values() if isinstance(event, type)}

    for codec, events in ((CREDIT_CODEC, told), (CARD_CODEC, of_cards)):
        for event in events:
            stored = codec._by_domain[event][0].rpartition(".")[2]  # tests may look inside
            assert ON_THE_WIRE.get(stored, stored) == event.__name__
