"""The laws of every decision, asserted on every message, in production too; one that is broken is a defect of ours."""

from services.kernel.decision import Aggregate, Decision
from services.kernel.errors import Defect
from services.kernel.messages import Message


def check_step(before: Aggregate, after: Aggregate) -> None:
    """A version steps by one with every visible change, and stays where nothing visible changes."""
    if after.version - before.version not in (0, 1):
        raise Defect(f"{after.key}: version {before.version} -> {after.version}")


def check_journals(message: Message, decision: Decision, root_version: int) -> None:
    """Journals are posted with a change of the root that the message names: its version is a part of their key."""
    if decision.journals and not root_version:
        raise Defect(f"{message.id}: journals without a new version of {message.key}")
