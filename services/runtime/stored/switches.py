"""What operators have stopped: read by every batch with the instant of its decisions, moved by two people.

What is stopped stands as one fact, so that reading it costs no statement and one look at an index. How it came to be
so stands beside it, one fact for each switch, and for good among the acts of operators.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import NamedTuple

import msgspec

from services.kernel.errors import FailedPrecondition, PermissionDenied
from services.kernel.people import is_named, same_person
from services.runtime.ground import facts
from services.runtime.ground.clock import Clock
from services.runtime.ground.tables import Connection

STOPPED = "stopped"
SQL = f"(select (select value from runtime_facts where name = '{STOPPED}')) s (stopped)"
"""What is stopped, as one row to be joined with whatever a batch reads."""
_OF = "switch/"


class Present(NamedTuple):
    """The instant of the decisions of a batch, and what is stopped then."""

    now: datetime
    stopped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch as two people left it; `proposed` is what the maker wants it to be while nobody approved of it."""

    name: str
    stopped: bool = False
    maker: str = ""
    checker: str = ""
    reason: str = ""
    proposed: bool | None = None
    proposed_by: str = ""
    proposed_for: str = ""
    changed_at: datetime | None = None


def present_of(now: datetime, stopped: str | None) -> Present:
    """What a batch read."""
    return Present(now, frozenset(stopped.split()) if stopped else frozenset())


async def present(connection: Connection, clock: Clock) -> Present:
    """The same for a batch that reads nothing else."""
    row = await connection.fetchrow(f"select p.present, s.stopped from {clock.sql} p (present), {SQL}")
    assert row is not None
    return present_of(*row)


async def read(connection: Connection, names: tuple[str, ...]) -> list[Switch]:
    """These switches as they are."""
    rows = await connection.fetch(
        "select value from runtime_facts where name = any($1::text[])", [_OF + name for name in names]
    )
    known = {switch.name: switch for switch in (msgspec.json.decode(row[0], type=Switch) for row in rows)}
    return [known.get(name, Switch(name)) for name in names]


def proposed(switch: Switch, stopped: bool, operator: str, reason: str) -> Switch:
    """The switch with what the maker wants; a later proposal takes the place of an earlier one (FOUR_EYES)."""
    if not is_named(operator):
        raise PermissionDenied("FOUR_EYES", "whoever proposes has a name of a person")
    if switch.stopped is stopped:
        raise FailedPrecondition("SWITCH_STATE", f"{switch.name} is {_word(stopped)} already")
    return replace(switch, proposed=stopped, proposed_by=operator, proposed_for=reason)


def approved(switch: Switch, stopped: bool, operator: str, now: datetime) -> Switch:
    """The switch as the checker moves it: what was proposed, by somebody else (FOUR_EYES)."""
    if switch.proposed is not stopped:
        raise FailedPrecondition("SWITCH_STATE", f"nobody proposed that {switch.name} be {_word(stopped)}")
    if not is_named(operator) or same_person(operator, switch.proposed_by):
        raise PermissionDenied("FOUR_EYES", "who proposes and who approves are two people")
    return Switch(
        switch.name, stopped, maker=switch.proposed_by, checker=operator, reason=switch.proposed_for, changed_at=now
    )


def all_stopped(before: frozenset[str], switch: Switch) -> frozenset[str]:
    """What all switches together stop, once this one stands so."""
    return before | {switch.name} if switch.stopped else before - {switch.name}


async def save(connection: Connection, switch: Switch) -> None:
    """Keep a switch, and what all of them together stop; the caller holds the lock of all switches."""
    row = await connection.fetchrow(f"select stopped from {SQL}")
    stopped = all_stopped(frozenset(((row and row[0]) or "").split()), switch)
    said = msgspec.json.encode(asdict(switch)).decode()
    await facts.keep(connection, {_OF + switch.name: said, STOPPED: " ".join(sorted(stopped))})


def _word(stopped: bool) -> str:
    return "stopped" if stopped else "let go"
