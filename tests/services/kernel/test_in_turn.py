"""Participants that are asked to TRY in turn: who is asked when; and that no two sagas, which claim the same roots for
themselves, then hold what the other one waits for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from services.card_redemption.sagas import paid_cancel
from services.kernel.advancing import advance, begin
from services.kernel.messages import Op
from services.kernel.saga import Definition, Participant, Phase, Progress, Reply, Run, Verdict

NOW = datetime(2026, 3, 10, tzinfo=UTC)
ROOTS = ("account", "customer")


@dataclass(frozen=True, slots=True)
class World:
    """Sagas by id, who claims each root, and which commands are on their way: (saga, root, op)."""

    runs: Mapping[str, Run]
    claims: Mapping[str, str]
    sent: frozenset[tuple[str, str, Op]]


def _definition(in_turn: bool) -> Definition:
    """Each participant claims the root that is named as it is, for one saga at a time."""
    participants = tuple(
        Participant(root, lambda plan: True, lambda plan: "", lambda plan: None, lambda plan: ()) for root in ROOTS
    )
    return Definition("both", 1, object, participants, in_turn=in_turn)


def _next(definition: Definition, world: World) -> Iterator[World]:
    """After each command that can be decided; a TRY of what another saga claims waits."""
    for command in world.sent:
        saga, root, op = command
        if op is Op.TRY and world.claims.get(root, saga) != saga:
            continue
        claims = {**world.claims, root: saga}
        if op is not Op.TRY:
            del claims[root]
        progress = advance(definition, world.runs[saga], Reply(saga, root, op, Verdict.DONE), NOW)
        more = {(saga, each.participant, each.saga.op) for each in progress.commands if each.saga}
        yield World({**world.runs, saga: progress.run}, claims, world.sent - {command} | more)


def _ends(in_turn: bool) -> list[list[Phase]]:
    """How two sagas can stand when nothing can happen any more, in whatever order their commands come."""
    definition = _definition(in_turn)
    begun = {saga: begin(definition, saga, "", object(), NOW) for saga in ("a", "b")}
    sent = frozenset((saga, each.participant, Op.TRY) for saga, one in begun.items() for each in one.commands)
    worlds, ends = [World({saga: one.run for saga, one in begun.items()}, {}, sent)], []
    while worlds:
        world = worlds.pop()
        after = list(_next(definition, world))
        worlds += after
        if not after:
            ends.append([run.phase for run in world.runs.values()])
    return ends


IN_TURN = _definition(in_turn=True)


def _said(root: str, verdict: Verdict = Verdict.DONE, reason: str = "") -> Reply:
    return Reply("a", root, Op.TRY, verdict, reason)


def _asked(progress: Progress) -> list[tuple[str, Op]]:
    return [(each.participant, each.saga.op) for each in progress.commands if each.saga]


def test_who_is_asked_in_turn_is_asked_once_all_before_it_have() -> None:
    """Then at once; a wake-up asks nobody whose turn has not come. All are told the decision."""
    begun = begin(IN_TURN, "a", "", object(), NOW)
    woken = advance(IN_TURN, begun.run, None, NOW)
    first = advance(IN_TURN, woken.run, _said("account"), NOW)
    again = advance(IN_TURN, first.run, None, NOW)
    refused = advance(IN_TURN, begun.run, _said("account", Verdict.REFUSED, "LIMIT"), NOW)
    both = advance(IN_TURN, again.run, _said("customer"), NOW)

    assert [_asked(each) for each in (begun, woken, first, again)] == [
        [(root, Op.TRY)] for root in ("account", "account", "customer", "customer")
    ]
    assert first.timers == ()
    assert _asked(refused) == [("account", Op.CANCEL), ("customer", Op.CANCEL)]
    assert _asked(both) == [("account", Op.CONFIRM), ("customer", Op.CONFIRM)]


def test_who_was_asked_out_of_turn_counts() -> None:
    """By a process of another release: what is left is asked for."""
    begun = begin(IN_TURN, "a", "", object(), NOW)
    second = advance(IN_TURN, begun.run, _said("customer"), NOW)
    both = advance(IN_TURN, second.run, _said("account"), NOW)

    assert _asked(second) == [("account", Op.TRY)]
    assert both.run.decision == "COMMIT"


def test_sagas_that_are_asked_in_turn_wait_for_no_one_who_waits() -> None:
    """Whoever has the first root finds the second one free, or waits for somebody who goes on."""
    assert all(end == [Phase.DONE, Phase.DONE] for end in _ends(in_turn=True))


def test_asked_at_once_each_may_hold_what_the_other_waits_for() -> None:
    """Until their deadline."""
    assert [Phase.TRYING, Phase.TRYING] in _ends(in_turn=False)


def test_a_cancellation_for_a_fee_claims_the_customer_before_his_account() -> None:
    """It is the one settlement with two such claims (A16, A17)."""
    assert paid_cancel.DEFINITION.in_turn
    assert [each.service for each in paid_cancel.DEFINITION.participants] == ["card_redemption", "credit_ledger"]
