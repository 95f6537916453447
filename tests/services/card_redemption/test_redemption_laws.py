"""Whatever happens to redemptions of one card, in whatever order: the laws of its money and of its code hold."""

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.commands import FreezeCard, UnfreezeCard
from services.card_redemption.domain.enterprise.commands import RevokeRedemption
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Settlement
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.events import RedemptionStepped
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.participation import LedgerPayout, PayoutSettled
from services.card_redemption.domain.redemption.replaying import posted_by
from services.card_redemption.domain.redemption.states import PayoutState, RedemptionState
from services.card_redemption.domain.redemption.vouchers import Category
from services.card_redemption.domain.states import CardStanding
from services.card_redemption.domain.verification import Finding, Releasing, ReportRelease, ReportVerification
from services.kernel.saga import Run
from tests.lifecycles import is_sound
from tests.services.card_redemption.redeeming import CARD, CHANNELS, Redeeming
from tests.services.card_redemption.retelling import Retelling

S = RedemptionState
PAID_FOR = frozenset({S.SETTLED, S.PAYOUT_RETRY, S.COMPLETED})
FACES = st.integers(1, 10_000)
RECORDING = ("SCREEN_RECORDING:1",)


class Redemptions(RuleBasedStateMachine):
    """Everybody does what he can, also what he may not: a refusal changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.world, self.count = Redeeming(), 0
        self.released = set[str]()
        self.retelling = Retelling(self.world)

    def teardown(self) -> None:
        """All of it, told again, comes to the same: no step that the domain would not make, nothing posted without."""
        assert not self.retelling.faults()

    @property
    def last(self) -> RedemptionOrder:
        """The redemption that was submitted last."""
        return max(self.orders, key=lambda order: (order.accepted_at, order.updated_at, order.id))

    @property
    def orders(self) -> list[RedemptionOrder]:
        """All redemptions."""
        return [row for row in self.world.rows.values() if isinstance(row, RedemptionOrder)]

    @rule(terms=st.sampled_from(CHANNELS), face=FACES)
    def submit(self, terms: ChannelPolicy, face: int) -> None:
        """Submit the card of the channel, which may be claimed already."""
        self.count += 1
        ends = self.world.now + timedelta(hours=2)
        waits = {Settlement.ON_CONDITION: {"deadline": ends}, Settlement.SCHEDULED: {"scheduled_at": ends}}
        fields = waits.get(terms.settlement, {})
        self.world.submit(self.world.draft(terms, f"n{self.count}", declared_minor=face, **fields))

    @rule(seconds=st.sampled_from([1, 5, 60, 200, 7_200, 86_500, 16 * 86_400]))
    def wait(self, seconds: int) -> None:
        """Time passes, and what is due happens."""
        self.world.turn(timedelta(seconds=seconds))
        self.world.settle_down()

    @rule(data=st.data(), finding=st.sampled_from(Finding), face=FACES, exact=st.booleans())
    def report(self, data: st.DataObject, finding: Finding, face: int, exact: bool) -> None:
        """The provider says something about any of them, asked or not."""
        order = self._any(data)
        if order is not None:
            self._say(order, finding, order.declared_minor if exact else face)

    @rule(terms=st.sampled_from(CHANNELS), face=FACES)
    def redeem(self, terms: ChannelPolicy, face: int) -> None:
        """Submit a card and let it be verified, if nothing stands against it: all that comes after it comes often."""
        self.submit(terms, face)
        self.world.turn(timedelta(seconds=180))
        self.world.settle_down()
        for order in self.orders:
            self._say(order, Finding.FOUND, order.declared_minor)

    @rule(data=st.data(), says=st.sampled_from(LedgerPayout), stops=st.booleans(), refuses=st.booleans())
    def ledger(self, data: st.DataObject, says: LedgerPayout, stops: bool, refuses: bool) -> None:
        """The credit ledger is in another mood."""
        ledger = self.world.ledger
        ledger.says = LedgerPayout.SENT if says is LedgerPayout.STOPPED else says
        ledger.stops, ledger.refuses = stops, "ACCOUNT_NOT_ACTIVE" if refuses else ""

    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        """A payout that was under way is paid."""
        waiting = sorted(self.world.ledger.payouts)
        if not waiting:
            return
        payout_id = data.draw(st.sampled_from(waiting))
        order = next(each for each in self.orders if each.payout_of(payout_id))
        self.world.ledger.paid(payout_id)
        self.world.tell(order.card_id, PayoutSettled(order.id, payout_id, rerouted=False))
        self.world.settle_down()

    @rule(data=st.data(), verb=st.sampled_from([
        "cancel", "approve", "reject", "intercept", "fraud", "innocent", "guilty", "correct", "fault", "voucher",
        "spend", "fee", "remit", "met", "edit", "freeze", "thaw",
    ]), face=FACES)
    def ask(self, data: st.DataObject, verb: str, face: int) -> None:
        """Somebody asks for something."""
        order = self._any(data)
        if order is None:
            return
        body = _BODIES[verb](order, face)
        self.world.when(order.card_id, body)
        self.world.settle_down()

    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        """A batch of its enterprise has it among its orders."""
        order = self._any(data)
        if order is not None:
            body = RevokeRedemption(order.id, order.agreement_id, f"bat_{order.version}", self.world.now)
            self.world.tell(order.card_id, body)
            self.world.settle_down()

    @rule(data=st.data(), told=st.sampled_from(Releasing))
    def release(self, data: st.DataObject, told: Releasing) -> None:
        """A provider says something of a code, asked or not (OP-7)."""
        order = self._any(data)
        if order is not None:
            self.world.tell(order.card_id, ReportRelease(order.card_id, order.id, order.id, told))
            self.world.settle_down()
            if told is Releasing.RELEASED and order.state is S.REVOKING:
                self.released.add(order.id)

    def _any(self, data: st.DataObject) -> RedemptionOrder | None:
        orders = sorted(self.orders, key=lambda order: order.id)
        return data.draw(st.sampled_from(orders)) if orders else None

    def _say(self, order: RedemptionOrder, finding: Finding, face: int) -> None:
        self.world.tell(order.card_id, ReportVerification(order.card_id, order.id, order.id, finding, face))
        self.world.settle_down()

    # -- the laws

    @invariant()
    def everything_is_sound(self) -> None:
        """No row contradicts its state, and what waits is woken."""
        is_sound(self.world)

    @invariant()
    def every_journal_follows_from_its_steps(self) -> None:
        """From what a redemption told of itself follows all that was posted for it, and nothing else."""
        told: dict[str, RedemptionOrder] = {}
        expected = []
        for fact in (event.body for event in self.world.events):
            if isinstance(fact, RedemptionStepped):
                before = told.get(fact.redemption.id, fact.redemption)
                told[fact.redemption.id] = fact.redemption
                if (follows := posted_by(fact.step, before, fact.redemption)) is not None:
                    op, lines = follows
                    expected.append((op, fact.redemption.id, tuple(line for line in lines if line[2])))
        posted = (each for each in self.world.journals if each.order_id)  # what a dead card's sweep posts is of none
        found = [(each.op, each.order_id, tuple(map(tuple, each.lines))) for each in posted]
        assert sorted(found) == sorted(expected)

    @invariant()
    def one_claim(self) -> None:
        """A code has one active redemption at most, and the card says which (RD-20)."""
        for card in (row for row in self.world.rows.values() if isinstance(row, GiftCard)):
            active = [order.id for order in self.orders if order.card_id == card.id and order.active]
            assert len(active) <= 1
            assert not active or card.claimed_by == active[0]

    @invariant()
    def nobody_is_paid_for_nothing(self) -> None:
        """No cancelled, revoked, failed or consumed redemption was ever given a payout (RD-25)."""
        for order in self.orders:
            if order.state in (S.CANCELLED, S.REVOKED, S.FAILED, S.FAILED_CONSUMED, S.FAILED_RETRYABLE):
                assert order.payouts == ()
            if order.state is S.FROZEN:
                assert not any(payout.state is PayoutState.DUE and order.settlement_id for payout in order.payouts)

    @invariant()
    def nobody_is_paid_for_what_its_provider_let_go_of(self) -> None:
        """It is the customer's again, and no payout was ever decided for it (OP-7)."""
        for order in self.orders:
            if order.id in self.released or order.stands is S.REVOKING:
                assert order.payouts == ()

    @invariant()
    def face_is_payout_and_spread(self) -> None:
        """What a settled card of ours gave is what its customer gets and what we keep, to the fen (CV-3)."""
        both = self.world.both()
        for order in self.orders:
            if order.state in PAID_FOR:
                stopped = sum(p.amount_minor for p in order.payouts if p.state is PayoutState.STOPPED)
                payouts = sum(p.amount_minor for p in order.payouts) - stopped
                assert payouts - order.claimed_minor == order.payout_minor
                ours = -both["I.SPREAD", order.id]
                if order.by_recycler:
                    assert ours == order.terms.commission_minor(order.face_minor)
                else:
                    assert ours + order.payout_minor == order.face_minor

    @invariant()
    def value_of_the_card(self) -> None:
        """The book says of our card what the card says, and it is never below nothing."""
        card = self.world.row(GiftCard, CARD.id)
        assert -self.world.both()["L.GIFTCARD", CARD.id] == card.balance_minor >= 0

    @invariant()
    def transit_is_what_is_on_its_way(self) -> None:
        """L.PAYOUT.TRANSIT over both books is what is decided and not paid (BK-6)."""
        transit = -sum(amount for (account, _), amount in self.world.both().items() if account == "L.PAYOUT.TRANSIT")
        assert transit == sum(order.transit_minor for order in self.orders)

    @invariant()
    def clearing_is_zero(self) -> None:
        """X.CLEARING of every saga that is over is zero over both books (BK-5)."""
        over = {row.id for row in self.world.rows.values() if isinstance(row, Run) and row.terminal}
        assert all((account, sub) != ("X.CLEARING", sub) or sub not in over for account, sub in self.world.both())

    @invariant()
    def nothing_is_lost(self) -> None:
        """Both books together sum to the value that the card had."""
        assert sum(self.world.both().values()) == -CARD.balance_minor

    @invariant()
    @precondition(lambda self: self.world.rows)
    def frozen_cards_stay(self) -> None:
        """A frozen redemption has a frozen card, and one that is closed keeps it so (OP-8)."""
        for order in self.orders:
            if order.state in (S.FROZEN, S.CLOSED_FRAUD) and not order.by_recycler:
                assert self.world.row(GiftCard, order.card_id).standing is CardStanding.FROZEN


