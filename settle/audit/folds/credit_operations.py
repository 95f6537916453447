"""The log of a credit account as it is stored: read into the domain's operations, and held against what was told."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

import asyncpg
import msgspec

from services.credit_ledger.domain.log.history import View
from services.credit_ledger.domain.log.inputs import LOGGED
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.before import SHAPE, Before
from services.credit_ledger.domain.model.commands import AuthorizeTenders
from services.credit_ledger.domain.model.operation import NO_FACTS, Facts, Operation
from services.kernel.decision import Vector
from services.kernel.errors import InvalidArgument
from settle.audit.folds.differing import Difference, said
from settle.audit.folds.tables import Column, encode, listed, read

_COLUMNS = "account_id, number, link, kind, at, order_id, reference, saga_id, body, facts, moved, before"
QUERY = f"select {_COLUMNS} from operations where account_id = any($1::text[]) order by account_id, number"
"""With the link of its chain behind the number, as chains are followed."""
LENT = f"""
select {_COLUMNS} from operations
where (account_id, number) in (select * from unnest($1::text[], $2::bigint[])) order by number
"""
_BODIES: dict[str, msgspec.json.Decoder[Any]] = {name: msgspec.json.Decoder(row.body) for name, row in LOGGED.items()}
_MOVED = msgspec.json.Decoder(Vector)
_FACTS, _BEFORE = msgspec.json.Decoder(Facts), msgspec.json.Decoder(Before)
_FACTS_COLUMN = listed("facts", Facts)
_SHAPED = f"[{SHAPE},"
_NAMES = ("number", "kind", "at", "order_id", "reference")
_identity = attrgetter(*_NAMES)
UNREADABLE = (msgspec.MsgspecError, KeyError, RecursionError, InvalidArgument)


class Link(NamedTuple):
    """A stored operation and what it is told from; what was kept before it is compared as it is written."""

    row: asyncpg.Record
    operation: Operation


def link_of(row: asyncpg.Record) -> Link:
    """The operation in a row; raises one of `UNREADABLE`."""
    account_id, number, _, kind, at, order_id, reference, saga_id, said_body, facts, moved, _ = row
    body = _BODIES[kind].decode(said_body)
    if isinstance(body, AuthorizeTenders):
        body.terms.checked()  # else a plan of so many instalments would be told
    return Link(row, Operation(
        account_id=account_id, number=number, at=at, body=body, order_id=order_id, reference=reference,
        saga_id=saga_id,
        facts=NO_FACTS if facts == "{}" else _FACTS.decode(facts),
        moved=() if moved == "[]" else _MOVED.decode(moved),
    ))


def lent(row: asyncpg.Record) -> Operation:
    """The operation in a row as a reversal reads it, with what was kept before it."""
    kept = row["before"]
    before = _BEFORE.decode(kept) if kept is not None and kept.startswith(_SHAPED) else None
    return replace(link_of(row).operation, before=before)


def compared(link: Link, told: Operation) -> Iterator[Difference]:
    """Where a stored operation is not as it was told."""
    row, operation = link
    if _identity(operation) != _identity(told):
        for name in _NAMES:
            if row[name] != (expected := getattr(told, name)):
                yield Difference(name, said(expected), said(row[name]))
    if row["facts"] != "{}" or told.facts != NO_FACTS:
        yield from read(_FACTS_COLUMN, told.facts, row["facts"])
    yield from _moved(told.moved, operation.moved)
    if row["before"] is not None:
        yield from _kept(told, row["before"])


def named(operation: Operation, account: CreditAccount, rows: View) -> Iterator[Difference]:
    """Where the body names another account, customer or merchant than the rows that it is about."""
    body: Any = operation.body  # one of many types; each has some of these
    for name in _names_in(operation.kind):
        if name == "merchant_id":
            agreement = rows.find(Agreement, operation.order_id) if operation.order_id else None
            expected = agreement.merchant_id if agreement else None
        else:
            expected = {"account_id": account.id, "customer_id": account.customer_id}.get(name, operation.order_id)
        if expected is not None and getattr(body, name) != expected:
            yield Difference(f"body.{name}", said(expected), said(getattr(body, name)))


@cache
def _names_in(kind: str) -> Sequence[str]:
    """By which names the body of an input says whose it is."""
    names = ("account_id", "customer_id", "order_id", "merchant_id")
    return [name for name in names if hasattr(LOGGED[kind].body, name)]


def _moved(told: Vector, stored: Vector) -> Iterator[Difference]:
    """Where the figures did not change as they were told, by their names."""
    if stored == told:
        return
    expected, actual = dict(told), dict(stored)
    for name in sorted(expected.keys() | actual.keys()):
        if expected.get(name) != actual.get(name):
            yield Difference(f"moved {name}", said(expected.get(name, 0)), said(actual.get(name, 0)))


def _kept(told: Operation, text: str) -> Iterator[Difference]:
    if told.before is None or text.encode() == encode(told.before):
        return
    try:
        kept = _BEFORE.decode(text)
    except (msgspec.MsgspecError, RecursionError):  # what cannot be read differs
        yield Difference("before", said(told.before), said(text))
        return
    if kept.shape < SHAPE:
        return
    column = Column("before", lambda before: before, Before)
    yield from read(column, _sorted(told.before), encode(_sorted(kept)).decode())


def _sorted(before: Before) -> Before:
    """The agreements that were kept are in no order of their own."""
    return before._replace(agreements=tuple(sorted(before.agreements, key=lambda kept: kept.order_id)))
