"""The joins over the databases, as the auditor asks them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from settle.audit.findings import CARD, CREDIT, ORDER, Check, Finding
from settle.audit.joins import parties, refunds, requests, unknown
from settle.audit.snapshots import World

CHECKS: Sequence[Check] = requests.CHECKS
QUIET: Sequence[Check] = unknown.QUIET
CROSS: Mapping[str, Callable[[World], Awaitable[list[Finding]]]] = {unknown.UNKNOWN: unknown.unknown}
SAYS = unknown.SAYS
WALKED = (
    (
        parties.PARTIES, "order, settlements, agreement, card tender and payment name the same people and papers",
        ORDER, "order", parties.parties, "a row was lost, or changed past the engine",
    ),
    (
        refunds.SETTLED, "tenders, refunds and return cases of an order are what its settlements did", ORDER, "order",
        refunds.settled, "a settlement was lost or changed, or the order was",
    ),
    (
        refunds.TOLD, "order, credit ledger and rail say the same of how far a refund is", ORDER, "order", refunds.told,
        "a notice was lost, or a row changed past the engine",
    ),
    (
        parties.AGREEMENTS, "every agreement is of an order that the coordinator has", CREDIT, "account",
        parties.agreements, "the order was lost at the coordinator: what it holds nobody will release",
    ),
    (
        parties.TENDERS, "every deposit of a card is of an order that the coordinator has", CARD, "card",
        parties.card_tenders, "the order was lost at the coordinator: what it holds nobody will release",
    ),
)