_BODIES: dict[str, Any] = {  # Any: bodies of many types
    "cancel": lambda order, face: ask.RequestCancel(
        order.id, "", order.terms.asked_by, operator_id="op-1", evidence=RECORDING
    ),
    "approve": lambda order, face: ask.DecideCancelReview(order.id, True, "op-1", ""),
    "reject": lambda order, face: ask.DecideCancelReview(order.id, False, "op-1", "no"),
    "intercept": lambda order, face: ask.InterceptRedemption(order.id, "op-1", RECORDING),
    "fraud": lambda order, face: ask.ReportFraud(order.id, "police"),
    "innocent": lambda order, face: ask.DecideFraud(order.id, False, "case-1", "op-1"),
    "guilty": lambda order, face: ask.DecideFraud(order.id, True, "case-1", "op-1"),
    "correct": lambda order, face: ask.CorrectFace(order.id, face, "op-1"),
    "fault": lambda order, face: ask.AcceptPlatformFault(order.id, "boss"),
    "voucher": lambda order, face: ask.IssueVoucher(order.id, order.customer_id),
    "spend": lambda order, face: ask.UseVoucher(order.id, order.customer_id, Category.UTILITY.value, 1 + face // 50),
    "fee": lambda order, face: ask.RecordChannelFee(order.id, 1 + face // 50),
    "remit": lambda order, face: ask.RecordRemittance(order.id, 1 + face // 3, "ref"),
    "met": lambda order, face: ask.MeetEscrowCondition(order.id, "op-1"),
    "freeze": lambda order, face: FreezeCard(order.card_id, "case-2", "op-2"),
    "thaw": lambda order, face: UnfreezeCard(order.card_id, "case-2", "op-2"),
    "edit": lambda order, face: ask.EditSchedule(
        order.id, order.customer_id, order.accepted_at + timedelta(hours=4), face, None, "bank-2"
    ),
}

TestRedemptions = Redemptions.TestCase
TestRedemptions.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
