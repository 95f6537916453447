"""The smallest whole coordinator: an errand counts for its counter, and a van and a ship take part in it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.kernel.advancing import begin
from services.kernel.coordination import Definitions, conductor, coordinate, with_progress
from services.kernel.decision import Decision, Done, Known, rule, rules, timer_rules
from services.kernel.messages import Message, Op
from services.kernel.saga import WAKE, Definition, Participant, Progress, Reply, Run, Verdict
from services.runtime.ground.tables import Connection
from tests.services.runtime.counters import SERVICE as COUNTERS
from tests.services.runtime.counters import Add, Counter, Total

VAN, SHIP = "van", "ship"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done."""

    amount: int = 0


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin an errand of this name."""

    saga_id: str
    amount: int = 1


def _participant(service: str) -> Participant:
    return Participant(
        service, lambda plan: True, lambda plan: "k", lambda plan: Add(plan.amount), lambda plan: (), result_type=Total
    )


DEFINITION = Definition("refund", 1, Plan, (_participant(VAN), _participant(SHIP)))
DEFINITIONS = Definitions(DEFINITION)


def _begin(known: Known, body: Begin, message: Message, now: datetime) -> Decision:
    counter = known.find(Counter, message.key) or Counter(message.key)
    moved = replace(counter, value=counter.value + body.amount, version=counter.version + 1)
    progress = begin(DEFINITION, body.saga_id, message.key, Plan(body.amount), now)
    return with_progress(Decision(changes=(moved,)), progress, Done(Total(moved.value)))


def _progressed(
    known: Known, counter: Counter, run: Run, progress: Progress, message: Message, now: datetime
) -> Decision:
    if progress.run is run:
        return Decision(timers=progress.timers, cleared=progress.cleared, commands=progress.commands)
    return with_progress(Decision(), progress)


async def shown(connection: Connection, runs: Sequence[Run]) -> list[Counter]:
    """The counters, not locked."""
    rows = await connection.fetch(
        "select id, value, version from counters where id = any($1::text[])", [run.root for run in runs]
    )
    return [Counter(*row) for row in rows]


_REPLIED, _WOKEN = coordinate(DEFINITIONS, conductor("refund", Counter, _progressed))
SERVICE = replace(
    COUNTERS, name="errands", inbound="replies", definitions=DEFINITIONS, shown=shown,
    rules={**COUNTERS.rules, **rules(
        rule(Begin, lambda body, message: ((Counter, message.key), (Run, body.saga_id)), _begin), _REPLIED
    )},
    timers=timer_rules((WAKE, _WOKEN)),
)
TOPICS = (
    "settlement.errands.replies.v1", "settlement.errands.events.v1", "settlement.van.commands.v1",
    "settlement.ship.commands.v1",
)


def reply(saga_id: str, root: str, service: str, op: Op, verdict: Verdict = Verdict.DONE, reason: str = "") -> Message:
    """What a participant answers."""
    body = Reply(saga_id, service, op, verdict, reason)
    return Message(id="", key=root, body=body, fresh_id=f"{saga_id}/{service}/{op}")


def whole_way(saga_id: str, root: str) -> list[Message]:
    """Every reply of an errand that succeeds, in order."""
    return [reply(saga_id, root, service, op) for op in (Op.TRY, Op.CONFIRM) for service in (VAN, SHIP)]
