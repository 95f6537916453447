"""Several services in memory, coupled: commands, notices and replies go from hand to hand, in order."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from services.kernel.decision import Command
from services.kernel.errors import Defect
from services.kernel.notices import Acknowledged, Notice
from services.kernel.saga import Run
from tests.in_memory import InMemory

DELIVERED_MAX = 10_000

Translate = Callable[[str, str, object], object]
"""What one service sends, as another takes it: by the names of both, as their wires do."""


def deliver(worlds: Mapping[str, InMemory], translate: Translate) -> None:
    """Hand over what was sent between these services, and what that causes, until nothing is under way."""
    for _ in range(DELIVERED_MAX):
        sender = next((world for world in worlds.values() if world.sent or world.replies or world.acknowledged), None)
        if sender is None:
            return
        if sender.sent:
            command = sender.sent.pop(0)
            _deliver(sender, worlds[command.participant], command, translate)
        elif sender.acknowledged:
            caller, notice_id = sender.acknowledged.pop(0)
            name, _, root = caller.partition("/")
            worlds[name].tell(root, Acknowledged(notice_id))
        else:
            caller, reply = sender.replies.pop(0)
            name, _, root = caller.partition("/")
            result = None if reply.result is None else translate(sender.name, name, reply.result)
            worlds[name].reply(root, replace(reply, result=result))
    raise Defect("messages without an end")


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
