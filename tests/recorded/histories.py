"""Histories of sagas that were decided once and are decided again: the same plan, the same answers, times and words of
people give the same phases, decisions, commands and timers, byte for byte.

A history is told by hand-sized words: what a participant answered, a wake-up, a person's word, each with the seconds
since the one before. What was decided is kept as the phase and a digest of all that it caused.
"""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from services.kernel.advancing import advance, begin, due
from services.kernel.messages import Op, TimerDue
from services.kernel.saga import ABORT, RESUME, WAKE, Definition, Progress, Reply, Run, Verdict
from services.order.domain.participation import CardEffect, CreditEffect
from services.order.sagas import DEFINITIONS

FIXTURE = Path(__file__).parent / "histories.json"
OF_A_PLAN, STEPS_MAX = 12, 14
START = datetime(2026, 3, 10, tzinfo=UTC)
SAGA, ROOT = "saga_1", "root_1"
WRONG = "WRONG"
"""A verdict of DONE with another money vector than was planned."""


class Word(NamedTuple):
    """So many seconds after the last one: what participant `who` says to `op`, or (no `op`) which timer came true."""

    seconds: int
    who: str
    op: str = ""
    verdict: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """One saga: its definition, its plan, what came in, and what was decided each time, its beginning first."""

    name: str
    kind: str
    version: int
    plan: Any  # Any: of the definition's plan type, or what of it is in json
    words: tuple[Word, ...]
    decided: tuple[str, ...]


def definition_of(history: History) -> Definition | None:
    """The definition under which it was decided, if there is one still."""
    return next((d for d in DEFINITIONS if (d.kind, d.version) == (history.kind, history.version)), None)


def decided_again(history: History, definition: Definition) -> tuple[str, ...]:
    """What is decided today."""
    plan: Any = msgspec.convert(history.plan, definition.plan_type, strict=False)  # Any: of its own type
    return tuple(_played(definition, plan, history.words))


def recorded() -> list[History]:
    """All that are kept."""
    return msgspec.json.decode(FIXTURE.read_bytes(), type=list[History])


def record(plans: Sequence[tuple[str, Any]]) -> None:  # Any: plans of many types
    """Tell histories of these plans, by kind, under every definition of which none are kept; the others stay."""
    kept = recorded() if FIXTURE.exists() else []
    known = {(history.kind, history.version) for history in kept}
    for definition in DEFINITIONS:
        chance = random.Random(f"{definition.kind} {definition.version}")
        fitting = [plan for kind, plan in plans if kind == definition.kind and _involves(definition, plan)]
        if (definition.kind, definition.version) not in known:
            kept += [_told(definition, plan, number, chance) for plan in fitting for number in range(OF_A_PLAN)]
    lines = ",\n".join(msgspec.json.encode(history).decode() for history in kept)
    FIXTURE.write_text(f"[\n{lines}\n]\n")


def _involves(definition: Definition, plan: Any) -> bool:  # Any: as above
    return any(participant.involved(plan) for participant in definition.participants)


def _told(definition: Definition, plan: Any, number: int, chance: random.Random) -> History:  # Any: as above
    """One more; the first of each plan is the one in which nothing goes wrong."""
    words: list[Word] = []
    run = begin(definition, SAGA, ROOT, plan, START).run
    now = START
    while len(words) < STEPS_MAX and not run.terminal:
        words.append(_next(run, chance) if number else _plain(run))
        now += timedelta(seconds=words[-1].seconds)
        run = _stepped(definition, run, words[-1], now).run
    extra = (Word(1, *words[-1][1:]),) if number % 2 else ()  # whoever said the last word says it again
    told = (*words, *extra)
    name = f"{definition.kind} {definition.version} {hashlib.sha256(repr(plan).encode()).hexdigest()[:6]} {number}"
    return History(name, definition.kind, definition.version, plan, told, tuple(_played(definition, plan, told)))


def _plain(run: Run) -> Word:
    op = {"EXECUTING": Op.EXECUTE, "TRYING": Op.TRY, "CONFIRMING": Op.CONFIRM}[run.phase.value]
    waited = [branch.service for branch in run.branches if branch.state in ("SENT", "TRIED")]
    asked = [branch.service for branch in run.branches if branch.state == "SENT"] if op is Op.TRY else waited
    return Word(1, asked[0], op.value, Verdict.DONE.value)


def _next(run: Run, chance: random.Random) -> Word:
    seconds = chance.choice((0, 1, 4, 29, 31, 70))
    if chance.random() < 0.25:
        return Word(seconds, chance.choice((WAKE, WAKE, RESUME, ABORT)))
    verdict = chance.choice((*["DONE"] * 6, "REFUSED", "PARKED", "TOMBSTONED", WRONG))
    op = chance.choice(list(Op)) if chance.random() < 0.2 else _asked_for(run, chance)
    who = chance.choice(run.branches).service
    return Word(seconds, who, op.value, verdict, "" if verdict in ("DONE", WRONG) else f"{verdict}_BY_{who}")


def _asked_for(run: Run, chance: random.Random) -> Op:
    """What its participants are most likely asked for."""
    by_decision = {"COMMIT": Op.CONFIRM, "ABORT": Op.CANCEL}
    first = Op.EXECUTE if len(run.branches) == 1 else Op.TRY
    return chance.choice((by_decision.get(run.decision, first), by_decision.get(run.decision, first), Op.CANCEL))


def _played(definition: Definition, plan: Any, words: Sequence[Word]) -> Iterator[str]:  # Any: as above
    progress, now = begin(definition, SAGA, ROOT, plan, START), START
    yield _digest(progress)
    for word in words:
        now += timedelta(seconds=word.seconds)
        progress = _stepped(definition, progress.run, word, now)
        yield _digest(progress)


def _stepped(definition: Definition, run: Run, word: Word, now: datetime) -> Progress:
    if not word.op:
        return due(definition, run, TimerDue(word.who, run.id, now), now)
    return advance(definition, run, _reply(definition, run, word), now)


def _reply(definition: Definition, run: Run, word: Word) -> Reply:
    participant = next(each for each in definition.participants if each.service == word.who)
    planned = participant.planned(run.plan)
    moved = (("OTHER", 1), *planned) if word.verdict == WRONG else planned
    done = word.verdict in ("DONE", WRONG)
    results = {CreditEffect: CreditEffect(START, "SUCCEEDED"), CardEffect: CardEffect(START, uncovered_minor=3)}
    return Reply(
        saga_id=run.id, branch=word.who, op=Op(word.op), verdict=Verdict.DONE if done else Verdict(word.verdict),
        reason=word.reason, moved=moved if done else (),
        result=results.get(participant.result_type) if done else None,
    )


def _digest(progress: Progress) -> str:
    run = progress.run
    told = json.dumps([
        run.phase, run.decision, run.reason, run.attempts, run.version,
        [[branch.service, branch.state, branch.reason] for branch in run.branches],
        [[c.participant, c.key, c.saga and c.saga.op, str(c.not_after), msgspec.json.encode(c.body).decode()]
         for c in progress.commands],
        [[timer.kind, timer.key, timer.root, timer.due_at.isoformat()] for timer in progress.timers],
        sorted(progress.cleared), progress.ended,
    ])
    return f"{run.phase} {hashlib.sha256(told.encode()).hexdigest()[:10]}"
