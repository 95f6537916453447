"""The log of a credit account as it is stored: read into the domain's operations, and held against what was told."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
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
UNREADABLE = (msgspec.MsgspecError, KeyError, RecursionError, InvalidArgument)


class Link(NamedTuple):
    """A stored operation and what it is told from; what was kept before it is compared as it is written."""

    row: asyncpg.Record
    operation: Operation


def link_of(row: asyncpg.Record) -> Link:
    """The operation in a row; raises one of `UNREADABLE`."""
    facts, moved = row["facts"], row["moved"]
    body = _BODIES[row["kind"]].decode(row["body"])
    if isinstance(body, AuthorizeTenders):
        body.terms.checked()  # else a plan of so many instalments would be told
    return Link(row, Operation(
        account_id=row["account_id"], number=row["number"], at=row["at"], body=body,
        order_id=row["order_id"], reference=row["reference"], saga_id=row["saga_id"],
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
    row = link.row
    for name in ("number", "kind", "at", "order_id", "reference"):
        if row[name] != (expected := getattr(told, name)):
            yield Difference(name, said(expected), said(row[name]))
    if row["facts"] != "{}" or told.facts != NO_FACTS:
        yield from read(_FACTS_COLUMN, told.facts, row["facts"])
    yield from _moved(told.moved, link.operation.moved)
    if row["before"] is not None:
        yield from _kept(told, row["before"])


def named(operation: Operation, account: CreditAccount, rows: View) -> Iterator[Difference]:
    """Where the body names another account, customer or merchant than the rows that it is about."""
    body: Any = operation.body  # one of many types; each has some of these
    agreement = rows.find(Agreement, operation.order_id) if operation.order_id else None
    names: Mapping[str, object] = {
        "account_id": account.id, "customer_id": account.customer_id, "order_id": operation.order_id,
        "merchant_id": agreement.merchant_id if agreement else None,
    }
    for name, expected in names.items():
        actual = getattr(body, name, expected)
        if expected is not None and actual != expected:
            yield Difference(f"body.{name}", said(expected), said(actual))


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
