"""Gift cards that are recycled in the filled engine, by the real rules of both books: redemptions in every state, with
their sagas, payouts, claims, vouchers and remittances; what nobody answers in the house is said by hand."""

from dataclasses import replace
from datetime import timedelta

from services.card_redemption.domain.channels.commands import ApproveChannelPolicy, ProposeChannelPolicy
from services.card_redemption.domain.commands import FreezeCard, IssueCard
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import Asker, CancelFee, ChannelPolicy, Kind, Limits, Settlement
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.drafts import DWELL_MIN, Draft
from services.card_redemption.domain.redemption.vouchers import Category
from services.card_redemption.domain.verification import Finding, ReportVerification
from services.credit_ledger.domain.legs.steps import leg_id
from services.credit_ledger.domain.model.commands import LegReport, ReportLeg
from services.kernel.decision import Refused
from services.kernel.ids import derived, money_account
from services.kernel.messages import Message
from services.kernel.secret import Secret
from services.runtime.lanes.item import Item
from tests.settle.audit.card_lives import VAULT
from tests.settle.audit.house import House

CARD, CREDIT = "card_redemption", "credit_ledger"
FACE = 9_000
SPARE = 1_000
"""So much a card of ours has beyond what is declared of it; together the first redemption of its owner may take it."""
RECORDING = ("SCREEN_RECORDING:1",)
OWN = ChannelPolicy(
    "OWN", Kind.SELF, 940_000, timedelta(seconds=5), only_unverified=True, asked_by=Asker.SUPPORT, name_zh="自营",
)
FLAT = ChannelPolicy(
    "FLAT", Kind.THIRD_PARTY, 920_000, timedelta(seconds=900), CancelFee(500), only_unverified=True,
    commission_ppm=20_000, name_zh="回收",
)
REVIEWED = replace(FLAT, channel="REVIEWED", fee=CancelFee(share_ppm=100_000), reviewed=True)
CAPPED = replace(FLAT, channel="CAPPED", limits=Limits(cancelled_daily_minor=50_000))
NEXT_DAY = replace(OWN, channel="NEXT_DAY", window=None, until_settled=True, settlement=Settlement.NEXT_WORKING_DAY)
NEXT_DAY = replace(NEXT_DAY, only_unverified=False)
ANY_DAY = replace(NEXT_DAY, channel="ANY_DAY", asked_by=Asker.CUSTOMER)
ESCROW = replace(OWN, channel="ESCROW", settlement=Settlement.ON_CONDITION)
LATER = replace(OWN, channel="LATER", settlement=Settlement.SCHEDULED)
CHANNELS = (OWN, FLAT, REVIEWED, CAPPED, NEXT_DAY, ANY_DAY, ESCROW, LATER)


async def open_channels(house: House) -> None:
    """Two people put the channels in force."""
    for terms in CHANNELS:
        await house.ask(CARD, terms.channel, ProposeChannelPolicy(terms, "ann"))
        await house.ask(CARD, terms.channel, ApproveChannelPolicy(terms.channel, 1, "bob"))


async def before(house: House) -> None:
    """What is over for long when the rest happens, so that only its rows and journals are left."""
    for each in (_paid, _corrected, _taken_back, _found_out):
        await each(house, "old")


async def ended(house: House) -> None:
    """Everything that comes to an end; it takes weeks."""
    for each in (_paid, _corrected, _taken_back, _found_out, _frozen):
        await each(house, "")


async def waiting(house: House) -> None:
    """Everything that waits, so that it still does when the engine is filled."""
    await _waiting(house, "")


