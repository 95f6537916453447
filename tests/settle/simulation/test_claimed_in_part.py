"""A payout of which a part was claimed while it was at the bank, and which the bank refused after that: what everybody
really decides, and what the auditor says, when all of it is taken back then (P32, P34, OP-8)."""

from collections.abc import Callable

import pytest

from services.card_redemption.domain.disputes import commands as cases
from services.card_redemption.domain.disputes.appealing import Asked
from services.card_redemption.domain.disputes.case import Dispute, DisputeState, Verdict
from services.card_redemption.domain.disputes.evidence import EvidenceKind, Shown
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.states import PayoutState, RedemptionState
from services.credit_ledger.domain.model.account import CreditAccount
from settle.simulation.agenda import DAY, HOUR, MINUTE, Steps
from settle.simulation.checks import examine
from settle.simulation.people import channels, finance
from settle.simulation.people.redeemers import RedemptionStory
from settle.simulation.rail import State
from settle.simulation.tape import Tape
from settle.simulation.world import World

CARD = "card_redemption"
PAPERS = (Shown(EvidenceKind.NOTARIZED, "deed 1"), Shown(EvidenceKind.SCREENSHOT, "page 1"))


class _Recycled(RedemptionStory):
    """A redemption of a card of ours whose payout goes to the bank, which says nothing of it yet."""

    def __init__(self, world: World) -> None:
        super().__init__(world, 0)
        self.channel, self.face_minor, self.shared = "SELF", 8_000, ""
        self.customer, self.account = "cus_0", "acc_0"

    def _method(self) -> PayoutMethod:
        return PayoutMethod.BANK_CARD

    @property
    def now(self) -> RedemptionOrder:
        """The redemption, which there is."""
        assert self.order is not None
        return self.order

    def recycle(self) -> Steps:
        """From its card to the bank, which waits."""
        yield from self._have_a_card()
        yield from self._submit()


def _at_the_bank() -> tuple[World, _Recycled]:
    world = World(Tape())
    world.quiet = True
    world.begin(CARD)
    world.tell_all([finance.opening(world, 0), channels.opening(world)], HOUR)
    story = _Recycled(world)
    world.tell_all([story.recycle()], HOUR)
    world.until(lambda: bool(world.rail.payments), HOUR)
    _says(world, State.PENDING)
    world.until(lambda: story.now.payouts[0].state is PayoutState.SENT and not story.now.settlement_id, MINUTE)
    return world, story


def _says(world: World, state: State) -> None:
    """The bank says this of its one payment from now on."""
    (payment,) = world.rail.payments.values()
    payment.state, payment.paid = state, 0


def _refuses(world: World) -> None:
    _says(world, State.REFUSED)
    world.rail.last_words()
    world.until(world.idle, MINUTE)


def _asked(world: World, story: _Recycled, body: object) -> None:
    world.tell_all([story.ask(body)], MINUTE)
    world.until(lambda: not story.now.settlement_id, MINUTE)


def _fraud(world: World, story: _Recycled) -> None:
    """A report, and the police have a case."""
    _asked(world, story, ask.ReportFraud(story.now.id, "police"))
    _refuses(world)
    world.until(lambda: False, 16 * DAY)
    _asked(world, story, ask.DecideFraud(story.now.id, True, "case-1", "boss"))


def _disputed(world: World, story: _Recycled) -> None:
    """Its customer says that it is a fraud, and the judges find so."""
    opened = cases.OpenDispute(story.now.id, "cus_0", Asked(DisputeType.FRAUD, PAPERS), 0, 0, "cus_0", EntryChannel.APP)
    _asked(world, story, opened)
    (dispute,) = world.stores[CARD].every(Dispute)
    _asked(world, story, cases.TriageDispute(dispute.id, 0, "clerk"))
    _refuses(world)
    world.until(lambda: False, 16 * DAY)
    _asked(world, story, cases.DecideDispute(dispute.id, Verdict.UPHELD, None, "case-1", "looked at it", "boss"))
    world.until(world.idle, HOUR)
    (dispute,) = world.stores[CARD].every(Dispute)
    assert dispute.state is DisputeState.EXECUTED


def _fault(world: World, story: _Recycled) -> None:
    """It never should have been."""
    _refuses(world)
    _asked(world, story, ask.AcceptPlatformFault(story.now.id, "boss"))


@pytest.mark.parametrize("taken_back", [_fraud, _disputed, _fault])
def test_what_was_claimed_of_it_is_netted(taken_back: Callable[[World, _Recycled], None]) -> None:
    """All of it is taken back, nothing of it is paid to the customer, he owes nothing, and the auditor agrees."""
    world, story = _at_the_bank()
    _asked(world, story, ask.CorrectFace(story.now.id, story.now.face_minor - 100, "op-1"))
    assert story.now.claimed_minor == 94

    taken_back(world, story)
    world.until(world.idle, HOUR)
    examine(world)

    assert story.now.state in (RedemptionState.CLOSED_FRAUD, RedemptionState.FAULT_REVERSED)
    assert [(each.amount_minor, each.state) for each in story.now.payouts[-1:]] == [(94, PayoutState.PAID)]
    assert world.stores["credit_ledger"].rows[CreditAccount]["acc_0"].receivable_minor == 0
    assert world.violations == []
