"""Who waits for the end of a claim (BZ-3): by root, in the order in which they came.

A claim that ends in this lane wakes the first who waits for its root in the very transaction in which it ends. One that
another process ends is looked for: the first of a root is decided again after a pause that grows. Nobody behind the
first is decided meanwhile, so that each message is decided a few times, however many wait.
"""

from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain

from services.kernel.effects import Effects
from services.kernel.errors import Unavailable
from services.kernel.messages import Op, answers_for
from services.runtime.ground import metrics
from services.runtime.lanes.item import Item

LOOK_SECONDS, LOOK_SECONDS_MAX = 0.2, 2.0
"""The first pause after which a claim is looked at again, and the longest."""
TEND_SECONDS, EXPIRE_SECONDS = 0.05, 0.25
"""How often it is seen which claims are to be looked at, and who may not wait any longer."""
ANSWER_SECONDS = 0.4
"""What of a call's time is kept to answer it that the root is still claimed."""
ABOARD_MAX = 64
"""So many who wait for one root are decided in one transaction at most."""
ALL_ABOARD_MAX = 512
"""Once so many are aboard of one transaction, no other root is: thousands of claims may end elsewhere at a time."""
OF_A_ROOT_MAX = 1_024
"""So many wait for one root at most; the next caller hears at once that it is claimed. All places of a lane must not be
taken for the sake of one root."""
WAITING_MAX = 10_000
"""So many messages that their senders repeat wait at most; the next one is left to that. Calls are bounded where they
come in."""


@dataclass(frozen=True, slots=True)
class Aboard:
    """Who waits for the roots of a batch, by root, and which roots' first is decided in any case; `lined` are all roots
    for which somebody waits."""

    waiting: Mapping[str, Sequence[Item]] = field(default_factory=dict)
    awake: frozenset[str] = frozenset()
    lined: Container[str] = ()

    def __bool__(self) -> bool:
        return bool(self.waiting)

    @property
    def items(self) -> list[Item]:
        """All of them, one root after the other."""
        return [item for each in self.waiting.values() for item in each]


NOBODY = Aboard()


def apart(part: Sequence[Item], aboard: Aboard) -> list[list[Item]]:
    """What failed together: each half by itself, and those aboard by themselves, who harm nobody whose message ends
    their claim."""
    half = len(part) // 2
    return [list(some) for some in (part[:half], part[half:], aboard.items) if some]


@dataclass(slots=True)
class _Root:
    """Those who wait for one root, by what makes two of them the same; and when its claim is looked at again."""

    look_at: float
    pause: float = LOOK_SECONDS
    items: dict[object, Item] = field(default_factory=dict)


