"""What a participant answered to a settlement, as it keeps it and as the settlement has it: the same verdict, money and
result (I1-I4). Answers that are pruned are not missed, and a digest has no more of a result than rules look into."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError, Message

from services.kernel.messages import Op
from settle.audit.findings import BOOKS, CARD, CREDIT, ORDER, Finding, Walk, instant
from settle.audit.snapshots import World
from settlement.card_redemption.v1 import effects_pb2 as card_effects_pb2
from settlement.credit_ledger.v1 import effects_pb2
from settlement.saga.v1 import saga_pb2

ANSWERS, OF_MERCHANTS = "joins.answers", "joins.merchant_answers"
SAYS = "what a participant keeps as its answer to a settlement is what the settlement has of it"
CAUSE = "the answer or the settlement was changed past the engine"
_BRANCHES = """
select b.saga_id, b.kind, b.root, b.phase, b.service, b.reason, b.result,
       m.credit_minor, m.wallet_minor, m.bankcard_minor, m.coupon_minor, m.giftcard_minor
from saga_branches b join settlements m on m.settlement_id = b.saga_id
where b.root = any($1::text[]) and m.root = any($1::text[]) and b.phase in ('DONE', 'ABORTED')
"""
_ANSWERS = "select message_id, verdict, outcome, decided_at from inbox where message_id = any($1::text[])"
_EFFECTS: Mapping[str, type[Message]] = {CREDIT: effects_pb2.CreditEffect, CARD: card_effects_pb2.CardEffect}
_MONEY = {
    CREDIT: {
        "BANKCARD": "bankcard_minor", "COUPON": "coupon_minor", "CREDIT": "credit_minor", "WALLET": "wallet_minor"
    },
    CARD: {"GIFTCARD": "giftcard_minor"},
}
_OPS = (Op.TRY, Op.CONFIRM, Op.CANCEL)
"""Under which names answers are kept; what is both phases in one is kept as a TRY."""
_MERCHANTS = "merchant_settlement"
_NONE = "VERDICT_"
_TOO_LATE = "TOMBSTONED"
"""What is answered to a command that comes after its settlement was given up; the settlement says why that was."""
_REFUND_STATE = "REFUND_STATE_"


class _Answer(NamedTuple):
    verdict: str
    reply: saga_pb2.Reply | None
    at: datetime


async def answers(world: World, ids: Sequence[str]) -> list[Finding]:
    """The answers to the settlements of these orders, or with merchants, that say something else there and here."""
    branches = [row for row in await world[ORDER].fetch(_BRANCHES, ids) if row["service"] in BOOKS]
    kept = {service: await _kept(world, service, branches) for service in BOOKS}
    return [found for branch in branches for found in _unlike(branch, kept[branch["service"]])]


async def _kept(world: World, service: str, branches: Sequence[Any]) -> dict[str, _Answer]:  # Any: asyncpg records
    names = [f"{row['saga_id']}/{op}" for row in branches if row["service"] == service for op in _OPS]
    found = await world[service].fetch(_ANSWERS, names) if names else ()
    return {row["message_id"]: _Answer(row["verdict"], _read(row["outcome"]), row["decided_at"]) for row in found}


def _read(outcome: bytes) -> saga_pb2.Reply | None:
    try:
        return saga_pb2.Reply.FromString(outcome)
    except DecodeError:
        return None


def _unlike(branch: Any, kept: Mapping[str, _Answer]) -> Iterator[Finding]:
    own = {op: kept[key] for op in _OPS if (key := f"{branch['saga_id']}/{op}") in kept}
    for op, answer in own.items():
        said = saga_pb2.Verdict.Name(answer.reply.verdict).removeprefix(_NONE) if answer.reply else "nothing readable"
        if said != answer.verdict:
            yield _finding(branch, op, answer, answer.verdict, said)
    tried = own.get(Op.TRY)
    if tried is not None and tried.verdict != _TOO_LATE and branch["reason"] not in ("", _reason(tried)):
        yield _finding(branch, Op.TRY, tried, f"refused for {branch['reason']}", _reason(tried) or tried.verdict)
    if branch["phase"] == "DONE":
        for op in (Op.TRY, Op.CONFIRM):
            if op in own and own[op].reply is not None:
                yield from _other_money(branch, op, own[op])
        last = next((op for op in (Op.CONFIRM, Op.TRY) if op in own), None)
        if last is not None:
            yield from _other_result(branch, last, own[last])


def _reason(answer: _Answer) -> str:
    return answer.reply.reason if answer.reply is not None else ""


def _other_money(branch: Any, op: Op, answer: _Answer) -> Iterator[Finding]:
    assert answer.reply is not None
    named = _MONEY[CARD if branch["kind"] == _MERCHANTS else branch["service"]]
    planned = {name: branch[column] for name, column in named.items() if branch[column]}
    moved = {each.name: each.amount_minor for each in answer.reply.moved}
    if moved != planned:
        yield _finding(branch, op, answer, f"it moved {planned}", f"{moved}")


def _other_result(branch: Any, op: Op, answer: _Answer) -> Iterator[Finding]:
    stored = json.loads(branch["result"]) if branch["result"] else None
    result = answer.reply.result if answer.reply is not None else b""
    if stored is None:
        if result:
            yield _finding(branch, op, answer, "no result", f"{len(result)} bytes")
        return
    try:
        wire: Any = _EFFECTS[branch["service"]].FromString(result)
    except DecodeError:
        wire = _EFFECTS[branch["service"]]()
    said = _looked_into(branch["service"], wire) | {"wire": base64.b64encode(result).decode()}
    for field, value in stored.items():
        if value != said.get(field, "") and not (field in ("wire", "leg_id") and not value):
            yield _finding(branch, op, answer, f"{field} {str(value)[:60]}", str(said.get(field, ""))[:60])


def _looked_into(service: str, wire: Any) -> dict[str, object]:  # Any: the effect of either service
    posted_at = wire.post_time.ToDatetime(UTC).isoformat().replace("+00:00", "Z")
    if service == CARD:
        return {"posted_at": posted_at, "uncovered_minor": wire.uncovered_minor}
    state = effects_pb2.RefundState.Name(wire.refund_state).removeprefix(_REFUND_STATE) if wire.refund_state else ""
    return {"posted_at": posted_at, "refund_state": state, "leg_id": wire.leg_id}


def _finding(branch: Any, op: Op, answer: _Answer, expected: str, actual: str) -> Finding:
    check = OF_MERCHANTS if branch["kind"] == _MERCHANTS else ANSWERS
    what = f"inbox {branch['saga_id']}/{op} to {branch['kind']} of {branch['root']}"
    return Finding(check, branch["service"], what, expected, actual, since=instant(answer.at))


WALKS = (
    Walk(ANSWERS, SAYS, ORDER, "order", answers, cause=CAUSE),
    Walk(OF_MERCHANTS, f"{SAYS}, with merchants too", ORDER, "merchant settlement", answers, cause=CAUSE),
)
