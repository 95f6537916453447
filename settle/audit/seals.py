"""Seals: every row that changes, and whose history is not kept for ever, is as it was written last (`kernel/seal.py`).

A row without a seal was written before there were any; how many of a table are is noted once, and no more may be. What
a seal does not tell is that a row is gone, or was set back as a whole to what it once was: the joins tell that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg

from services.kernel.chain import name_of
from services.kernel.seal import UNSEALED, seal_of
from settle.audit.chains import key_name
from settle.audit.findings import CARD, CREDIT, ORDER, SERVICES, Check, Finding, Walk, instant
from settle.audit.snapshots import World, pages

SEALS, OF_RUNTIME = "seals", "seals.runtime"
_CAUSE = ("the row was changed, or put there, by hand; or written by a process from before there were seals, beside"
          " newer ones: the next write seals it again")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A table whose rows are sealed: by which column a row is found, and by which it belongs to an aggregate; what its
    seal is over, in that order, and the seal of its own that what never changes may have."""

    service: str
    table: str
    key: str
    owner: str
    columns: Sequence[str]
    made: Sequence[str] = ()
    of: str = ""

    @property
    def seals(self) -> Mapping[str, Sequence[str]]:
        """The columns under each seal."""
        return {"made_seal": self.made, "seal": self.columns} if self.made else {"seal": self.columns}

    @property
    def query(self) -> str:
        """All that is under seals, and these, of the rows of some aggregates."""
        return self.selected(f"{self.owner} = any($1::text[])")

    @property
    def written(self) -> str:
        """Which rows are: one that only a lock made is empty, and has no seal."""
        return "(version > 0 or payable_minor <> 0)" if self.table == "merchant_shares" else "true"

    def selected(self, where: str) -> str:
        """All that is under seals, and these, of some rows."""
        read = ", ".join(f'{name} "{name}"' for name in dict.fromkeys(
            (self.key, *self.columns, *self.made, *self.seals)
        ))
        return f"select {read} from {self.table} where {where}"

    async def find(self, world: World, ids: Sequence[str]) -> list[Finding]:
        """The rows of these aggregates that do not fit their seals."""
        if await key_name(world, self.service) != name_of(world.chain_key):
            return []  # `chain_keys` tells it once
        read = pages(world[self.service], self.query, list(ids))
        return [found async for page in read for row in page for found in self.broken(row, world.chain_key)]

    def broken(self, row: asyncpg.Record, key: bytes) -> list[Finding]:
        """What of a row does not fit its seals; what was not sealed may be anything."""
        found = []
        for name, columns in self.seals.items():
            right = seal_of(self.table, [row[column] for column in columns], key)
            if row[name] not in (right, UNSEALED):
                since = next((row[at] for at in _WRITTEN_AT if isinstance(row.get(at), datetime)), None)
                found.append(Finding(
                    SEALS, self.service, f"{self.table} {row[self.key]}", f"{name} {right.hex()}, by what it holds",
                    row[name].hex(), since=instant(since), cause=_CAUSE,
                ))
        return found


