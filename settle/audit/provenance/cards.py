"""Gift cards: every version of a card is one decision, with one journal and one event, and what an order's tender says
is the sum of the journals of that order (P3, P4, P6, P12, P24)."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from services.card_redemption.domain import books, commands, events
from services.card_redemption.domain.postings import POSTINGS, SUBS
from settle.audit import sealed_tables as tables
from settle.audit.findings import CARD, Finding
from settle.audit.folds.card_numbers import is_step
from settle.audit.folds.card_standing import STANDING
from settle.audit.folds.cards import REFUNDS
from settle.audit.folds.redemption_replay import OF_REDEMPTION
from settle.audit.provenance import redemptions
from settle.audit.provenance.words import Decided, Posted, Told, decisions, finding
from settle.audit.provenance.words import events as events_of
from settle.audit.shared_reads import read_all
from settle.audit.snapshots import World

CARDS = "provenance.cards"
_CARDS = "select id, version, face_minor, issuer from gift_cards where id = any($1::text[])"
_ROWS = {row.op: row for kind, each in POSTINGS.items() if kind is not commands.ClearMerchantShare for row in each}
_TELLS = {
    "card_issue": events.CardIssued.__name__, "deposit": events.CardDeposited.__name__,
    "deposit_return": events.CardDepositReturned.__name__, "capture": events.CardDepositCaptured.__name__,
    "refund": events.CardRefunded.__name__, "refund_accept": events.CardRefunded.__name__,
    "refund_reverse": events.CardRefundReversed.__name__, "card_void": events.CardVoided.__name__,
    "card_close": events.CardClosed.__name__,
}
_OF_ALL_VALUE = frozenset({events.CardVoided.__name__, events.CardClosed.__name__})
_UNPOSTED = frozenset(fact.__name__ for fact in STANDING) - _OF_ALL_VALUE
"""Events of steps that post nothing, or (of redemptions) that need not."""
_CALLED = ("card_issue", "card_void", "card_close")
"""Operations of calls, and of the sagas that this service coordinates; all others are of settlements of orders."""
_OTHER_SUBS = ("card_void", "card_close")
"""What they credit is the replacement, or the closing: the fold knows its name from the event."""


class _Tender(NamedTuple):
    """What an order took of a card, as its row says it."""

    card_id: str
    order_id: str
    merchant_id: str
    deposited_minor: int
    returned_minor: int
    captured_minor: int
    refunds: list[tuple[int, int]]
    """What went back to the card, and what of that was not covered by the merchant's share, in order."""


async def cards(world: World, ids: Sequence[str]) -> list[Finding]:
    """Versions of these cards without their one journal and their one event, journals that are nobody's, and tenders
    that say something else than the journals of their orders."""
    rows = [_tender_of(row) for row in await read_all(world, CARD, tables.TENDERS.query, ids)]
    merchants = {(row.card_id, row.order_id): row.merchant_id for row in rows}
    decided, heard = await decisions(world, CARD, ids), await events_of(world, CARD, ids)
    found = _tenders(rows, decided)
    owners = await redemptions.owners(world, [
        journal for own in decided.values() for each in own for journal in each.journals if _redeems(journal)
    ])
    for card in await world[CARD].fetch(_CARDS, ids):
        own, told = decided.get(card["id"], []), heard.get(card["id"], [])
        found += _versions(card, own, told)
        for journal in (journal for decision in own for journal in decision.journals):
            if _redeems(journal):
                found += [_about(journal, *odd) for odd in redemptions.strange(journal, owners)]
            else:
                found += _strange(journal, merchants)
    return found


def _tender_of(row: Any) -> _Tender:  # Any: asyncpg record
    given = sorted((each.amount_minor, each.uncovered_minor) for each in REFUNDS.decode(row["refunds"]))
    return _Tender(
        row["card_id"], row["order_id"], row["merchant_id"], deposited_minor=row["deposited_minor"],
        returned_minor=row["returned_minor"], captured_minor=row["captured_minor"], refunds=given,
    )


def _tenders(rows: Sequence[_Tender], decided: Mapping[str, Sequence[Decided]]) -> list[Finding]:
    stated = {(row.card_id, row.order_id): row for row in rows}
    booked: dict[tuple[str, str], list[Posted]] = {}
    for card_id, own in decided.items():
        for journal in (journal for decision in own for journal in decision.journals if journal.order_id):
            booked.setdefault((card_id, journal.order_id), []).append(journal)
    return [
        found for key in sorted(stated.keys() | booked.keys())
        for found in _unlike(key, stated.get(key), booked.get(key, ()))
    ]


