"""What a service says to itself: decided in the same transaction where it can be, and sent as ever where it cannot."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from services.kernel.admission import Admission
from services.kernel.decision import Aggregate, Command, Decision
from services.kernel.effects import Answer, Arrived, Effects, SentAcknowledgement, SentCommand, SentReply, ToLoad
from services.kernel.errors import FailedPrecondition
from services.kernel.messages import Message, Op, SagaRef
from services.kernel.notices import Notice
from services.kernel.participant import Pending
from services.kernel.saga import Verdict
from services.kernel.within import ROUNDS_MAX, Reach, Within
from tests.in_memory import NOW
from tests.services.kernel.jars import RULES, TIMERS, Break, Jar, Put

SHELF, FROM, TO = "shelf", "jar_1", "jar_2"
TRY = SagaRef("saga_1", SHELF, Op.TRY)
FULL = Jar(TO, held=10)
ALL = Reach(held=range(1), partitions=1, locked={FROM}, told={Jar})


class World:
    """One transaction of the shelf: these rows and answers are stored, these keys are another transaction's."""

    def __init__(self, *rows: Aggregate, taken: Iterable[str] = (), answers: Iterable[Answer] = ()) -> None:
        self.rows, self.taken = {(type(row), row.key): row for row in rows}, set(taken)
        self.answers = {answer.id: answer for answer in answers}
        self.admission: Admission[Arrived] = Admission(RULES, TIMERS)
        self.admission.now = NOW
        self.rounds = 0

    def say(self, *commands: Command, lined: Iterable[str] = (), reach: Reach = ALL) -> Effects[Arrived]:
        """Decide a message of the first jar that says this, and what follows from it within."""
        said = Break(lambda jar: Decision(commands=commands))
        for wanted in self.admission.rounds([Arrived(Message("request-1", FROM, said))]):
            self._load(wanted, set())
        self.within = Within(self.admission, SHELF, Arrived, reach, set(lined))
        for wanted in self.within.rounds():
            self.rounds += 1
            self._load(wanted, self.taken)
        return self.admission.effects

    def _load(self, wanted: ToLoad, taken: set[str]) -> None:
        known = self.admission.known
        for kind, keys in wanted.rows.items():
            asked = [key for key in keys if key not in taken]
            known.load(kind, {key: self.rows[kind, key] for key in asked if (kind, key) in self.rows}, asked)
        for kind, roots in wanted.families.items():
            for root in roots:
                rows = [row for (of, _), row in self.rows.items() if of is kind and row.root == root]
                known.load_family(kind, root, rows)
        self.admission.stored |= {key: self.answers[key] for key in wanted.answers if key in self.answers}


def _put(amount: int, op: Op = Op.TRY) -> Command:
    return Command(SHELF, TO, Put(amount), saga=replace(TRY, op=op))


def _sent(effects: Effects[Arrived]) -> list[object]:
    """What is left to be sent to the shelf itself."""
    return [
        each for each in effects.sent
        if (isinstance(each, SentCommand) and each.command.participant == SHELF)
        or isinstance(each, SentReply | SentAcknowledgement)
    ]


def test_a_command_and_its_answer_need_no_courier() -> None:
    """TRY claims the other jar and is answered for its repeats; the answer to it goes to the saga's root, and nothing
    of it is sent."""
    world = World(Jar(TO))

    effects = world.say(_put(4))

    assert effects.dirty == {Jar: {TO: Jar(TO, pending=Pending("saga_1", NOW))}}
    assert effects.answered["saga_1/T"].verdict is Verdict.DONE
    assert [arrival.message.key for arrival in world.within.arrivals] == [TO]
    assert world.rounds == 1


def test_a_notice_is_acknowledged_in_the_transaction_that_tells_it() -> None:
    """Its row is over before it is written, its timer before it is set."""
    effects = World(Jar(TO)).say(Command(SHELF, TO, Break(lambda jar: Decision()), id="told"))

    assert _sent(effects) == []
    assert (effects.dirty[Notice]["told"].version, effects.timers) == (2, {})
    assert effects.answered["told"].verdict is Verdict.DONE


def test_a_refusal_within_is_an_answer_as_well() -> None:
    """What does not fit is refused, and stays refused."""
    effects = World(FULL).say(_put(4))

    answer = effects.answered["saga_1/T"]
    assert (answer.verdict, effects.dirty) == (Verdict.REFUSED, {})


