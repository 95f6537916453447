"""The story of one card that is recycled: prepared, confirmed, taken back in time or too late, verified, paid."""

from typing import TYPE_CHECKING

from services.card_redemption.decisions.redemptions.cancelling import RECORDING
from services.card_redemption.domain.cards.redeeming import FOREIGN, foreign_id
from services.card_redemption.domain.codes import SealedCode
from services.card_redemption.domain.commands import CloseCard, IssueCard
from services.card_redemption.domain.enterprise.commands import RevokeBatch
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import Asker, ChannelPolicy, Demand, Kind, Settlement
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption import drafts
from services.card_redemption.domain.redemption.drafts import Draft
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.states import RedemptionState
from services.kernel.ids import money_account
from settle.simulation.agenda import HOUR, MINUTE, MS, SECOND, Steps, instant, virtual
from settle.simulation.calls import Told
from settle.simulation.people import channels
from settle.simulation.people.accounts import account_of
from settle.simulation.people.channels import CHANNELS, LET_GO, terms_of
from settle.simulation.people.codes import SEALED, code_of
from settle.simulation.people.console import Console
from settlement.card_redemption.v1.redemption_service_pb2 import PrepareRedemptionResponse

if TYPE_CHECKING:
    from settle.simulation.world import World

KEY = b"the key of drafts"
FACE_MAX = 10_000
"""A customer's first redemption may not be of more (RD-23)."""
ACTS_MAX = 6
PROOFS = tuple(f"{each}:1" for each in (Demand.IDENTITY, Demand.PURCHASE_PROOF))