_WRITTEN_AT = (
    "updated_at", "decided_at", "resolved_at", "parked_at", "ended_at", "acted_at", "moved_at", "pending_tried_at",
)
"""Since when a row is as it is, at the earliest, where it says so itself."""
_SAGA = Sealed(
    ORDER, "sagas", "id", "root", made=("id", "plan"), columns=(
        "id", "root", "kind", "definition_version", "started_at", "deadline_at", "phase", "decision", "reason",
        "attempts", "version", "updated_at", "branches",
    ),
)
_DIGEST = Sealed(
    ORDER, "saga_digests", "id", "root", columns=(
        "id", "root", "kind", "definition_version", "phase", "decision", "reason", "started_at", "ended_at", "version",
        "plan", "branches",
    ),
)
_SAGAS = (_SAGA, _DIGEST)
_ACT = Sealed(
    ORDER, "operator_acts", "request_id", "request_id",
    columns=("request_id", "act", "target", "operator_id", "reason", "acted_at"),
)
_ANSWER = Sealed(
    ORDER, "inbox", "message_id", "message_id",
    columns=("message_id", "verdict", "type", "decided_at", "encode(body_hash, 'hex')", "outcome"),
)
_PARKED = Sealed(
    ORDER, "parked", "id", "id", columns=(
        "source", "key", "message_id", "headers", "reason", "detail", "parked_at", "state", "resolved_at",
        "resolution", "payload",
    ),
)
_ORDER = Sealed(
    ORDER, "orders", "id", "id", columns=(
        "id", "customer_id", "merchant_id", "account_id", "placed_at", "state", "settlement_id", "version", "sequence",
        "updated_at", "hold_expires_at", "lines", "tenders", "coupon", "refunds", "details", "events_head",
    ),
)
_CASE = Sealed(
    ORDER, "return_cases", "id", "order_id", made=("id", "lines"), columns=(
        "id", "order_id", "requested_at", "state", "settlement_id", "version", "updated_at", "deadline_at", "accepted",
        "details",
    ),
)
_WITH_MERCHANT = Sealed(
    ORDER, "merchant_settlements", "id", "id", columns=(
        "id", "merchant_id", "settlement_id", "amount_minor", "started_at", "state", "reason", "ended_at", "version",
    ),
)
_LEG = Sealed(
    CREDIT, "legs", "id", "account_id", columns=(
        "id", "account_id", "order_id", "refund_id", "reference", "payout_id", "rail", "amount_minor", "created_at",
        "state",
        "attempts", "detail", "updated_at", "moved_at", "word", "ended", "reversed", "counted_minor", "used_minor",
        "version",
    ),
)
_SHARE = Sealed(
    CREDIT, "merchant_shares", "id", "id", columns=(
        "id", "merchant_id", "payable_minor", "receivable_minor", "sequence", "version", "events_head",
    ),
)
_COMPARISON = Sealed(
    CREDIT, "reconciliations", "id", "id", columns=(
        "id", "state", "cursor", "after_key", "run", "compared", "found", "started_at", "ended_at", "sequence",
        "version", "events_head",
    ),
)
_DIFFERENCE = Sealed(
    CREDIT, "rail_differences", "key", "reconciliation_id", columns=(
        "key", "reconciliation_id", "kind", "account_id", "reference", "leg_minor", "rail_minor", "detail",
        "opened_at", "seen_at", "resolved_at", "version",
    ),
)
_TENDER = Sealed(
    CARD, "card_tenders", "order_id", "card_id", columns=(
        "order_id", "card_id", "merchant_id", "deposited_minor", "returned_minor", "captured_minor", "covering_minor",
        "version", "refunds", "pending_saga_id", "pending_tried_at",
    ),
)
_GIFT_CARD = Sealed(
    CARD, "gift_cards", "id", "id", columns=(
        "id", "issuer", "face_minor", "issued_at", "balance_minor", "held_minor", "sequence", "version", "code_number",
        "customer_id", "standing", "claimed_by", "frozen_from", "frozen_for", "handed_to", "events_head",
    ),
)
_CARD_SHARE = Sealed(
    CARD, "merchant_shares", "id", "id", columns=(
        "id", "merchant_id", "payable_minor", "settling_minor", "refunding_minor", "sequence", "version",
        "pending_saga_id", "pending_tried_at", "events_head",
    ),
)
_DISPUTE = Sealed(
    CARD, "disputes", "id", "card_id", columns=(
        "id", "card_id", "redemption_id", "customer_id", "opened_by", "type", "method", "opened_at", "claimed_minor",
        "vip", "attempts", "rank", "updated_at", "route", "state", "remedy", "lateness", "complaint", "let_in_by",
        "handler", "police_case", "reason", "verdict", "papers", "deciders", "target_on", "due_on", "granted_minor",
        "version",
    ),
)
WALKED = (
    *(("order", each) for each in (_ORDER, _CASE, _SAGA, _DIGEST)),
    *(("merchant settlement", each) for each in (_WITH_MERCHANT, _SAGA, _DIGEST)),
    ("account", _LEG), ("share", _SHARE), ("reconciliation", _COMPARISON),
    ("reconciliation", _DIFFERENCE), ("card", _TENDER), ("card", _GIFT_CARD),
    *(("card", replace(each, service=CARD)) for each in _SAGAS),
    ("share", _CARD_SHARE),
    ("card", _DISPUTE),
)
"""The tables whose rows belong to aggregates, by the kind of these; a test holds their columns to what is sealed."""


async def of_runtime(world: World) -> list[Finding]:
    """The answers, the messages set aside and the acts of operators, in all services, that do not fit their seals. Of
    answers only those are read that were written since the mark, if there is one."""
    found: list[Finding] = []
    for service in SERVICES:
        if await key_name(world, service) != name_of(world.chain_key):
            continue
        for sealed in (_ANSWER, _PARKED, _ACT):
            own = replace(sealed, service=service)
            where = f"age(xmin) <= {world.ages[service]}" if service in world.ages else "true"
            async for page in pages(world[service], own.selected(where)):
                told = [each for row in page for each in own.broken(row, world.chain_key)]
                found += [replace(each, check=OF_RUNTIME) for each in told]
    return found


def _unsealed(sealed: Sealed, name: str) -> str:
    missing = f"from {sealed.table} where {name} = '' and {sealed.written}"
    noted = f"coalesce((select value::bigint from runtime_facts where name = 'unsealed_{sealed.table}'), 0)"
    return f"""select '{sealed.table} ' || {sealed.key}, 'at most ' || {noted} || ' rows without a {name}', 'none'
               from (select {sealed.key} {missing}) each where (select count(*) {missing}) > {noted}"""


def _unsealed_of(*sealed: Sealed) -> str:
    each = (*sealed, _SAGA, _DIGEST, _ANSWER, _PARKED, _ACT)
    return " union all ".join(_unsealed(one, name) for one in each for name in one.seals)


CHECKS = tuple(
    Check(
        id_, "every row that is sealed has its seal, but those from before there were seals", (service,),
        _unsealed_of(*sealed), cause="the seal was taken off, or the row put there, by hand",
    )
    for id_, service, sealed in (
        ("seals.of_orders", ORDER, (_ORDER, _CASE, _WITH_MERCHANT)),
        ("seals.of_credit", CREDIT, (_LEG, _SHARE, _COMPARISON, _DIFFERENCE)),
        ("seals.of_cards", CARD, (_TENDER, _GIFT_CARD, _CARD_SHARE, _DISPUTE)),
    )
)
SAYS = {
    SEALS: "every row that is sealed is as it was written last",
    OF_RUNTIME: "answers, messages set aside and acts of operators are as they were written",
}
WALKS = tuple(Walk(SEALS, SAYS[SEALS], each.service, of, each.find) for of, each in WALKED)
CROSS = {OF_RUNTIME: of_runtime}
