"""The promises of provenance, as the auditor asks them: one query each, or a walk over aggregates."""

from collections.abc import Sequence

from settle.audit.findings import CARD, CREDIT, Check, Walk
from settle.audit.provenance import accounts, cards, legs, papers, settlements, shares

CHECKS: Sequence[Check] = (*papers.CHECKS, *settlements.CHECKS)
WALKS = (
    Walk(
        accounts.JOURNALS, "every journal was posted by an operation of its account or a rail's word, as that says",
        CREDIT, "account", accounts.journals, cause="a journal was posted, changed or lost past the engine",
    ),
    Walk(
        accounts.EVENTS, "every input of an account is told by its event, and every event tells one", CREDIT, "account",
        accounts.told, cause="an event was changed, swapped or lost",
    ),
    Walk(
        legs.LEGS, "every leg is the payment that one operation sent", CREDIT, "account", legs.legs,
        cause="a leg was made, changed or lost past the engine",
    ),
    Walk(
        legs.PAID, "what left a transit is what became of its legs, order by order", CREDIT, "account", legs.paid,
        cause="a leg was ended without its journal, or a journal posted without its leg",
    ),
    Walk(papers.LINES, "every line of a statement is a billed instalment", CREDIT, "account", papers.lines, cause=""),
    Walk(
        shares.IN_CREDIT, "every journal of a merchant's share is a payment or a claim, and every payment is told",
        CREDIT, "share", shares.in_credit, cause="a journal or an event was changed past the engine",
    ),
    Walk(
        shares.IN_CARDS, "every journal of a merchant's share in the card book clears it, and is told", CARD, "share",
        shares.in_cards, cause="a journal or an event was changed past the engine",
    ),
    Walk(
        cards.CARDS, "every version of a card is one decision, with its journal and its event; tenders are their sums",
        CARD, "card", cards.cards, cause="a journal, an event or a tender was posted, changed or lost past the engine",
    ),
)
