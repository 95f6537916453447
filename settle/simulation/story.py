"""What happened, for people: a sequence diagram in text, with the money beside it. Kept only where one is wanted."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from services.kernel.messages import Message
from services.kernel.saga import Reply
from services.runtime.lanes.item import Item

if TYPE_CHECKING:
    from settle.simulation.store import Store
    from settle.simulation.transaction import Transaction

LIVES = ("people", "order", "credit_ledger", "card_redemption", "rail")
"""The columns of the diagram."""
_WIDTH = 11
_HEADS = ("people", "order", "credit", "card", "rail")


class Moment(NamedTuple):
    """At this time, something went from one to another, or happened to one; and the money that it moved."""

    at: int
    what: str
    sender: str = ""
    taker: str = ""
    money: str = ""


class Story:
    """The moments of a run, in order; `now` tells the time."""

    def __init__(self, kept: bool, now: Callable[[], int]) -> None:
        self.kept = kept
        self._now = now
        self._moments: list[Moment] = []

    def note(self, who: str, what: str) -> None:
        """Something happened to one."""
        if self.kept:
            self._moments.append(Moment(self._now(), f"{who} {what}", _life(who), _life(who)))

    def decided(self, store: "Store", transaction: "Transaction") -> None:
        """A transaction was committed: a line for each message that it decided."""
        if not self.kept:
            return
        money = [
            f"{posted.journal.op} {line.account}{f'{{{line.sub}}}' if line.sub else ''} {line.amount_minor:+}"
            for posted in transaction.admission.effects.journals for line in posted.journal.lines
        ]
        items = [*transaction.items, *transaction.admission.effects.woken]
        for number, item in enumerate(items):
            last = number == len(items) - 1
            self._moments.append(Moment(
                self._now(), _label(item), _sender(item), store.name, "; ".join(money) if last else ""
            ))

    def lines(self) -> Iterator[str]:
        """The diagram."""
        yield f"{'seconds':>10}  " + "".join(head.ljust(_WIDTH) for head in _HEADS) + " what | money"
        for moment in self._moments:
            money = f" | {moment.money}" if moment.money else ""
            yield f"{moment.at / 1e6:>10.3f}  {_arrow(moment.sender, moment.taker)} {moment.what}{money}"


def _life(who: str) -> str:
    return next((life for life in LIVES if who.startswith(life)), "")


def _arrow(sender: str, taker: str) -> str:
    """The row of lifelines, with an arrow from one to the other."""
    row = list(("|" + " " * (_WIDTH - 1)) * len(LIVES))
    if sender not in LIVES or taker not in LIVES:
        return "".join(row)
    begin, end = (LIVES.index(each) * _WIDTH for each in (sender, taker))
    if begin == end:
        row[begin] = "*"
    else:
        low, high = min(begin, end), max(begin, end)
        row[low + 1 : high] = "-" * (high - low - 1)
        row[begin], row[end] = "o", ">" if end > begin else "<"
    return "".join(row)


def _label(item: Item) -> str:
    message = item.message
    if item.timer is not None:
        return f"timer {item.timer.kind} {item.timer.key}"
    body = message.body
    if isinstance(body, Reply):
        return f"{body.op.name} {body.verdict} {body.reason} {body.saga_id}".replace("  ", " ")
    saga = message.saga
    named = f"{saga.op.name} " if saga else ""
    return f"{named}{type(body).__name__} {message.key}" + (f" {saga.saga_id}" if saga else "")


def _sender(item: Item) -> str:
    message: Message = item.message
    if item.timer is not None:
        return ""
    if isinstance(message.body, Reply):
        return message.body.branch
    if message.caller:
        return message.caller.partition("/")[0]
    if item.answer is not None:
        return "people"
    return "rail" if type(message.body).__name__ == "ReportLeg" else "credit_ledger"


def told(lines: Sequence[str], most: int) -> list[str]:
    """The last lines of a diagram, and how many were before them."""
    left = len(lines) - most
    return list(lines) if left <= 0 else [lines[0], f"{'':>10}  ... {left} lines before", *lines[-most:]]