@pytest.mark.parametrize("world", [
    World(Jar(TO), taken=[TO]), World(Jar(TO, pending=Pending("saga_2", NOW))),
    World(Jar(TO), answers=[Answer("saga_1/T", Verdict.DONE, stored=b"as it was")]),
], ids=["another transaction has it", "another saga has claimed it", "it was answered before"])
def test_what_cannot_be_decided_at_once_is_sent(world: World) -> None:
    """Nothing of it is taken, and it leaves as every message does."""
    effects = world.say(_put(4))

    assert _sent(effects) == [SentCommand(_put(4), FROM)]
    assert (effects.dirty, list(effects.answered)) == ({}, ["request-1"])


@pytest.mark.parametrize("reach", [
    replace(ALL, held=range(0)), replace(ALL, told=()),
], ids=["its records come to another lane", "calls may have moved it since the instant was read"])
def test_what_another_lane_may_decide_is_sent(reach: Reach) -> None:
    """Only there it is known what is set aside and who waits; and no root is decided at an earlier instant than it was
    before (CV-11)."""
    world = World(Jar(TO))

    effects = world.say(_put(4), reach=reach)

    assert _sent(effects) == [SentCommand(_put(4), FROM)]
    assert world.rounds == 0


def test_what_is_said_to_a_root_of_the_transaction_itself_is_decided() -> None:
    """It was locked before the instant was read, whoever may call it."""
    effects = World(Jar(TO)).say(_put(4), reach=replace(ALL, locked={FROM, TO}, told=()))

    assert effects.answered["saga_1/T"].verdict is Verdict.DONE


def test_who_waits_for_a_claim_is_not_overtaken() -> None:
    """A TRY stands behind those who wait for its root; the second phase, for which they wait, does not."""
    assert _sent(World(Jar(TO)).say(_put(4), lined=[TO])) == [SentCommand(_put(4), FROM)]
    claimed = World(
        Jar(TO, pending=Pending("saga_1", NOW)), answers=[Answer("saga_1/T", Verdict.DONE, stored=b"as it was")]
    )

    effects = claimed.say(_put(4, Op.CONFIRM), lined=[TO])

    assert effects.dirty[Jar][TO] == Jar(TO, held=4, sequence=1, version=2)
    assert TO in effects.let_go


def test_nothing_passes_by_what_is_set_aside() -> None:
    """Behind a parked message of the same key it is parked, too: by its own record."""
    world = World(Jar(TO))
    world.admission.lines[TO] = 7

    assert _sent(world.say(_put(4))) == [SentCommand(_put(4), FROM)]


def test_a_confirm_without_its_try_is_sent() -> None:
    """Whoever has its record sets that aside, and tells."""
    assert _sent(World(Jar(TO)).say(_put(4, Op.CONFIRM))) == [SentCommand(_put(4, Op.CONFIRM), FROM)]


def test_a_defect_within_is_raised() -> None:
    """The transaction is begun anew with nothing within, so that its record is what is set aside."""
    def burst(jar: Jar) -> Decision:
        raise ValueError("the jar has burst")

    with pytest.raises(ValueError, match="burst"):
        World(Jar(TO)).say(Command(SHELF, TO, Break(burst), id="told"))


def test_a_rule_that_refuses_by_its_error_refuses_a_notice() -> None:
    """A refused notice is acknowledged, for its sender has nothing to do with why."""
    def refuse(jar: Jar) -> Decision:
        raise FailedPrecondition("NO", "never")

    effects = World(Jar(TO)).say(Command(SHELF, TO, Break(refuse), id="told"))

    assert (_sent(effects), effects.answered["told"].verdict) == ([], Verdict.REFUSED)


def test_two_that_answer_each_other_for_ever_go_on_by_courier() -> None:
    """So many words follow from each other in one transaction, as it may ask for more, and the next one is sent."""
    def again(number: int) -> Command:
        decide = Break(lambda jar: Decision(commands=(again(number + 1),)))
        return Command(SHELF, TO if number % 2 else FROM, decide, id=f"word-{number}")

    effects = World(Jar(TO), Jar(FROM)).say(again(1), reach=replace(ALL, locked={FROM, TO}))

    words = [key for key in effects.answered if key.startswith("word-")]
    assert 1 < len(words) < ROUNDS_MAX
    assert words == [f"word-{number}" for number in range(1, len(words) + 1)]
    assert [each.command.id for each in _sent(effects) if isinstance(each, SentCommand)] == [f"word-{len(words) + 1}"]


def test_other_services_hear_by_courier() -> None:
    """Who is not this service is sent its command, whatever is free here."""
    other = replace(_put(4), participant="cellar")

    assert World(Jar(TO)).say(other).sent == [SentCommand(other, FROM)]
