"""The world outside the services: who does the actions that decisions leave, when, and how the answer comes back."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from services.card_redemption.domain.verification import AskProvider, AskRelease
from services.credit_ledger.domain.model.leg import QueryLeg, SendLeg
from services.credit_ledger.domain.model.payout import PayoutState, RedemptionPayout
from services.credit_ledger.domain.model.payout_switch import PayoutsFound, WakePayouts
from services.credit_ledger.domain.model.reconciliation import CompareRail
from services.kernel.messages import Message
from settle.simulation.agenda import MINUTE, MS
from settle.simulation.provider import Provider
from settle.simulation.rail import Acquirer

if TYPE_CHECKING:
    from settle.simulation.world import World

Report = Callable[[Message | None], None]
PAGE = 2
"""So many payouts that wait are found at a time: more than one page has to be met, too."""


class Outside:
    """Rail, provider, and the page of payouts that a resumed switch asks for."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._track = world.tape.track("outside")
        self._number = 0
        self.rail = Acquirer(world)
        self.provider = Provider(world)

    def act(self, action: object, stopped: frozenset[str], report: Report) -> None:
        """Do what a decision asks for, after a while; of what was `stopped` then nothing may begin."""
        if isinstance(action, CompareRail):
            return
        delay = 0 if self._world.quiet else self._track.below(200 * MS)
        if not self._world.quiet and self._track.chance(self._world.swarm.silent):
            delay += self._track.below(MINUTE)
        self._world.agenda.after(delay, lambda _: report(self._done(action, stopped)))

    def _done(self, action: object, stopped: frozenset[str]) -> Message | None:
        if isinstance(action, AskProvider | AskRelease):
            return self.provider.done(action)
        if isinstance(action, WakePayouts):
            return self._found(action)
        assert isinstance(action, SendLeg | QueryLeg)
        return self.rail.done(action, stopped)

    def _found(self, action: WakePayouts) -> Message:
        rows = self._world.stores["credit_ledger"].rows[RedemptionPayout]
        waiting = sorted(
            (each.id, each.account_id) for each in rows.values()
            if each.state is PayoutState.WAITING and each.id > action.after
        )[:PAGE]
        self._number += 1
        following = waiting[-1][0] if len(waiting) == PAGE else None
        report = PayoutsFound(action.switch_id, tuple(waiting), following)
        return Message("", action.switch_id, report, f"{self._number:08x}" + "d" * 24)