class RedemptionStory:
    """Everybody who has to do with one submission. The tape of the redemption says who does what."""

    def __init__(self, world: "World", number: int) -> None:
        swarm = world.swarm
        self.world, self.number, self.track = world, number, world.tape.track(f"redemption {number}")
        self.channel = self.track.pick(CHANNELS)
        self.face_minor = 1 + self.track.below(FACE_MAX if self.track.below(8) != 7 else 2 * FACE_MAX)
        owner = self.track.below(swarm.accounts)
        with_account = self.track.below(3) != 2
        self.customer = f"cus_{owner}" if with_account else f"red_{number}"
        self.account = account_of(swarm, owner) if with_account else money_account(self.customer)
        self.shared = f"crd_{owner}_{self.track.below(swarm.cards)}" if self.track.below(4) == 3 else ""
        self.nonce, self._drafts, self.agreement = "", 0, f"agr_{number}"

    @property
    def terms(self) -> ChannelPolicy:
        """The terms of its channel that are in force."""
        return terms_of(self.world, self.channel)

    @property
    def order(self) -> RedemptionOrder | None:
        """The redemption as it is."""
        rows = self.world.stores["card_redemption"].rows[RedemptionOrder]
        return rows.get(drafts.redemption_name(self.nonce))

    @property
    def card(self) -> str:
        """Its card: of another issuer, one that buys something too, or one of its own."""
        if self.terms.kind is Kind.THIRD_PARTY:
            return foreign_id(f"code-{self.number // 2}")
        return self.shared or f"crd_r{self.number}"

    def steps(self) -> Steps:
        """From the draft to the last complaint."""
        yield self.track.below(self.world.swarm.spread + 1)
        yield from self._have_a_card()
        told = yield from self._submit()
        if told is None or told.reason or self.order is None:
            return
        yield from self._settled()
        console = Console(self)
        late = self.channel == LET_GO.channel
        first = (self._late, self._late, self._late, self._wait) if late else (
            self._wait, self._cancel, self._race, self._wait, console.intercept
        )
        yield from self.track.pick(first)()
        for _ in range(self.track.below(ACTS_MAX)):
            yield self.track.pick((SECOND, 20 * SECOND, 200 * SECOND))
            act = self.track.pick((
                console.correct_face, self._cancel, console.lead, console.accept_fault, console.report_fraud,
                console.console_with_a_voucher, console.keep_a_fee, console.remit, console.meet_condition,
                self._submit_again, self._edit, self._revoke, console.correct_face, self._close_card,
            ))
            yield from act()
            yield from self._settled()

    def ask(self, body: object) -> Steps:
        """Ask something of the card."""
        return (yield from self.world.desk.ask("card_redemption", self.card, body))

    # -- submitting

    def _have_a_card(self) -> Steps:
        if self.card.startswith(FOREIGN):
            wrong = self.track.below(4) == 3
            self.world.provider.faces[self.card] = self.face_minor + (self.track.below(1_000) if wrong else 0)
        elif not self.shared:
            held_minor = self.track.pick((FACE_MAX, FACE_MAX, FACE_MAX, 2 * FACE_MAX))
            issued = IssueCard(self.card, self.customer, held_minor, code=code_of(self.card))
            yield from self.ask(issued)
        if Demand.AGREEMENT in self.terms.demands:
            yield from channels.agree(self.world, self.agreement, self.customer)

    def _submit(self) -> Steps:
        """Prepare, look at it for as long as one has to, confirm; some click on at once, some forget it."""
        draft: Draft | None = yield from self._prepared()
        if draft is None:
            return None
        slow = self.track.below(20)
        yield 16 * MINUTE if slow == 19 else SECOND if slow == 18 else 2 * SECOND + self.track.below(SECOND)
        if slow == 17:
            return None
        provider_up = self.track.below(20) != 19
        told: Told = yield from self.ask(ask.ConfirmRedemption(draft, provider_up))
        if not told.reason:
            self.nonce = self.nonce or draft.nonce
        return told

    def _submit_again(self) -> Steps:
        """The same code once more: it is being redeemed, or it was, or it may be again."""
        yield from self._submit()

    def _prepared(self) -> Steps:
        self._drafts += 1
        body = ask.PrepareRedemption(self._draft(), self._method(), wrong_before=0, key=KEY)
        told: Told = yield from self.world.desk.ask("card_redemption", self.customer, body)
        if told.reason or told.answered is None:
            return None
        return drafts.read(PrepareRedemptionResponse.FromString(told.answered.outcome).token, KEY)

    def _method(self) -> PayoutMethod | None:
        return self.track.pick((None, PayoutMethod.BANK_CARD, PayoutMethod.JD_BALANCE, PayoutMethod.BANK_CARD))

    def _draft(self) -> Draft:
        foreign, terms, now = self.card.startswith(FOREIGN), self.terms, self.world.agenda.now
        index = self.card.removeprefix(FOREIGN) if foreign else code_of(self.card).blind_index
        return Draft(
            nonce=f"draft-{self.number}-{self._drafts}", customer_id=self.customer, account_id=self.account,
            card_id=self.card, issuer="other" if foreign else "", declared_minor=self.face_minor,
            channel=self.channel, terms_version=0, method=PayoutMethod.JD_BALANCE, instrument="bank-1",
            entry=EntryChannel.APP, prepared_at=instant(now), risk_score=60 * (self.track.below(4) == 3),
            scheduled_at=instant(now + 2 * HOUR) if terms.settlement is Settlement.SCHEDULED else None,
            deadline=instant(now + 5 * MINUTE) if terms.settlement is Settlement.ON_CONDITION else None,
            agreement_id=self.agreement if Demand.AGREEMENT in terms.demands else "", evidence=PROOFS,
            blind_index=index, code=SealedCode(index, "WXYZ", SEALED) if foreign else None,
            verification=SEALED if foreign else None,
        )

    # -- taking it back

    def _wait(self) -> Steps:
        """Nobody asks for it back."""
        yield from ()

    def _cancel(self) -> Steps:
        order = self.order
        if order is None:
            return
        support = order.terms.asked_by is Asker.SUPPORT
        told: Told = yield from self.ask(ask.RequestCancel(
            order.id, "" if support else order.customer_id, order.terms.asked_by, "op-1", (f"{RECORDING}:1",)
        ))
        if told.reason in ("VERIFICATION_STARTED", "NOT_REVOCABLE"):
            self.world.reached.note("verification_beats_cancel")
        order = self.order
        if order is not None and order.state is RedemptionState.CANCEL_REVIEW and (word := self.track.below(3)):
            yield self.track.below(5 * MINUTE)
            yield from self.ask(ask.DecideCancelReview(order.id, word == 1, "op-2", "looked at it"))

    def _late(self) -> Steps:
        """Once its code is read, and mostly before the midnight at which it settles."""
        yield self.track.pick((3 * SECOND, 10 * SECOND, MINUTE))
        yield from self.track.pick((self._cancel, Console(self).intercept, self._cancel))()

    def _race(self) -> Steps:
        """At the very instant at which its code is read."""
        order = self.order
        if order is not None and order.verify_at is not None:
            ahead = virtual(order.verify_at) - self.world.agenda.now - 5 * MS + self.track.below(10 * MS)
            yield max(0, ahead)
            yield from self._cancel()
            order = self.order
            if order is not None and order.state is RedemptionState.CANCELLED:
                self.world.reached.note("cancel_beats_verification")

    def _edit(self) -> Steps:
        order = self.order
        if order is not None and order.scheduled_at is not None:
            later = instant(self.world.agenda.now + 3 * HOUR)
            yield from self.ask(ask.EditSchedule(
                redemption_id=order.id, customer_id=order.customer_id, scheduled_at=later,
                declared_minor=order.declared_minor, method=None, instrument="",
            ))

    def _revoke(self) -> Steps:
        """An enterprise takes back what has not settled, in a batch of one."""
        if (order := self.order) is not None and order.agreement_id:
            batch = RevokeBatch(order.agreement_id, order.customer_id, ((order.id, order.card_id),))
            yield from self.world.desk.ask("card_redemption", order.agreement_id, batch)

    def _close_card(self) -> Steps:
        yield from self.ask(CloseCard(self.card, self.customer, self.account, self.customer, EntryChannel.APP))

    def _settled(self) -> Steps:
        """Wait until no settlement of it is under way; some do not wait."""
        if self.track.chance(self.world.swarm.race):
            return
        while (order := self.order) is not None and order.settlement_id:
            yield self.world.settled_signal(order.id)
