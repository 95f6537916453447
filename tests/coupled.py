"""Several services in memory, coupled: commands, notices and replies go from hand to hand, each topic in its order."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from services.kernel.decision import Command
from services.kernel.errors import Defect
from services.kernel.notices import Acknowledged, Notice
from services.kernel.saga import Run
from tests.in_memory import InMemory

DELIVERED_MAX = 10_000

Translate = Callable[[str, str, object], object]
"""What one service sends, as another takes it: by the names of both, as their wires do."""


class Topic(NamedTuple):
    """What a service has sent one taker and was not handed over, of one stream."""

    sender: InMemory
    taker: str
    stream: str


COMMANDS, ACKNOWLEDGEMENTS, REPLIES = "commands and notices", "acknowledgements", "replies"

Pick = Callable[[Sequence[Topic]], Topic]
"""Which topic is read next; each is read in its own order."""


def in_order(topics: Sequence[Topic]) -> Topic:
    """The first service that has something to hand over, commands before replies."""
    return topics[0]


def deliver(worlds: Mapping[str, InMemory], translate: Translate, pick: Pick = in_order) -> None:
    """Hand over what was sent between these services, and what that causes, until nothing is under way."""
    for _ in range(DELIVERED_MAX):
        topics = [topic for world in worlds.values() for topic in _topics(world)]
        if not topics:
            return
        _hand_over(worlds, pick(topics), translate)
    raise Defect("messages without an end")


def _topics(world: InMemory) -> Iterator[Topic]:
    for taker in dict.fromkeys(command.participant for command in world.sent):
        yield Topic(world, taker, COMMANDS)
    for stream, sent in ((ACKNOWLEDGEMENTS, world.acknowledged), (REPLIES, world.replies)):
        for caller in dict.fromkeys(caller for caller, _ in sent):
            yield Topic(world, caller, stream)


def _hand_over(worlds: Mapping[str, InMemory], topic: Topic, translate: Translate) -> None:
    sender, taker, stream = topic
    if stream == COMMANDS:
        first = [command.participant for command in sender.sent].index(taker)
        _deliver(sender, worlds[taker], sender.sent.pop(first), translate)
        return
    name, _, root = taker.partition("/")
    if stream == ACKNOWLEDGEMENTS:
        first = [caller for caller, _ in sender.acknowledged].index(taker)
        worlds[name].tell(root, Acknowledged(sender.acknowledged.pop(first)[1]))
        return
    first = [caller for caller, _ in sender.replies].index(taker)
    reply = sender.replies.pop(first)[1]
    result = None if reply.result is None else translate(sender.name, name, reply.result)
    worlds[name].reply(root, replace(reply, result=result))


def _deliver(sender: InMemory, taker: InMemory, command: Command, translate: Translate) -> None:
    body = translate(sender.name, taker.name, command.body)
    if command.saga is None:
        taker.tell(command.key, body, command.id, f"{sender.name}/{sender.row(Notice, command.id).root}")
        return
    saga = command.saga
    caller = f"{sender.name}/{sender.row(Run, saga.saga_id).root}"
    taker.command(
        command.key, body, saga.op, saga.saga_id, branch=saga.branch, caller=caller, not_after=command.not_after
    )
