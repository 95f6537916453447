"""The SQL of planted corruptions, in few words: what somebody with access to a database could do to it."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from services.credit_ledger.domain.model.instalment import Instalment
from services.order.domain.bank_shares import Refund
from services.order.domain.lines import Line
from services.order.domain.tenders import Tender
from settle.audit.findings import CARD, CREDIT, ORDER
from tests.settle.audit.edits import Statement

Change = tuple[str, str]
"""A service, and what is done to its database."""


class Blind(NamedTuple):
    """A corruption: what it does, the row that a finding has to name, the checks that find it, and its SQL."""

    does: str
    named: str
    checks: Sequence[str]
    changes: Sequence[Change]


def changes(planted: Blind) -> dict[str, list[Statement]]:
    """What is to be changed, by service."""
    found: dict[str, list[Statement]] = {}
    for service, sql in planted.changes:
        found.setdefault(service, []).append(Statement(sql, ()))
    return found


def order(sql: str) -> Change:
    """In the order service's database."""
    return ORDER, sql


def credit(sql: str) -> Change:
    """In the credit ledger's database."""
    return CREDIT, sql


def card(sql: str) -> Change:
    """In the card service's database."""
    return CARD, sql


def posted(
    root: str, op: str, accounts: str, amounts: str, *, subs: str = '"",""', unit: str = "CNY", order_id: str = "",
    saga_id: str = "''",
) -> str:
    """A journal more at the last version of a root: accounts, amounts and subs as the inside of array literals."""
    return f"""
insert into journals (root, root_version, no, op, unit, order_id, saga_id, posted_at, accounts, subs, amounts)
select root, root_version, max(no) + 1, '{op}', '{unit}', '{order_id}', {saga_id}, max(posted_at),
       '{{{accounts}}}', '{{{subs}}}', '{{{amounts}}}'
from journals where root = '{root}'
    and root_version = (select max(root_version) from journals last where last.root = '{root}')
group by root, root_version"""


def again(where: str) -> str:
    """The first journal of these once more, at the same version of its root."""
    return f"""
insert into journals (root, root_version, no, op, unit, order_id, saga_id, posted_at, accounts, subs, amounts)
select root, root_version, (select max(no) + 1 from journals m
                            where m.root = j.root and m.root_version = j.root_version),
       op, unit, order_id, saga_id, posted_at, accounts, subs, amounts
from journals j where {where} order by root_version limit 1"""


def put(column: str, path: str, value: object) -> str:
    """Another value at a path of a json column."""
    return f"{column} = jsonb_set({column}::jsonb, '{{{path}}}', '{json.dumps(value)}')"


def added(column: str, path: str, amount: int) -> str:
    """The number at a path of a json column, changed by so much."""
    at = f"'{{{path}}}'"
    return f"{column} = jsonb_set({column}::jsonb, {at}, to_jsonb(({column}::jsonb #>> {at})::bigint + {amount}))"


def of_line(field: str, no: int = 0) -> str:
    """The path of a field of an order's line."""
    return f"{no},{Line._fields.index(field)}"


def of_tender(field: str, no: int = 0) -> str:
    """The path of a field of an order's tender."""
    return f"{no},{Tender._fields.index(field)}"


def of_refund(field: str, no: int = 0) -> str:
    """The path of a field of an order's refund."""
    return f"{no},{Refund._fields.index(field)}"


def of_instalment(field: str, no: int, plan: int = 0) -> str:
    """The path of a field of an instalment, counted from 1."""
    return f"{plan},instalments,{no - 1},{Instalment._fields.index(field)}"


def moved_instalment(field: str, giver: int, taker: int, amount: int, where: str) -> str:
    """So much of a field goes from one instalment of a plan to another: the sum stays."""
    taken = added("plans", of_instalment(field, giver), -amount).removeprefix("plans = ")
    path = f"'{{{of_instalment(field, taker)}}}'"
    return f"""update agreements set plans = jsonb_set(
        {taken}, {path}, to_jsonb((plans::jsonb #>> {path})::bigint + {amount})) where {where}"""


def swapped(table: str, column: str, first: str, second: str, key: str = "id") -> str:
    """Two rows exchange a value."""
    return f"""update {table} mine set {column} = other.{column} from {table} other
               where (mine.{key}, other.{key}) in (('{first}', '{second}'), ('{second}', '{first}'))"""
