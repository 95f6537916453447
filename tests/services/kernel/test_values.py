"""Values without guards behave as with them, but for the writing."""

from dataclasses import FrozenInstanceError, dataclass, field, replace
from types import ModuleType
from typing import NamedTuple

import pytest

from services.kernel.journal import Journal, Unit
from services.runtime.ground.values import copied, frozen_classes, quicken, unguard


@dataclass(frozen=True, slots=True)
class Point:
    """A value with every kind of field."""

    x: int
    y: int = 2
    names: tuple[str, ...] = field(default_factory=tuple)
    colour: str = field(default="red", kw_only=True)

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("x")


@dataclass(frozen=True, slots=True)
class Weighted(Point):
    """A value that inherits its fields and its check."""

    weight: int = 1


class Pair(NamedTuple):
    """A named tuple, which is no dataclass."""

    left: int
    right: int = 2


def test_an_unguarded_value_is_the_same_value() -> None:
    """Defaults, factories, checks, equality, hash and replace stay; only a write passes."""
    before = Weighted(1, weight=3)
    unguard([Point, Weighted])

    after = Weighted(1, weight=3)

    assert (after.x, after.y, after.names, after.colour, after.weight) == (1, 2, (), "red", 3)
    assert after == before
    assert hash(after) == hash(before)
    assert replace(after, y=5) == Weighted(1, 5, weight=3)
    with pytest.raises(ValueError, match="x"):
        Weighted(-1)
    with pytest.raises(TypeError):
        Weighted()  # type: ignore[call-arg]
    after.y = 9  # type: ignore[misc]
    assert after != before


def test_a_copy_is_as_replace_makes_it() -> None:
    """With every kind of field, with its check, and of no field that there is not."""
    value = Weighted(1, names=("a",), colour="blue", weight=3)

    for changes in ({}, {"x": 5}, {"names": (), "weight": 0}, {"colour": "green", "y": None}):
        assert copied(value, **changes) == replace(value, **changes)
        assert type(copied(value, **changes)) is Weighted
    with pytest.raises(ValueError, match="x"):
        copied(value, x=-1)
    with pytest.raises(TypeError):
        copied(value, z=1)


def test_a_copy_without_guards_is_as_replace_makes_it_too() -> None:
    """It writes the fields itself, and then asks the check; a field that only the check fills is filled by it."""

    @dataclass(frozen=True, slots=True)
    class Bare:
        number: int
        name: str = "a"

    @dataclass(frozen=True, slots=True)
    class Checked(Bare):
        def __post_init__(self) -> None:
            if self.number < 0:
                raise ValueError("number")

    @dataclass
    class Doubled:
        number: int
        twice: int = field(init=False)

        def __post_init__(self) -> None:
            self.twice = 2 * self.number

    unguard([Bare, Checked])

    for kind in (Bare, Checked):
        for changes in ({}, {"number": 5}, {"name": "b", "number": 7}):
            assert copied(kind(1), **changes) == replace(kind(1), **changes)
            assert type(copied(kind(1), **changes)) is kind
        with pytest.raises(TypeError):
            copied(kind(1), middle=1)
    with pytest.raises(ValueError, match="number"):
        copied(Checked(1), number=-1)
    assert copied(Doubled(1), number=2).twice == 4


def test_only_what_means_replace_is_quickened() -> None:
    """A name that means something else stays what it is; a named tuple changes fields as before."""
    mine, other = ModuleType(Pair.__module__), ModuleType("other")
    vars(mine).update(replace=replace, Pair=Pair, ORIGIN=Pair(0, 0))
    vars(other).update(replace=str.replace)

    quicken([mine, other])

    assert vars(mine)["replace"] is copied
    assert vars(other)["replace"] is str.replace
    assert Pair(1, 2)._replace(right=5) == Pair(1, 5)
    assert type(Pair(1)._replace()) is Pair
    with pytest.raises(TypeError):
        Pair(1)._replace(middle=2)  # type: ignore[call-arg]


def test_every_value_of_the_domain_is_found_and_guarded_in_tests() -> None:
    """The tests run with the guards, so that a write that slipped past the type checker fails here."""
    journal = Journal("P0", Unit.CNY, ())

    found = frozen_classes("services")

    assert Journal in found
    assert Point not in found
    with pytest.raises(FrozenInstanceError):
        journal.op = "P1"  # type: ignore[misc]