def _versions(card: Any, decided: Sequence[Decided], told: Sequence[Told]) -> Iterator[Finding]:  # Any: asyncpg record
    """Every version has one journal; the events that are kept are those of the last versions, one each."""
    posted = {decision.version: decision for decision in decided}
    heard, dropped = _by_version(told, card["version"])
    value_minor = _brought(card, decided)
    for version in range(1, min(card["version"], max((*posted, *heard), default=0) + 1) + 1):  # one behind all others
        decision, event = posted.pop(version, None), heard.pop(version, None)
        key = f"card {card['id']} version {version}"
        if decision is None:
            if version > dropped and (event is None or not _posts_nothing(event, value_minor)):
                yield finding(CARDS, CARD, key, "one journal", "none", at=event.at if event else None)
            continue
        value_minor += _given(card["id"], decision)
        if len(decision.journals) > 1:
            others = ", ".join(journal.key for journal in decision.journals[1:])
            yield finding(CARDS, CARD, key, "one journal", f"also {others}", at=decision.posted_at)
        if event is not None and not _of_redemption(decision) and not _tells(event, decision):
            yield finding(CARDS, CARD, event.key, f"the event of {decision.journals[0].key}",
                          f"{event.type} of {event.saga_id or 'no settlement'} at {event.at}", at=event.at)
        if event is None and version > dropped:
            first = decision.journals[0].key
            yield finding(CARDS, CARD, first, "an event that tells it", "none", at=decision.posted_at)
    for decision in posted.values():
        yield finding(CARDS, CARD, decision.journals[0].key, f"at most version {card['version']}",
                      str(decision.version), at=decision.posted_at)
    for event in heard.values():
        yield finding(CARDS, CARD, event.key, "a version that it tells", "none", at=event.at)
    issued = sum(amount for each in decided[:1] for _, _, amount in each.journals[0].lines if amount > 0)
    if decided and decided[0].journals[0].op == "card_issue" and issued != card["face_minor"]:
        yield finding(CARDS, CARD, f"card {card['id']}", f"a face of {issued}, as issued", str(card["face_minor"]))


def _brought(card: Any, decided: Sequence[Decided]) -> int:  # Any: asyncpg record
    """What a card had before its own first journal: a replacement has its value by that of the card which is void."""
    issued = bool(decided) and decided[0].journals[0].op == "card_issue"
    return 0 if issued or card["issuer"] else int(card["face_minor"])


def _posts_nothing(event: Told, value_minor: int) -> bool:
    """Whether its step has no journal; what takes all of a card's value has none where that is nothing."""
    return event.type in _UNPOSTED or (event.type in _OF_ALL_VALUE and not value_minor)


def _given(card_id: str, decision: Decided) -> int:
    """What the journals of a decision add to the value of its card."""
    lines = (line for journal in decision.journals for line in journal.lines)
    return -sum(amount for account, sub, amount in lines if (account, sub) == (books.GIFT_CARD, card_id))


def _by_version(told: Sequence[Told], version: int) -> tuple[dict[int, Told], int]:
    """The events of steps by the version they made, and the last version whose event was pruned."""
    steps = [event for event in told if is_step(event.type)]
    dropped = told[0].sequence - 1 if told and told[0].pruned else 0
    passed = before = max(0, dropped - (version - len(steps))) if dropped else 0
    heard = {}
    for event in told:
        if is_step(event.type):
            heard[event.sequence - passed] = event
        else:
            passed += 1
    return heard, dropped - before


def _of_redemption(decision: Decided) -> bool:
    return _redeems(decision.journals[0])


def _redeems(journal: Posted) -> bool:
    return journal.order_id.startswith(OF_REDEMPTION)


def _tells(event: Told, decision: Decided) -> bool:
    expected = _TELLS.get(decision.journals[0].op, ""), decision.saga_id, decision.posted_at
    return (event.type, event.saga_id, event.at) == expected


def _strange(journal: Posted, merchants: Mapping[tuple[str, str], str]) -> Iterator[Finding]:
    """Lines that the journal's operation does not post, or that are on the sub-account of another."""
    row = _ROWS.get(journal.op)
    names = {
        "card": journal.root, "order": journal.order_id, "settlement": journal.saga_id,
        "merchant": merchants.get((journal.root, journal.order_id), ""),
    }
    if (journal.saga_id == "") != (journal.op in _CALLED) or not journal.lines:
        yield _about(journal, "of a call, or of a settlement", journal.saga_id or "of none")
    for account, sub, amount in journal.lines:
        if row is None or not row.allows(account, amount):
            yield _about(journal, f"what {journal.op} posts", f"{account} {amount}")
        elif sub != names[SUBS[account]] and not (journal.op in _OTHER_SUBS and amount < 0):
            yield _about(journal, f"{account} of {names[SUBS[account]] or 'nobody'}", sub or "nobody")


def _unlike(key: tuple[str, str], row: _Tender | None, journals: Sequence[Posted]) -> Iterator[Finding]:
    """A tender that is not the sum of the journals of its order, refund by refund."""
    totals, refunds = Counter[str](), Counter[tuple[int, int]]()
    for journal in journals:
        by_account = dict.fromkeys((books.GIFT_CARD, books.CLEARING, books.DEPOSIT), 0)
        for account, _, amount in journal.lines:
            by_account[account] = by_account.get(account, 0) + amount
        if journal.op.startswith("refund"):
            given = -by_account[books.GIFT_CARD], by_account[books.CLEARING]
            sign = -1 if journal.op == "refund_reverse" else 1
            refunds[sign * given[0], sign * given[1]] += sign
        else:
            totals[journal.op] += abs(by_account[books.DEPOSIT])
    booked = totals["deposit"], totals["deposit_return"], totals["capture"], sorted((+refunds).elements())
    stated = (0, 0, 0, []) if row is None else (
        row.deposited_minor, row.returned_minor, row.captured_minor, row.refunds,
    )
    if stated != booked or -refunds:
        since = journals[-1].posted_at if journals else None
        yield finding(CARDS, CARD, f"tender of {key[1]} on {key[0]}", _said(booked), _said(stated), at=since)


def _said(figures: tuple[int, int, int, list[tuple[int, int]]]) -> str:
    deposited, returned, captured, refunds = figures
    return f"{deposited} deposited, {returned} returned, {captured} captured, refunds {refunds}"


def _about(journal: Posted, expected: str, actual: str) -> Finding:
    return finding(CARDS, CARD, journal.key, expected, actual, at=journal.posted_at)
