"""The whole engine in memory with its messages in hand: what the order service and its participants say to each other
waits, is lost, is refused or is set aside, as a test wants it."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from services.kernel.decision import Command, Timer
from services.kernel.messages import Op
from services.kernel.saga import Reply, Run, Verdict
from tests.coupled import COMMANDS, REPLIES, Topic
from tests.extremes.engine import Engine
from tests.in_memory import InMemory

ORDER = "order"
FIRST_PHASE = (Op.TRY, Op.EXECUTE)
Passes = Callable[[Command], bool]


class _EnoughError(Exception):
    """What may be handed over is."""


class HeldEngine(Engine):
    """`passing` says which commands of the order service are handed over, and `answering` whether answers to them are;
    all else between the services always is."""

    passing: Passes = staticmethod(lambda command: True)
    answering = True

    @property
    def orders(self) -> InMemory:
        """The order service."""
        return self.worlds[ORDER]

    @property
    def runs(self) -> list[Run]:
        """The settlements that are not over."""
        return [row for row in self.orders.rows.values() if isinstance(row, Run) and not row.terminal]

    def hold(self, passing: Passes, *, answering: bool = False) -> None:
        """From now on only these commands are handed over, and answers if they may be."""
        self.passing, self.answering = passing, answering
        self.deliver()

    def let_go(self) -> None:
        """From now on everything is."""
        self.hold(lambda command: True, answering=True)

    def deliver(self) -> None:
        """Hand over what may be."""
        self.pick = self._next
        try:
            super().deliver()
        except _EnoughError:
            return

    def taken(self, participant: str = "", *ops: Op) -> list[Command]:
        """The commands of settlements that wait for a participant, or for all, taken from the queue."""
        found = [
            each for each in self.orders.sent
            if each.saga is not None and participant in ("", each.participant) and (not ops or each.saga.op in ops)
        ]
        self.orders.sent = [each for each in self.orders.sent if each not in found]
        return found

    def answer(self, command: Command, verdict: Verdict, reason: str) -> None:
        """The order service hears this of a command that nobody got."""
        saga = command.saga
        assert saga is not None
        run = self.orders.row(Run, saga.saga_id)
        self.orders.reply(run.root, Reply(saga.saga_id, saga.branch, saga.op, verdict, reason))

    def by_hand(self, kind: str) -> None:
        """A person lets the frozen settlement go on, or gives it up."""
        for run in self.runs:
            self.orders.timers[kind, run.id] = Timer(kind, run.id, run.root, self.now)
        self.orders.fire()
        self.deliver()

    def pass_by(self, time: timedelta) -> None:
        """So much later, with all that is due by then."""
        self.turn(self.now + time)

    def _next(self, topics: Sequence[Topic]) -> Topic:
        for topic in topics:
            if self._may_pass(topic):
                return topic
        raise _EnoughError

    def _may_pass(self, topic: Topic) -> bool:
        if topic.stream == REPLIES:
            return self.answering or not topic.taker.startswith(f"{ORDER}/")
        if topic.stream != COMMANDS or topic.sender is not self.orders:
            return True
        command = next(each for each in self.orders.sent if each.participant == topic.taker)
        return command.saga is None or self.passing(command)
