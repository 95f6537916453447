"""A world: three services with two processes each, Kafka, a rail and people; first everything fails, then nothing does.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.kernel.decision import Timer
from services.kernel.messages import Message
from services.kernel.notices import Notice
from services.kernel.saga import Run
from services.order.domain.order import Order
from services.runtime.lanes.item import Item
from settle.simulation.agenda import DAY, HOUR, MINUTE, SECOND, Agenda, Signal, Steps, virtual
from settle.simulation.bus import Bus
from settle.simulation.calls import Desk
from settle.simulation.lane import Lane
from settle.simulation.network import Network
from settle.simulation.outside import Outside
from settle.simulation.people import channels, finance, operators, stopping
from settle.simulation.people.disputes import DisputeStory
from settle.simulation.people.orders import OrderStory
from settle.simulation.people.redeemers import RedemptionStory
from settle.simulation.process import Process
from settle.simulation.reached import Reached
from settle.simulation.services import CARD_REDEMPTION, SERVICES, business
from settle.simulation.store import Store
from settle.simulation.story import Story
from settle.simulation.subscriber import Subscriber
from settle.simulation.swarm import Swarm, calm, draw
from settle.simulation.tape import Tape
from settle.simulation.witnesses import Witness
from settle.simulation.witnesses.claims import Claimed

if TYPE_CHECKING:
    from settle.simulation.transaction import Transaction

PROCESSES = 2
FAULTS_END = 4 * MINUTE
"""So long after the last order has begun faults go on at most."""
HEALED_WITHIN = 30 * MINUTE
"""Everything ends within this time once nothing fails any more, or once it has begun."""
THOUGHT_FOR = 3 * HOUR
"""So long people go on at most: who recycles a card and looks at each draft for longer than it holds, and waits in
between for a word about every cancel, takes no longer for all that it may do."""
SLICE = SECOND


class Violation(NamedTuple):
    """Something that does not hold: which check, what, and when it was seen."""

    check: str
    what: str
    at: int


class World:
    """One world from its tape. `run` it, then read `violations`, `sagas` and `reached`."""

    def __init__(self, tape: Tape, *, told: bool = False) -> None:
        self.tape = tape
        self.swarm: Swarm = draw(tape.track("swarm"))
        self.agenda = Agenda()
        self.reached = Reached()
        self.violations: list[Violation] = []
        self.error: Exception | None = None
        self.story = Story(told, lambda: self.agenda.now)
        self.over = False
        self.quiet = False
        self.bus = Bus()
        self.stores = {
            name: Store(name, business(name, self.swarm.partitions, self.swarm.refunds_a_day)) for name in SERVICES
        }
        self.witness = Witness(self)
        self.subscriber = Subscriber(self)
        self.network = Network(self)
        self.outside = Outside(self)
        self.rail, self.provider = self.outside.rail, self.outside.provider
        self.desk = Desk(self)
        self.lifetimes: dict[str, tuple[int, int]] = {}
        """When each settlement began, and when it moved last."""
        self.claims: dict[tuple[type, str], Claimed] = {}
        """What an undecided settlement has claimed, as it was then."""
        self.taken: dict[str, int] = {}
        """What the acquirer took, by the reference of the payment."""
        self.standing_still: dict[str, set[str]] = {}
        """The redemptions that a fraud, or a case, has stopped, and their payouts that were asked about since."""
        self._settled: dict[str, Signal] = {}
        self._open_stories = 0
        self.processes = {
            name: [Process(self, store, f"{name} {number}") for number in range(1, PROCESSES + 1)]
            for name, store in self.stores.items()
        }

    @property
    def quiet(self) -> bool:
        """Whether nothing fails."""
        return self._quiet

    @quiet.setter
    def quiet(self, quiet: bool) -> None:
        self._quiet = quiet
        self.faults = calm(self.swarm) if quiet else self.swarm
        """What goes wrong now, and how often."""

    @property
    def sagas(self) -> int:
        """How many settlements there were."""
        return sum(1 for _ in self.runs())

    def runs(self) -> Iterator[Run]:
        """All settlements, whoever coordinates them."""
        for store in self.stores.values():
            yield from store.rows.get(Run, {}).values()

    def run(self) -> None:
        """Open the shop, let everything happen, heal, and watch for a while."""
        self.quiet = True
        openings = [finance.opening(self, number) for number in range(self.swarm.accounts)]
        if self.swarm.redemptions:
            self.begin(CARD_REDEMPTION)
            openings.append(channels.opening(self))
        self.tell_all(openings, HOUR)
        self.quiet = False
        self._differ()
        stories = [OrderStory(self, number).steps() for number in range(self.swarm.orders)]
        stories += [finance.account_story(self, number) for number in range(self.swarm.accounts)]
        stories += [finance.merchant_story(self, number) for number in range(self.swarm.merchants)]
        redemptions = [RedemptionStory(self, number) for number in range(self.swarm.redemptions)]
        stories += [story.steps() for story in redemptions]
        stories += [DisputeStory(story).steps() for story in redemptions]
        stories += [channels.new_terms(self), channels.switch_story(self)] if self.swarm.redemptions else []
        stories += stopping.stories(self)
        self.agenda.start(operators.at_work(self))
        self.agenda.start(operators.mending(self))
        self.tell_all(stories, self.swarm.spread + FAULTS_END)
        self._heal()
        if not self._rests():
            self._give_up()
            return
        self.agenda.run(self.agenda.now + self.swarm.patience * DAY + operators.ROUND * bool(self.swarm.patience))
        self.until(self.idle, HEALED_WITHIN)
        self.rail.last_words()
        self.agenda.run(self.agenda.now + SLICE)  # they are on their way to nobody who waits, so all looks idle
        self.until(self.idle, HEALED_WITHIN)
        self._give_up()

    def _rests(self) -> bool:
        """Whether all comes to its end in time; people may think for longer, and what they began is given its time."""
        latest = self.agenda.now + THOUGHT_FOR
        while not self.until(self.idle, HEALED_WITHIN):
            before = self.agenda.now - HEALED_WITHIN
            late = any(not run.terminal and self.lifetimes[run.id][0] <= before for run in self.runs())
            if not self._open_stories or self.agenda.now >= latest or late:
                return False
        return True

    def _give_up(self) -> None:
        """It is over; what has not come to its end never will."""
        for what in self.unfinished():
            self.fail("unfinished", what)
        self.over = True

    def let_go(self) -> None:
        """It was looked at: its rows go at once, and what is left for the collector are the few things that hold each
        other."""
        for store in self.stores.values():
            store.empty()
        self.subscriber.seen.clear()
        self.desk.requests.clear()
        self.bus.forget()

    def seconds(self) -> float:
        """Time that only grows, as a process sees it."""
        return self.agenda.now / SECOND

    def fail(self, check: str, what: str) -> None:
        """Something does not hold."""
        self.violations.append(Violation(check, what, self.agenda.now))
        self.story.note("world", f"!! {check}: {what}")

    # -- what its parts tell it

    def committed(self, store: Store, transaction: "Transaction") -> None:
        """A transaction was committed: who waits for what it ended goes on."""
        self.story.decided(store, transaction)
        self.witness.committed(store, transaction)
        for kind in (Order, RedemptionOrder):
            for order in transaction.admission.effects.dirty.get(kind, {}).values():
                if order.key in self._settled and not order.settlement_id:  # type: ignore[attr-defined]
                    self.agenda.after(0, self._settled.pop(order.key).ring)

    def settled_signal(self, order_id: str) -> Signal:
        """Rings when no settlement of the order, or of the redemption, is under way."""
        return self._settled.setdefault(order_id, Signal())

    def lanes_changed(self, store: Store) -> None:
        """A lane came or went: the others of its service take their shares anew, and sweep what it left."""
        for process in self.processes[store.name] if hasattr(self, "processes") else ():
            if process.alive:
                self.agenda.after(SECOND // 2, partial(_poke, process.lane))
                process.sweep_soon()

    def arm(self, store: Store) -> None:
        """See to it that the lanes look when the next timer is due."""
        due_at = store.timers.next_due()
        if due_at is None:
            return
        at = max(virtual(due_at) - store.offset_of_clock, self.agenda.now)
        if store.armed is None or at < store.armed:
            store.armed = at
            self.agenda.at(at, lambda _: self._ring(store, at))

    def report(self, service: str, message: Message) -> None:
        """A word from outside, to whichever process is there; one that is lost is not said again."""
        living = [process for process in self.processes[service] if process.alive]
        if living:
            lane = living[self.tape.track("reports").below(len(living))].lane
            lane.queues.add(Item(message))
            lane.poke()

    # -- how it goes on

    def idle(self) -> bool:
        """Whether nothing is left to do."""
        return not self._open_stories and next(self.unfinished(), None) is None

    def unfinished(self) -> Iterator[str]:
        """What has not come to its end."""
        if self._open_stories:
            yield f"{self._open_stories} people are not answered"
        for run in self.runs():
            if not run.terminal:
                yield f"{run.kind} {run.id} is {run.phase} {run.reason}"
        for name, store in self.stores.items():
            for lane_id, rows in store.outbox.items():
                if rows:
                    yield f"{len(rows)} records of lane {lane_id} of {name} were not published"
            for row in store.parked:
                if row.open:
                    yield f"{row.record.message_id} is parked at {name}: {row.record.reason}"
            for notice in store.rows.get(Notice, {}).values():
                if notice.open:
                    yield f"notice {notice.id} was not acknowledged"
        for processes in self.processes.values():
            for process in processes:
                if len(process.lane.waiting):
                    yield f"{len(process.lane.waiting)} wait for claims in {process.name}"

    def tell_all(self, stories: list[Steps], within: int) -> None:
        """Let these stories come to their ends, if they do in time."""
        self._open_stories += len(stories)
        for story in stories:
            self.agenda.start(self._story(story))
        self.until(lambda: not self._open_stories, within)

    def _story(self, steps: Steps) -> Steps:
        yield from steps
        self._open_stories -= 1

    def until(self, done: Callable[[], bool], within: int) -> bool:
        """Let it go on until this is so, or too much time is over; answers whether it is."""
        ends = self.agenda.now + within
        while not done() and self.agenda.now < ends:
            following = self.agenda.following
            self.agenda.run(min(ends, max(self.agenda.now + SLICE, following or 0)))
        return done()

    def begin(self, service: str) -> None:
        """What a process of the service sets at its start where it is missing."""
        store = self.stores[service]
        for timer in (SERVICES[service].standing or _nothing)(store.present(0)):
            store.timers.put(timer)
        self.arm(store)

    def _differ(self) -> None:
        """From now on clocks differ, and Kafka may forget."""
        track, swarm = self.tape.track("clocks"), self.swarm
        for store in self.stores.values():
            if swarm.skew:
                store.jump(track.below(2 * swarm.skew) - swarm.skew, self.agenda.now)
            if track.chance(swarm.jumps):
                by = track.below(2 * swarm.skew + 2 * SECOND) - swarm.skew - SECOND
                self.agenda.after(track.below(2 * MINUTE), partial(self._jump, store, by))
        if track.chance(swarm.forgotten):
            self.agenda.after(track.below(2 * MINUTE), lambda _: self.network.forget())

    def _jump(self, store: Store, by: int, _: object) -> None:
        if not self.quiet:
            self.reached.note("clock_jumped" if by >= 0 else "clock_back")
            store.jump(by, self.agenda.now)
            store.armed = None
            self.arm(store)

    def _ring(self, store: Store, at: int) -> None:
        """Timers are due: whoever rests looks for them, and whoever works does so by itself."""
        if store.armed != at:
            return
        store.armed = None
        store.timers.ripen(store.present(self.agenda.now))
        for process in self.processes[store.name]:
            if process.alive:
                process.lane.poke()
        self.arm(store)

    def _heal(self) -> None:
        self.quiet = True
        self.story.note("world", "nothing fails any more")
        stopping.let_go(self)
        for processes in self.processes.values():
            for process in processes:
                if not process.alive:
                    process.start(None)


def _nothing(now: datetime) -> tuple[Timer, ...]:
    return ()


def _poke(lane: Lane, _: object) -> None:
    lane.poke()
