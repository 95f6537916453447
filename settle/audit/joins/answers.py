"""What a participant answered to a settlement, as it keeps it and as the settlement has it: the same verdict, money and
result (I1-I4). Answers that are pruned are not missed, and a digest has no more of a result than rules look into."""

from binascii import b2a_base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from google.protobuf.message import DecodeError, Message

from services.kernel.messages import Op
from services.order.domain.merchant_settlement import KIND
from services.order.domain.plans import Movement
from settle.audit.findings import BOOKS, CARD, CREDIT, ORDER, Finding, Walk, instant
from settle.audit.folds.stored import settlement_rows
from settle.audit.snapshots import World
from settlement.card_redemption.v1 import effects_pb2 as card_effects_pb2
from settlement.credit_ledger.v1 import effects_pb2
from settlement.saga.v1 import saga_pb2

ANSWERS, OF_MERCHANTS = "joins.answers", "joins.merchant_answers"
SAYS = "what a participant keeps as its answer to a settlement is what the settlement has of it"
CAUSE = "the answer or the settlement was changed past the engine"
_ANSWERS = "select message_id, verdict, outcome, decided_at from inbox where message_id = any($1::text[])"
_EFFECTS: Mapping[str, type[Message]] = {CREDIT: effects_pb2.CreditEffect, CARD: card_effects_pb2.CardEffect}
_NAMES = {True: (Op.TRY, Op.CONFIRM), False: (Op.TRY, Op.CANCEL)}
"""Under which names answers are kept, by whether it was done; what is both phases in one is kept as a TRY. Others are
none of it, says `sagas.answers`."""
_TOO_LATE = "TOMBSTONED"
"""What is answered to a command that comes after its settlement was given up; the settlement says why that was."""
_VERDICTS = {number: name.removeprefix("VERDICT_") for name, number in saga_pb2.Verdict.items()}
_REFUND_STATES = {
    number: name.removeprefix("REFUND_STATE_") if number else "" for name, number in effects_pb2.RefundState.items()
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Plan(msgspec.Struct):
    """What a settlement was to move: of an order, or of a merchant's share of gift cards."""

    money: Movement | None = None
    gift_minor: int = 0

    def moved(self, service: str) -> dict[str, int]:
        """What of it is this service's, by name."""
        if self.money is None:
            return {"GIFTCARD": self.gift_minor} if self.gift_minor else {}
        return dict(self.money.credit_vector() if service == CREDIT else self.money.card_vector())


_PLAN = msgspec.json.Decoder(_Plan)
_STORED = msgspec.json.Decoder(tuple[tuple[str, str, str, dict[str, Any] | None], ...])  # Any: fields of a result


class _Branch(NamedTuple):
    """A participant's part in a settlement that has ended, as the settlement has it."""

    saga_id: str
    kind: str
    root: str
    done: bool
    service: str
    reason: str
    result: Mapping[str, Any] | None  # Any: as above
    planned: Mapping[str, int]


class _Answer(NamedTuple):
    verdict: str
    reply: saga_pb2.Reply | None
    at: datetime


async def answers(world: World, ids: Sequence[str]) -> list[Finding]:
    """The answers to the settlements of these orders, or with merchants, that say something else there and here."""
    branches = [each for row in await settlement_rows(world, ids) for each in _branches(row)]
    kept = {service: await _kept(world, service, branches) for service in BOOKS}
    return [found for branch in branches for found in _unlike(branch, kept[branch.service])]


def _branches(row: Any) -> Iterator[_Branch]:  # Any: asyncpg record
    if row["phase"] in ("DONE", "ABORTED"):
        plan, done = _PLAN.decode(row["plan"]), row["phase"] == "DONE"
        for service, _, reason, result in _STORED.decode(row["branches"]):
            if service in BOOKS:
                yield _Branch(
                    row["id"], row["kind"], row["root"], done, service, reason=reason, result=result,
                    planned=plan.moved(service),
                )


async def _kept(world: World, service: str, branches: Sequence[_Branch]) -> dict[str, _Answer]:
    names = [
        f"{branch.saga_id}/{op}" for branch in branches if branch.service == service for op in _NAMES[branch.done]
    ]
    found = await world[service].fetch(_ANSWERS, names) if names else ()
    return {row["message_id"]: _Answer(row["verdict"], _read(row["outcome"]), row["decided_at"]) for row in found}


def _read(outcome: bytes) -> saga_pb2.Reply | None:
    try:
        return saga_pb2.Reply.FromString(outcome)
    except DecodeError:
        return None


def _unlike(branch: _Branch, kept: Mapping[str, _Answer]) -> Iterator[Finding]:
    names = _NAMES[branch.done]
    tried, last = [kept.get(f"{branch.saga_id}/{op}") for op in names]
    own = [(op, answer) for op, answer in zip(names, (tried, last), strict=True) if answer is not None]
    for op, answer in own:
        said = _VERDICTS.get(answer.reply.verdict, "") if answer.reply else "nothing readable"
        if said != answer.verdict:
            yield _finding(branch, op, answer, answer.verdict, said)
    if tried is not None and tried.verdict != _TOO_LATE and branch.reason not in ("", _reason(tried)):
        yield _finding(branch, Op.TRY, tried, f"refused for {branch.reason}", _reason(tried) or tried.verdict)
    if branch.done:
        for op, answer in own:
            if answer.reply is not None and _moved(answer.reply) != branch.planned:
                yield _finding(branch, op, answer, f"it moved {branch.planned}", f"{_moved(answer.reply)}")
        if last is not None:
            yield from _other_result(branch, Op.CONFIRM, last)
        elif tried is not None:
            yield from _other_result(branch, Op.TRY, tried)


def _reason(answer: _Answer) -> str:
    return answer.reply.reason if answer.reply is not None else ""


def _moved(reply: saga_pb2.Reply) -> dict[str, int]:
    return {each.name: each.amount_minor for each in reply.moved}


def _other_result(branch: _Branch, op: Op, answer: _Answer) -> Iterator[Finding]:
    result = answer.reply.result if answer.reply is not None else b""
    if branch.result is None:
        if result:
            yield _finding(branch, op, answer, "no result", f"{len(result)} bytes")
        return
    try:
        wire: Any = _EFFECTS[branch.service].FromString(result)
    except DecodeError:
        wire = _EFFECTS[branch.service]()
    said = _looked_into(branch.service, wire) | {"wire": b2a_base64(result, newline=False).decode()}
    for field, value in branch.result.items():
        if value != said.get(field, "") and not (field in ("wire", "leg_id") and not value):
            yield _finding(branch, op, answer, f"{field} {str(value)[:60]}", str(said.get(field, ""))[:60])


def _looked_into(service: str, wire: Any) -> dict[str, object]:  # Any: the effect of either service
    stamp = wire.post_time
    at = _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1_000)
    posted_at = f"{at.replace(tzinfo=None).isoformat()}Z"
    if service == CARD:
        return {"posted_at": posted_at, "uncovered_minor": wire.uncovered_minor}
    return {"posted_at": posted_at, "refund_state": _REFUND_STATES[wire.refund_state], "leg_id": wire.leg_id}


def _finding(branch: _Branch, op: Op, answer: _Answer, expected: str, actual: str) -> Finding:
    check = OF_MERCHANTS if branch.kind == KIND else ANSWERS
    what = f"inbox {branch.saga_id}/{op} to {branch.kind} of {branch.root}"
    return Finding(check, branch.service, what, expected, actual, since=instant(answer.at))


WALKS = (
    Walk(ANSWERS, SAYS, ORDER, "order", answers, cause=CAUSE),
    Walk(OF_MERCHANTS, f"{SAYS}, with merchants too", ORDER, "merchant settlement", answers, cause=CAUSE),
)