class Waiting:
    """All who wait in a lane. `monotonic` gives seconds that only grow."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._roots: dict[str, _Root] = {}
        self._tended_at = self._expired_at = 0.0
        self._count = 0
        self._stood: dict[int, Counter[int]] = {}
        self.calls = 0
        self.awake: dict[str, None] = {}
        """The roots that are looked at next, in the order in which they woke: who has no place aboard is next."""

    def __len__(self) -> int:
        return self._count

    def __contains__(self, item: Item) -> bool:
        root = self._roots.get(item.message.key)
        return root is not None and root.items.get(_name(item)) is item

    def leave(self, items: Iterable[Item]) -> None:
        """These wait no longer, if they did."""
        for item in items:
            if item in self:
                self._remove(item)

    def forget_partitions(self, partitions: Collection[int]) -> None:
        """Whoever takes these partitions reads again what waits here of them."""
        self.leave([
            item for root in self._roots.values() for item in root.items.values()
            if item.stood_at is not None and item.stood_at[0] in partitions
        ])

    def aboard(self, items: Sequence[Item]) -> Aboard:
        """Who has to be known to a batch of these items: who waits for a root whose claim may end in it, or that is
        awake."""
        if not self._roots:
            return NOBODY
        waiting: dict[str, Sequence[Item]] = {}
        count = 0
        for key in chain(self.awake, (item.message.key for item in items if self._may_end(item))):
            if count >= ALL_ABOARD_MAX:
                break  # whose claim ends in this batch is awake after it, and who is awake stays so
            if key not in waiting:
                waiting[key] = _until_a_claim(self._roots[key])
                count += len(waiting[key])
        return Aboard(waiting, frozenset(self.awake.keys() & waiting.keys()), self._roots)

    def settle(self, items: Sequence[Item], aboard: Aboard, effects: Effects[Item], now: datetime) -> None:
        """After the commit: who met a claim waits, who was decided does not, and who is next goes on."""
        if not self._roots and not effects.busy:
            return
        for key in aboard.awake:
            self.awake.pop(key, None)
        busy = {item for item, _ in effects.busy}
        for item in (*items, *effects.woken):
            if item not in busy and item.message.key in self._roots:
                self._remove(item)
        for item, _ in effects.busy:
            if item.answer is None and effects.answered.keys() & answers_for(item.message)[:1]:
                continue  # it came twice: the first was decided in this transaction, and its reply is sent
            self._add(item, effects, now)
        for key in aboard.awake & self._roots.keys():
            root = self._roots[key]
            root.pause = min(2 * root.pause, LOOK_SECONDS_MAX)
            root.look_at = self._monotonic() + root.pause
        self.awake.update(dict.fromkeys(sorted(effects.let_go & self._roots.keys())))

    def oldest(self, busy: Iterable[Item]) -> dict[int, int]:
        """Of each partition, where the oldest record stands whose message waits here, or would with these."""
        oldest = {partition: min(stood) for partition, stood in self._stood.items()}
        for item in busy:
            if (place := item.place) is not None:
                oldest[place[0]] = min(oldest.get(place[0], place[1]), place[1])
        return oldest

    def tend(self) -> None:
        """Look again at claims that may have ended elsewhere, and let go who may not wait any longer."""
        if not self._roots or (now := self._monotonic()) - self._tended_at < TEND_SECONDS:
            return
        self._tended_at = now
        if now - self._expired_at >= EXPIRE_SECONDS:
            self._expired_at = now
            self._expire(now)
        self.awake.update((key, None) for key, root in self._roots.items() if root.look_at <= now)

    def awaited(self, items: Sequence[Item]) -> bool:
        """Whether one of these may end a claim for which somebody waits here."""
        return bool(self._roots) and any(map(self._may_end, items))

    def _may_end(self, item: Item) -> bool:
        """Whether it may end a claim for which somebody waits: a second phase, an answer to a coordinator."""
        return item.message.key in self._roots and not item.refusable and item.timer is None

    def _expire(self, now: float) -> None:
        """A caller is told before its deadline; a command past its own is refused by its coordinator's deadline."""
        for item in [item for root in self._roots.values() for item in root.items.values()]:
            if item.answer is not None and now > item.expires_at - ANSWER_SECONDS:
                _tell_busy(item)
                self._remove(item)
            elif item.message.not_after is not None and now > item.expires_at:
                self._remove(item)

    def _add(self, item: Item, effects: Effects[Item], now: datetime) -> None:
        """Behind the others of its root; who waits there already keeps its place."""
        metrics.CLAIMS_MET.inc()
        key, name = item.message.key, _name(item)
        root = self._roots.get(key) or _Root(self._monotonic() + LOOK_SECONDS)
        if name not in root.items:
            if len(root.items) >= OF_A_ROOT_MAX or (item.answer is None and self._count - self.calls >= WAITING_MAX):
                _tell_busy(item)
                return
            self._count += 1
            self.calls += item.answer is not None
        self._roots[key] = root
        self._stand(item, root.items.get(name))
        if (not_after := item.message.not_after) is not None:
            item.expires_at = self._monotonic() + (not_after - now).total_seconds()
        if (timer := item.timer) is not None and (moved := effects.timers.get((timer.kind, timer.key))) is not None:
            item.message = replace(item.message, body=replace(timer, due_at=moved.due_at))
        root.items[name] = item

    def _stand(self, item: Item, before: Item | None) -> None:
        """Its offset is consumed; if it was sent again, it stands where it stood first. Two may stand at one place:
        Kafka lost the first, and gave its offset away again."""
        if before is not None:
            self._forget_place(before)
        item.stood_at = item.place if before is None or before.stood_at is None else before.stood_at
        item.record = None
        if item.stood_at is not None:
            self._stood.setdefault(item.stood_at[0], Counter())[item.stood_at[1]] += 1

    def _remove(self, item: Item) -> None:
        """It waits no longer; whoever is the first of its root now has not been looked at yet."""
        root = self._roots.get(item.message.key)
        if root is None or (gone := root.items.pop(_name(item), None)) is None:
            return
        self._count -= 1
        self.calls -= gone.answer is not None
        self._forget_place(gone)
        root.pause, root.look_at = LOOK_SECONDS, self._monotonic() + LOOK_SECONDS
        if not root.items:
            del self._roots[item.message.key]
            self.awake.pop(item.message.key, None)

    def _forget_place(self, gone: Item) -> None:
        if gone.stood_at is not None:
            stood = self._stood[gone.stood_at[0]]
            stood[gone.stood_at[1]] -= 1
            if not stood[gone.stood_at[1]]:
                del stood[gone.stood_at[1]]
            if not stood:
                del self._stood[gone.stood_at[0]]


def _tell_busy(item: Item) -> None:
    """Its caller, if it has one who still waits."""
    if item.answer is not None and not item.answer.done():
        item.answer.set_exception(Unavailable("ACCOUNT_BUSY", "another settlement holds this account; try again"))


def _until_a_claim(root: _Root) -> list[Item]:
    """The first who wait, as far as they may be decided together: who comes after a TRY meets its claim."""
    first: list[Item] = []
    for item in root.items.values():
        first.append(item)
        saga = item.message.saga
        if len(first) == ABOARD_MAX or (saga is not None and saga.op is Op.TRY):
            break
    return first


def _name(item: Item) -> object:
    """What makes two who wait the same: a timer that is found again, a message that is sent again; a call is itself."""
    if (timer := item.timer) is not None:
        return timer.kind, timer.key
    return item.message.id or item if item.answer is None else item