class Recycled:
    """One redemption of a customer of the same name."""

    def __init__(self, house: House, name: str, terms: ChannelPolicy) -> None:
        self.house, self.name, self.terms = house, name, terms
        self.customer, self.id = f"cus_{name}", derived("rdm", name)
        self.own = terms.kind is Kind.SELF
        secret = Secret(f"{name.upper():0<16}"[:16])
        self.index = VAULT.blind_index(secret)
        self.card = f"crd_{name}" if self.own else f"fcd_{self.index}"
        self.code = VAULT.sealed_code(secret, self.card)

    async def submitted(
        self, method: PayoutMethod = PayoutMethod.JD_BALANCE, face: int = FACE, held: int = FACE + SPARE, **more: object
    ) -> "Recycled":
        """Its card is there, with so much on it if it is ours, and a draft of it confirmed."""
        if self.own:
            await self.house.ask(CARD, self.card, IssueCard(self.card, self.customer, held, code=self.code))
        return await self.again(self.name, method=method, face=face, **more)  # type: ignore[arg-type]  # as below

    async def again(
        self, nonce: str, customer: str = "", method: PayoutMethod = PayoutMethod.JD_BALANCE, face: int = FACE,
        **more: object,
    ) -> "Recycled":
        """Somebody confirms a draft of the card."""
        customer = customer or self.customer
        envelope = VAULT.sealed(Secret("123456"), derived("rdm", nonce))
        draft = Draft(
            nonce=nonce, customer_id=customer, account_id=money_account(customer), card_id=self.card,
            issuer="" if self.own else "other", declared_minor=face, channel=self.terms.channel, terms_version=1,
            method=method, instrument="" if method is PayoutMethod.JD_BALANCE else "bank_1", entry=EntryChannel.APP,
            prepared_at=self.house.now - DWELL_MIN, evidence=("IDENTITY:1",), blind_index=self.index,
            code=None if self.own else self.code, verification=None if self.own else envelope,
        )
        await self.does(ask.ConfirmRedemption(replace(draft, **more)))  # type: ignore[arg-type]  # fields by name
        return self

    async def does(self, body: object) -> object:
        """Ask something of it."""
        answer = await self.house.ask(CARD, self.card, body)
        assert not isinstance(answer, Refused), f"{self.name}: {answer}"
        return answer

    async def hears(self, service: str, key: str, body: object) -> None:
        """The outside world says something."""
        await self.house.batch(service, [Item(Message("", key, body, fresh_id=self.house.fresh()))])
        await self.house.deliver()

    async def verified(self, face: int = FACE, finding: Finding = Finding.FOUND) -> "Recycled":
        """Its verification begins, and comes to this."""
        await self.house.pass_by(timedelta(seconds=181))
        await self.hears(CARD, self.card, ReportVerification(self.card, self.id, self.id, finding, face))
        return self

    async def bank_says(self, report: LegReport, payout: int = 1, attempt: int = 1) -> None:
        """What becomes of a leg of a payout of it."""
        leg = leg_id(f"{derived('pay', self.id, str(payout))}/{attempt}")
        account = money_account(self.customer)
        await self.hears(CREDIT, account, ReportLeg(account, leg, report, "the bank says so"))


async def _paid(house: House, when: str) -> None:
    """Into the wallet, by the bank, after a refusal of the bank, into the wallet instead, also for another customer's
    account; a voucher beside it."""
    consoled = await (await Recycled(house, f"{when}consoled", OWN).submitted()).verified()
    await consoled.does(ask.IssueVoucher(consoled.id, consoled.customer))
    await consoled.does(ask.UseVoucher(consoled.id, consoled.customer, Category.UTILITY, 200))
    await (await Recycled(house, f"{when}sent", OWN).submitted(PayoutMethod.BANK_CARD)).verified()
    arrived = await (await Recycled(house, f"{when}arrived", FLAT).submitted(PayoutMethod.BANK_CARD)).verified()
    await arrived.bank_says(LegReport.SETTLED)
    await arrived.does(ask.RecordChannelFee(arrived.id, 30))
    await arrived.does(ask.RecordRemittance(arrived.id, 4_000, f"{arrived.id}-1"))
    await arrived.does(ask.RecordRemittance(arrived.id, 4_100, f"{arrived.id}-2"))
    second = Recycled(house, f"{when}arrivedtwo", OWN)
    second.customer = arrived.customer
    await (await second.submitted(face=2 * FACE, held=2 * FACE)).verified(2 * FACE)
    retried = await (await Recycled(house, f"{when}retried", OWN).submitted(PayoutMethod.BANK_CARD)).verified()
    await retried.bank_says(LegReport.REJECTED)
    rerouted = await (await Recycled(house, f"{when}rerouted", OWN).submitted(PayoutMethod.BANK_CARD)).verified()
    await rerouted.bank_says(LegReport.CLOSED)
    elsewhere = Recycled(house, f"{when}elsewhere", OWN)
    await (await elsewhere.submitted(PayoutMethod.BANK_CARD, account_id=money_account(arrived.customer))).verified()


async def _corrected(house: House, when: str) -> None:
    """Wrong faces and faults, before and after the payout."""
    more = await (await Recycled(house, f"{when}more", OWN).submitted()).verified()
    await more.does(ask.CorrectFace(more.id, FACE + 1_000, "op_1"))
    less = await (await Recycled(house, f"{when}less", FLAT).submitted()).verified()
    await less.does(ask.CorrectFace(less.id, FACE - 1_000, "op_1"))
    for name, terms in (("fault", OWN), ("theirfault", FLAT)):
        fault = await (await Recycled(house, f"{when}{name}", terms).submitted()).verified()
        await fault.does(ask.AcceptPlatformFault(fault.id, "boss"))
    stopped = await (await Recycled(house, f"{when}stopped", OWN).submitted(PayoutMethod.BANK_CARD)).verified()
    await stopped.bank_says(LegReport.REJECTED)
    await stopped.does(ask.CorrectFace(stopped.id, FACE - 2_000, "op_1"))
    unstopped = await (await Recycled(house, f"{when}unstopped", OWN).submitted(PayoutMethod.BANK_CARD)).verified()
    await unstopped.does(ask.AcceptPlatformFault(unstopped.id, "boss"))
    tiny = await (await Recycled(house, f"{when}tiny", OWN).submitted(face=1)).verified(1)
    await tiny.does(ask.CorrectFace(tiny.id, 2, "op_1"))


