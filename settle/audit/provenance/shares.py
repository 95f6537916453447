"""Merchants' shares: every journal under one is a payment of the merchant or a claim on it, with a command of its own,
and every payment is told (3.3, P23, P24)."""

from collections.abc import Iterator, Sequence

from services.card_redemption.domain import commands as card_commands
from services.card_redemption.domain.events import MerchantShareCleared
from services.card_redemption.domain.postings import POSTINGS
from services.card_redemption.domain.postings import SUBS as CARD_SUBS
from services.credit_ledger.domain.log.postings import SUBS, UNDER_A_SHARE
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.events import MerchantPaid
from services.kernel.journal import Posting
from settle.audit.findings import CARD, CREDIT, Finding
from settle.audit.provenance.words import Decided, Posted, Told, decisions, events, finding, said
from settle.audit.snapshots import World

IN_CREDIT, IN_CARDS = "provenance.shares", "provenance.card_shares"
_SHARES = "select id, merchant_id, version, sequence from merchant_shares where id = any($1::text[])"
_PAYMENT = "merchant_settle"
_ROWS: dict[str, list[tuple[str, Posting]]] = {
    CREDIT: [(kind.__name__, row) for kind, rows in UNDER_A_SHARE.items() for row in rows],
    CARD: [(card_commands.ClearMerchantShare.__name__, row) for row in POSTINGS[card_commands.ClearMerchantShare]],
}
_TELLS = {CREDIT: MerchantPaid.__name__, CARD: MerchantShareCleared.__name__}
_SUBS = {CREDIT: SUBS, CARD: CARD_SUBS}
_CHECKS = {CREDIT: IN_CREDIT, CARD: IN_CARDS}


async def in_credit(world: World, ids: Sequence[str]) -> list[Finding]:
    """What is wrong with the journals and events of these shares of the credit ledger."""
    return await _shares(world, CREDIT, ids)


async def in_cards(world: World, ids: Sequence[str]) -> list[Finding]:
    """What is wrong with the journals and events of these shares of the card book."""
    return await _shares(world, CARD, ids)


async def _shares(world: World, service: str, ids: Sequence[str]) -> list[Finding]:
    decided, heard = await decisions(world, service, ids), await events(world, service, ids)
    found: list[Finding] = []
    for row in await world[service].fetch(_SHARES, ids):
        own = decided.get(row["id"], [])
        found += [each for decision in own for each in _strange(service, row["merchant_id"], decision)]
        found += [
            _about(service, decision.journals[0], f"at most version {row['version']}", str(decision.version))
            for decision in own if decision.version > row["version"]
        ]
        found += _untold(service, row["id"], own, heard.get(row["id"], []))
    return found


def _strange(service: str, merchant_id: str, decision: Decided) -> Iterator[Finding]:
    if len(decision.journals) > 1:
        yield _about(service, decision.journals[1], "one journal of a decision", f"{len(decision.journals)}")
    for journal in decision.journals:
        kinds = [kind for kind, row in _ROWS[service] if row.op == journal.op and row.unit == journal.unit
                 and all(row.allows(account, amount) for account, _, amount in journal.lines)]
        if not kinds or not journal.lines:
            yield _about(service, journal, "what a command on a share posts", said(journal.lines))
        elif (kinds == [commands.SettleMerchant.__name__]) != (journal.saga_id == ""):
            yield _about(service, journal, f"posted by {' or '.join(kinds)}", journal.saga_id or "of no settlement")
        names = {"": "", "merchant": merchant_id, "settlement": journal.saga_id, "order": journal.order_id}
        for account, sub, _ in journal.lines:
            named = _SUBS[service].get(account, "")
            if sub != names.get(named, sub):
                yield _about(service, journal, f"{account} of {names[named] or 'nobody'}", sub or "nobody")


def _untold(service: str, share: str, decided: Sequence[Decided], told: Sequence[Told]) -> Iterator[Finding]:
    """Payments are told in their order, each once; of those that are in front of what is kept nothing is known."""
    paid = [decision for decision in decided if decision.journals[0].op == _PAYMENT]
    if told and told[0].pruned:
        paid = paid[-len(told):]
    expected = [(_TELLS[service], decision.saga_id, decision.posted_at) for decision in paid]
    actual = [(event.type, event.saga_id, event.at) for event in told]
    for decision, event, due, heard in zip(paid, told, expected, actual, strict=False):
        if due != heard:
            yield finding(_CHECKS[service], service, event.key, f"the event of {decision.journals[0].key}",
                          f"of {event.saga_id or 'no settlement'} at {event.at}", at=event.at)
            return
    for decision in paid[len(told):]:
        yield _about(service, decision.journals[0], f"an event of {share} that tells it", "none")
    for event in told[len(paid):]:
        yield finding(_CHECKS[service], service, event.key, "a payment that it tells", "none", at=event.at)


def _about(service: str, journal: Posted, expected: str, actual: str) -> Finding:
    return finding(_CHECKS[service], service, journal.key, expected, actual, at=journal.posted_at)
