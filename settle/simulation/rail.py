"""The acquirer with its own books: it is late, contradicts itself, lets payments bounce, and pays each key once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from services.credit_ledger.domain.legs.steps import switch_of
from services.credit_ledger.domain.model.commands import LegReport, ReportLeg
from services.credit_ledger.domain.model.leg import QueryLeg, Rail, SendLeg
from services.credit_ledger.domain.model.reconciliation import Listed
from services.credit_ledger.rails import performing
from services.kernel.messages import Message
from settle.simulation.agenda import HOUR, MINUTE, SECOND
from settle.simulation.at_once import at_once

if TYPE_CHECKING:
    from settle.simulation.world import World


class State(Enum):
    """What the acquirer will say of a payment."""

    PENDING = LegReport.ACCEPTED
    PAID = LegReport.SETTLED
    REFUSED = LegReport.REJECTED
    CLOSED = LegReport.CLOSED


@dataclass(slots=True)
class Payment:
    """A payment under its key. `paid` says how often money went out less how often it came back."""

    leg: SendLeg
    state: State = State.PENDING
    paid: int = 0
    contradicted: bool = False


class Acquirer:
    """The rail, as `PaymentRail` sees it."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._track = world.tape.track("acquirer")
        self._perform = performing({Rail.CARD: self, Rail.PAYOUT: self})
        self._number = 0
        self.payments: dict[str, Payment] = {}

    def done(self, action: SendLeg | QueryLeg, stopped: frozenset[str]) -> Message | None:
        """Send a leg, or ask about it; answers the report, if there is one. No payment begins on a `stopped` rail."""
        leg = action.leg if isinstance(action, QueryLeg) else action
        begins = leg.leg_id not in self.payments
        if begins and leg is not action:
            self._world.reached.note("rail_asked_before_sent")
        message = at_once(self._perform(action))
        if begins and leg.leg_id in self.payments and switch_of(leg.rail) in stopped:
            self._world.fail("stopped", f"{leg.leg_id} was sent while its rail was stopped")
        return None if message is None else replace(message, fresh_id=self._fresh())

    async def send(self, leg: SendLeg) -> tuple[LegReport, str]:
        """Take a payment, once for each key; its answer may not come, whether it was taken or not."""
        silent = self._track.chance(self._world.faults.silent)
        if silent and self._track.below(2):
            self._world.reached.note("rail_silent")
            return LegReport.UNKNOWN, "no answer"
        if leg.leg_id not in self.payments:
            self.payments[leg.leg_id] = Payment(leg)
            self._world.agenda.after(self._soon(), lambda _: self._decide(leg.leg_id))
        if silent:
            self._world.reached.note("rail_silent")
            return LegReport.UNKNOWN, "no answer"
        return self._said(leg.leg_id)

    async def query(self, leg_id: str) -> tuple[LegReport, str] | None:
        """What became of a payment; None if it was never taken."""
        if self._track.chance(self._world.faults.silent):
            self._world.reached.note("rail_silent")
            return LegReport.UNKNOWN, "no answer"
        return self._said(leg_id) if leg_id in self.payments else None

    async def list(self, cursor: str, limit: int) -> tuple[Sequence[Listed], str]:
        """All payments by key, on one page."""
        return [
            Listed(key, each.leg.reference, each.leg.amount_minor, *self._said(key))
            for key, each in sorted(self.payments.items())
        ], ""

    def last_words(self) -> None:
        """Say all that it knows once more, as a daily comparison finds it."""
        for key in sorted(self.payments):
            if self.payments[key].state is not State.PENDING:
                self._tell(key)

    def _said(self, leg_id: str) -> tuple[LegReport, str]:
        state = self.payments[leg_id].state
        return state.value, "" if state in (State.PENDING, State.PAID) else state.name

    def _decide(self, leg_id: str) -> None:
        """Pay, or refuse; some of it changes later."""
        payment, faults = self.payments[leg_id], self._world.faults
        if self._track.chance(faults.refusing):
            self._world.reached.note("rail_refused")
            payment.state = State.CLOSED if self._track.below(4) == 3 else State.REFUSED
        else:
            payment.state, payment.paid = State.PAID, 1
            if self._track.chance(faults.bouncing):
                self._world.agenda.after(self._later(), lambda _: self.bounce(leg_id))
        if payment.state is State.REFUSED and self._track.chance(faults.contradicting):
            self._world.agenda.after(self._later(), lambda _: self._contradict(leg_id))

    def bounce(self, leg_id: str) -> None:
        """What was paid comes back."""
        payment = self.payments[leg_id]
        if payment.state is State.PAID:
            self._world.reached.note("rail_bounced")
            payment.state, payment.paid = State.REFUSED, 0
            self._tell(leg_id)

    def _contradict(self, leg_id: str) -> None:
        payment = self.payments[leg_id]
        if payment.state is State.REFUSED:
            self._world.reached.note("rail_contradicted")
            payment.state, payment.paid, payment.contradicted = State.PAID, 1, True
            self._tell(leg_id)

    def _tell(self, leg_id: str) -> None:
        """Say it unasked."""
        leg = self.payments[leg_id].leg
        body = ReportLeg(leg.account_id, leg.leg_id, *self._said(leg_id))
        self._world.report("credit_ledger", Message("", leg.account_id, body, self._fresh()))

    def _fresh(self) -> str:
        self._number += 1
        return f"{self._number:08x}" + "f" * 24

    def _soon(self) -> int:
        return 0 if self._world.quiet else self._track.below(20 * SECOND)

    def _later(self) -> int:
        return MINUTE + self._track.below(HOUR)
