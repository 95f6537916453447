"""What an admission asks for, round by round, and that it does not ask for ever."""

from collections.abc import Callable, Iterator

import pytest

from services.kernel.admission import ROUNDS_MAX, Admission
from services.kernel.decision import Decision, Done
from services.kernel.effects import Arrived, ToLoad
from services.kernel.errors import Defect, Undecodable
from services.kernel.messages import Message, Op, SagaRef, TimerDue
from tests.in_memory import NOW
from tests.services.kernel.jars import JAR, RULES, STALE, TIMERS, Break, Jar, Label, Put, ReadLabels, shelf


def _admission() -> Admission[Arrived]:
    admission: Admission[Arrived] = Admission(RULES, TIMERS)
    admission.now = NOW
    return admission


def _read(key: str, *labels: str) -> Arrived:
    return Arrived(Message(f"read-{key}", key, ReadLabels(labels)))


def _feed(admission: Admission[Arrived], wanted: ToLoad, *rows: Label) -> None:
    for kind, keys in wanted.rows.items():
        admission.known.load(kind, {row.key: row for row in rows if type(row) is kind}, keys)
    for kind, roots in wanted.families.items():
        for root in roots:
            admission.known.load_family(kind, root, [row for row in rows if type(row) is kind and row.root == root])


def test_all_that_is_known_to_be_needed_is_asked_for_at_once() -> None:
    """The rows of every message, the answers that may be stored, the timers that fired."""
    saga = SagaRef("saga_1", "shelf", Op.CONFIRM)

    wanted = next(_admission().rounds([
        Arrived(Message("request-1", "jar_2", Put(1))), Arrived(Message("c", JAR, Put(1), saga=saga)),
        Arrived(Message("", JAR, TimerDue(STALE, JAR, NOW))),
        Arrived(Message("", "jar_3", None), fault=Undecodable("MALFORMED")),
    ]))

    assert wanted == ToLoad(
        rows={Jar: {JAR, "jar_2"}}, answers={"request-1", "saga_1/F", "saga_1/T"}, timers={(STALE, JAR): None}
    )


def test_a_root_that_asks_for_more_waits_and_the_others_go_on() -> None:
    """What several ask for is loaded together; the messages of a root keep their order."""
    plain = Break(lambda jar: Decision())
    admission, asking, behind = _admission(), _read("jar_a", "l1"), Arrived(Message("put-a", "jar_a", plain))
    rounds = admission.rounds([asking, behind, _read("jar_b", "l2"), Arrived(Message("put-c", "jar_c", plain))])
    _feed(admission, next(rounds))

    more = next(rounds)

    assert more == ToLoad(rows={Label: {"l1", "l2"}})
    assert [answer.id for _, answer in admission.effects.answers] == ["put-c"]
    _feed(admission, more, Label("l1", "jar_a", "sweet"), Label("l2", "jar_b"))
    last = next(rounds)
    assert last == ToLoad(families={Label: {"jar_a", "jar_b"}})
    _feed(admission, last)
    assert list(rounds) == []
    assert [answer.id for _, answer in admission.effects.answers] == ["put-c", "read-jar_a", "put-a", "read-jar_b"]


def test_a_decision_that_is_asked_again_leaves_nothing_twice() -> None:
    """It is decided from the start with what it asked for, and only its last word counts."""
    world = shelf(Jar(), Label("l1", text="sweet"), Label("l2", text="sour"), Label("l3", open=False))

    step = world.when(JAR, ReadLabels(("l1", "l2", "l9")))

    assert step.outcome == Done((("sweet", "sour", ""), ("l1", "l2")))
    assert len(world.answers) == 1


def test_who_asks_for_more_without_an_end_is_a_defect() -> None:
    """The bound holds the loop, and the transaction fails."""
    admission = _admission()
    keys = tuple(f"l{number}" for number in range(ROUNDS_MAX))
    asked: list[ToLoad] = []

    with pytest.raises(Defect, match="rounds"):
        asked.extend(_fed(admission, _read(JAR, *keys)))

    assert len(asked) == ROUNDS_MAX + 1


def _fed(admission: Admission[Arrived], arrived: Arrived) -> Iterator[ToLoad]:
    for wanted in admission.rounds([arrived]):
        _feed(admission, wanted)
        yield wanted


def test_what_no_rule_decides_is_a_defect() -> None:
    """Said before anything is loaded for it."""
    with pytest.raises(Defect, match="no rule"):
        next(_admission().rounds([Arrived(Message("", JAR, "whatever"))]))
    with pytest.raises(Defect, match="no rule"):
        next(_admission().rounds([Arrived(Message("", JAR, TimerDue("unheard of", JAR, NOW)))]))


def _stop_before(*stops: Arrived) -> Callable[[Arrived], bool]:
    """It is enough from these on, in whatever round they are."""
    return lambda arrived: any(arrived is stop for stop in stops)


def test_what_comes_after_enough_is_left_in_its_order() -> None:
    """What was decided before stays decided; a first one is decided even so."""
    admission = _admission()
    arrived = [Arrived(Message(f"put-{n}", f"jar_{n}", Put(1))) for n in range(4)]
    rounds = admission.rounds(arrived, _stop_before(arrived[0], arrived[2]))

    for wanted in rounds:
        _feed(admission, wanted)

    assert [answer.id for _, answer in admission.effects.answers] == ["put-0", "put-1"]
    assert admission.left == arrived[2:]


def test_what_waits_for_more_is_left_with_the_rest() -> None:
    """The first asked for more and waits, and so does the next of its root; one in between was decided."""
    admission, asking, behind = _admission(), _read("jar_a", "l1"), Arrived(Message("put-a", "jar_a", Put(1)))
    other, last = Arrived(Message("put-b", "jar_b", Put(1))), Arrived(Message("put-c", "jar_c", Put(1)))
    rounds = admission.rounds([asking, other, behind, last], _stop_before(last))

    for wanted in rounds:
        _feed(admission, wanted)

    assert [answer.id for _, answer in admission.effects.answers] == ["put-b"]
    assert admission.left == [asking, behind, last]


def test_a_record_whose_body_no_rule_takes_is_set_aside_alone() -> None:
    """Somebody else's bytes are no defect of ours, and the others go on."""
    admission, record = _admission(), Arrived(Message("m", "jar_a", "whatever"), place_in_line=1)
    rounds = admission.rounds([record, Arrived(Message("put-b", "jar_b", Put(1)))])

    for wanted in rounds:
        _feed(admission, wanted)

    assert [(each, str(error)) for each, error in admission.effects.faulty] == [
        (record, "UNKNOWN_TYPE: no rule for 'whatever'")
    ]
    assert [answer.id for _, answer in admission.effects.answers] == ["put-b"]
