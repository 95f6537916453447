"""Histories: what callers were told, what participants answered, and what was published, makes sense as a whole."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from services.kernel.messages import Op
from services.kernel.saga import Phase, Verdict

if TYPE_CHECKING:
    from settle.simulation.world import World


def answered(world: "World") -> Iterator[str]:
    """A request is answered once, and to whoever asks again alike; what was told is what is stored."""
    for request in world.desk.requests.values():
        stored = world.stores[request.service].inbox.get(request.id)
        for _, _, told in request.told:
            if stored is None or (told.verdict, told.type, told.outcome) != (
                stored.verdict, stored.type, stored.outcome
            ):
                yield f"{request.id} was told {told}, and {stored} is stored"


def gapless(world: "World") -> Iterator[str]:
    """The events of an aggregate are numbered from 1 without a gap."""
    for name, store in world.stores.items():
        for aggregate_id, events in store.events.items():
            if [event.sequence for event in events] != list(range(1, len(events) + 1)):
                yield f"{name}: {aggregate_id} told {[event.sequence for event in events]}"


def forward(world: "World") -> Iterator[str]:
    """No aggregate tells of an earlier instant after a later one, but where its clock showed both twice."""
    for name, store in world.stores.items():
        for aggregate_id, events in store.events.items():
            for before, after in pairwise(events):
                if after.at < before.at and not store.showed_twice(after.at, before.at):
                    yield f"{name}: {aggregate_id}/{after.sequence} is of {after.at}, after {before.at}"


def atomic(world: "World") -> Iterator[str]:
    """A settlement is done at every participant, or at none: answers and journals agree with its decision."""
    runs = {run.id: run for run in world.runs()}
    posted = {
        (name, each.saga_id) for name, store in world.stores.items() for each in store.journals.values() if each.saga_id
    }
    for _, saga_id in sorted(posted):
        if saga_id not in runs or runs[saga_id].phase is not Phase.DONE:
            yield f"{saga_id} posted journals, and is {runs[saga_id].phase if saga_id in runs else 'unknown'}"
    for run in runs.values():
        wanted = Op.CONFIRM if run.phase is Phase.DONE else Op.CANCEL
        unwanted = Op.CANCEL if run.phase is Phase.DONE else Op.CONFIRM
        for branch in run.branches if run.terminal and len(run.branches) > 1 else ():
            inbox = world.stores[branch.service].inbox
            second = inbox.get(f"{run.id}/{wanted}")
            if second is None or second.verdict is not Verdict.DONE or f"{run.id}/{unwanted}" in inbox:
                yield f"{run.kind} {run.id} is {run.phase}, and {branch.service} has no {wanted.name}"
