"""Whatever happens between the beginning of a settlement and its last answer, and however it ends, it ends: nothing
raises, nobody keeps a claim, the books clear, and every row is in a state that its table allows (BZ-1, BZ-2, BK-5)."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.merchants.share import MerchantShare
from services.kernel.messages import Op
from services.kernel.saga import ABORT, RESUME, Run, Verdict
from services.order.domain.merchant_settlement import KIND
from services.order.domain.order import Order
from services.order.domain.states import Kind
from services.order.sagas import DEFINITIONS
from tests.lifecycles import is_sound
from tests.services.held_engine import FIRST_PHASE
from tests.services.settlement_beginnings import BEGINNINGS, HAPPENINGS, Happening, Held, begun, first_phase

End = Callable[[Held, Happening], None]
SECOND_PHASE = (Op.CONFIRM, Op.CANCEL)


def _done(at: Held, happening: Happening) -> None:
    """It happens before anybody has heard of the settlement."""
    happening(at)


def _tried(at: Held, happening: Happening) -> None:
    """While it has its claims."""
    first_phase(at)
    happening(at)


def _decided(at: Held, happening: Happening) -> None:
    """When it is decided, and nobody has heard what."""
    at.engine.hold(lambda command: command.saga is not None and command.saga.op in FIRST_PHASE, answering=True)
    happening(at)


def _refused(at: Held, happening: Happening) -> None:
    """The first participant says no."""
    happening(at)
    for command in at.engine.taken("", *FIRST_PHASE)[:1]:
        at.engine.answer(command, Verdict.REFUSED, "ACCOUNT_NOT_ACTIVE")


def _refused_by_the_last(at: Held, happening: Happening) -> None:
    """The last participant says no, and the others have tried."""
    *others, last = at.engine.taken("", *FIRST_PHASE)
    at.engine.orders.sent += others
    first_phase(at)
    happening(at)
    at.engine.answer(last, Verdict.REFUSED, "CARD_STATE")


def _late(at: Held, happening: Happening) -> None:
    """What the last participant is asked is lost, and comes once the settlement has given up or has done it."""
    *others, lost = at.engine.taken("", *FIRST_PHASE)
    at.engine.orders.sent += others
    first_phase(at)
    happening(at)
    at.engine.pass_by(timedelta(seconds=31))
    at.engine.let_go()
    at.engine.orders.sent.append(lost)


def _set_aside(by_hand: str) -> End:
    def end(at: Held, happening: Happening) -> None:
        """Nobody can decide what the first participant is asked, until a person says what is to be done."""
        aside, *others = at.engine.taken("", *FIRST_PHASE)
        at.engine.orders.sent += others
        at.engine.answer(aside, Verdict.PARKED, "DEFECT")
        happening(at)
        at.engine.let_go()
        at.engine.by_hand(by_hand)
        at.engine.orders.sent.append(aside)

    return end


def _second_set_aside(at: Held, happening: Happening) -> None:
    """The same, of what everybody is told when it is decided."""
    at.engine.hold(lambda command: command.saga is not None and command.saga.op in FIRST_PHASE, answering=True)
    aside = at.engine.taken("", *SECOND_PHASE)
    for command in aside:
        at.engine.answer(command, Verdict.PARKED, "DEFECT")
    happening(at)
    at.engine.let_go()
    at.engine.by_hand(RESUME)
    at.engine.orders.sent += aside


ENDS: dict[str, End] = {
    "done": _done, "tried": _tried, "decided": _decided, "refused": _refused,
    "refused by the last": _refused_by_the_last, "late": _late, "set aside": _set_aside(RESUME),
    "given up": _set_aside(ABORT), "second phase set aside": _second_set_aside,
}
"""Where it happens, and what becomes of the settlement then."""


def flaws(name: str, happened: list[str], end: str) -> list[str]:
    """What is wrong once all of that happened, and everybody answered."""
    at = begun(name)

    def happening(held: Held) -> None:
        for each in happened:
            HAPPENINGS[each](held)

    ENDS[end](at, happening)
    at.engine.let_go()
    at.comes_again()
    for time in (timedelta(minutes=2), timedelta(minutes=2), timedelta(days=1)):
        at.engine.pass_by(time)
        at.comes_again()
    return [f"{name}, {happened}, {end}: {flaw}" for flaw in _left(at)]


def _left(at: Held) -> list[str]:
    found = [repr(fault) for fault in at.engine.faults]
    clearing: Counter[str] = Counter()
    for world in at.engine.worlds.values():
        is_sound(world)
        found += [f"{row.id} of {row.kind} is {row.phase}: {row.reason}" for row in world.rows.values()
                  if isinstance(row, Run) and not row.terminal]
        found += [f"{row.key} keeps a claim" for row in world.rows.values() if _claimed(row)]
        for (_, account, sub), amount in world.balances.items():
            clearing[sub] += amount if account == "X.CLEARING" else 0
    return found + [f"{amount} of {sub} is left between the books" for sub, amount in clearing.items() if amount]


def _claimed(row: object) -> bool:
    if getattr(row, "pending", None) is not None:
        return True
    if isinstance(row, MerchantShare):
        return bool(row.settling_minor or row.refunding_minor)
    if isinstance(row, Order):
        return bool(row.settlement_id)
    return isinstance(row, GiftCard) and row.held_minor != 0


@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_settlement_ends_in_every_way(name: str) -> None:
    """Nothing happens meanwhile."""
    assert [flaw for end in ENDS for flaw in flaws(name, ["nothing"], end)] == []


@pytest.mark.long
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_settlement_ends_whatever_happens_meanwhile(name: str, end: str) -> None:
    """One thing, each of them once: some 14,000 lives."""
    assert [flaw for each in HAPPENINGS for flaw in flaws(name, [each], end)] == []


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(BEGINNINGS)), end=st.sampled_from(sorted(ENDS)),
    happened=st.lists(st.sampled_from(sorted(HAPPENINGS)), min_size=1, max_size=5),
)
def test_a_settlement_ends_whatever_happens_one_after_another(name: str, happened: list[str], end: str) -> None:
    """One thing or several, in any order."""
    assert flaws(name, happened, end) == []


def test_every_kind_of_settlement_is_ended() -> None:
    """Whoever adds one adds how it begins."""
    assert {kind for kind, _ in BEGINNINGS.values()} == {*Kind, KIND} == {*DEFINITIONS.kinds}