async def _taken_back(house: House, when: str) -> None:
    """For nothing, for a fee that the wallet has or not, within the day's cap, by a review, from the next day on."""
    free = await Recycled(house, f"{when}free", OWN).submitted()
    await free.does(ask.RequestCancel(free.id, "", Asker.SUPPORT, "op_1", RECORDING))
    for name, terms in (("owing", FLAT), ("capped", CAPPED), ("yes", REVIEWED)):
        each = await Recycled(house, f"{when}{name}", terms).submitted()
        await each.does(ask.RequestCancel(each.id, each.customer, Asker.CUSTOMER))
        if terms.reviewed:
            await each.does(ask.DecideCancelReview(each.id, True, "op_1", ""))
    no = await Recycled(house, f"{when}no", REVIEWED).submitted()
    await no.does(ask.RequestCancel(no.id, no.customer, Asker.CUSTOMER))
    await no.does(ask.DecideCancelReview(no.id, False, "op_1", "no"))
    await no.verified()
    late = await (await Recycled(house, f"{when}renewed", NEXT_DAY).submitted()).verified()
    await late.does(ask.RequestCancel(late.id, "", Asker.SUPPORT, "op_1", RECORDING))
    stopped = await (await Recycled(house, f"{when}intercepted", ANY_DAY).submitted()).verified()
    await stopped.does(ask.InterceptRedemption(stopped.id, "op_1", RECORDING))


async def _found_out(house: House, when: str) -> None:
    """Spent, invalid, of another face, too dear for a first one; submitted twice, by its owner and by a stranger."""
    await (await Recycled(house, f"{when}spent", FLAT).submitted()).verified(10, Finding.CONSUMED)
    await (await Recycled(house, f"{when}invalid", FLAT).submitted()).verified(0, Finding.INVALID)
    await (await Recycled(house, f"{when}repriced", FLAT).submitted()).verified(FACE - 500)
    dear = await Recycled(house, f"{when}dear", OWN).submitted(face=2 * FACE)
    await dear.again(f"{when}dearagain")
    await dear.again(f"{when}dearthird")
    await dear.again(f"{when}stranger", customer="cus_stranger")


async def _frozen(house: House, when: str) -> None:
    """Reported as stolen: still frozen, released, closed in every way."""
    released = await Recycled(house, f"{when}innocent", FLAT).submitted()
    guilty = await Recycled(house, f"{when}guilty", FLAT).submitted()
    escrowed = await (await Recycled(house, f"{when}guiltyheld", ESCROW).submitted(
        deadline=house.now + timedelta(days=30)
    )).verified()
    owed = await (await Recycled(house, f"{when}guiltyowed", OWN).submitted(PayoutMethod.BANK_CARD)).verified()
    for each in (released, guilty, escrowed, owed):
        await each.does(ask.ReportFraud(each.id, "the police"))
    await house.turn(timedelta(days=15))
    for each, confirmed in ((released, False), (guilty, True), (escrowed, True), (owed, True)):
        await each.does(ask.DecideFraud(each.id, confirmed, "case-1", "op_1"))


async def _waiting(house: House, when: str) -> None:
    """What waits for a time, a person, a provider, a condition."""
    await (await Recycled(house, f"{when}nextday", NEXT_DAY).submitted()).verified()
    frozen = await Recycled(house, f"{when}frozen", OWN).submitted()
    await frozen.does(ask.ReportFraud(frozen.id, "the police"))
    day = timedelta(days=1)
    met = await (await Recycled(house, f"{when}met", ESCROW).submitted(deadline=house.now + day)).verified()
    await met.does(ask.MeetEscrowCondition(met.id, "op_1"))
    noted = await (await Recycled(house, f"{when}noted", ESCROW).submitted(deadline=house.now + day)).verified()
    await noted.does(FreezeCard(noted.card, "case_1", "op_1"))
    await noted.does(ask.MeetEscrowCondition(noted.id, "op_1"))
    await (await Recycled(house, f"{when}unmet", ESCROW).submitted(deadline=house.now + timedelta(hours=1))).verified()
    await house.pass_by(timedelta(hours=2))
    await (await Recycled(house, f"{when}held", ESCROW).submitted(deadline=house.now + day)).verified()
    edited = await Recycled(house, f"{when}edited", LATER).submitted(scheduled_at=house.now + timedelta(hours=3))
    await edited.does(ask.EditSchedule(
        edited.id, edited.customer, house.now + timedelta(hours=4), FACE - 1, PayoutMethod.BANK_CARD, "bank_2"
    ))
    await Recycled(house, f"{when}verifying", FLAT).submitted()
    await house.pass_by(timedelta(seconds=181))
    asked = await Recycled(house, f"{when}asked", REVIEWED).submitted()
    await asked.does(ask.RequestCancel(asked.id, asked.customer, Asker.CUSTOMER))
    await Recycled(house, f"{when}accepted", FLAT).submitted()
