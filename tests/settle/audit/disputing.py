"""Redemptions and disputes about them in a house: in every state of a case, by the real rules and the real SQL."""

from dataclasses import dataclass
from datetime import timedelta

from services.card_redemption.domain.channels.commands import ApproveChannelPolicy, ProposeChannelPolicy
from services.card_redemption.domain.commands import IssueCard
from services.card_redemption.domain.disputes import commands as ask
from services.card_redemption.domain.disputes.appealing import Asked
from services.card_redemption.domain.disputes.case import Verdict
from services.card_redemption.domain.disputes.evidence import EvidenceKind, Shown
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Kind
from services.card_redemption.domain.redemption.commands import ConfirmRedemption
from services.card_redemption.domain.redemption.drafts import DWELL_MIN, Draft, redemption_name
from services.card_redemption.domain.verification import Finding, ReportVerification
from services.card_redemption.vault import Vault
from services.kernel.decision import Refused
from services.kernel.ids import money_account
from services.kernel.messages import Message
from services.kernel.secret import Secret
from services.runtime.ground.settings import Settings
from services.runtime.lanes.item import Item
from settle.audit.findings import CARD
from tests.settle.audit.house import House

CUSTOMER, FACE_MINOR = "cus_disputer", 8_000
FULL = (Shown(EvidenceKind.SCREEN_RECORDING, "film 1"), Shown(EvidenceKind.SCREENSHOT, "page 1"))
VAULT = Vault.of(Settings(CARD))
T = DisputeType


async def dispute(house: House, when: str = "") -> None:
    """Let it all happen; at the end some wait for somebody, and some are over. `when` sets apart what came before."""
    desk = Desk(house, when)
    await desk.open()
    paid = [await desk.redeemed(number) for number in range(5)]
    spent = await desk.redeemed(5, Finding.CONSUMED)
    await desk.decided(await desk.opened(paid[0], T.WRONG_FACE, 5_000), Verdict.UPHELD)
    await desk.decided(await desk.opened(paid[1], T.REFUND_AMOUNT, 400), Verdict.PARTIAL, 150)
    await desk.decided(await desk.opened(paid[2], T.CANCEL_DENIED), Verdict.UPHELD)
    await desk.decided(await desk.opened(paid[3], T.PLATFORM_FAULT), Verdict.UPHELD)
    rejected = await desk.opened(paid[4], T.CANCEL_DENIED)
    await desk.decided(rejected, Verdict.REJECTED)
    await desk.asked(rejected[0], ask.EscalateDispute(rejected[1], "12315-1", "clerk"))
    await desk.opened(paid[4], T.MIS_OPERATION, triaged=False)
    await desk.lifted(spent)


Case = tuple[str, str]
"""The card, and the id of a case."""


@dataclass(frozen=True)
class Desk:
    """A channel of its own, with the redemptions of a customer of its own."""

    house: House
    when: str

    @property
    def channel(self) -> str:
        """Its name."""
        return f"DESK{self.when.upper()}"

    @property
    def customer(self) -> str:
        """Who redeems by it."""
        return f"{CUSTOMER}{self.when}"

    async def asked(self, key: str, body: object) -> None:
        """Have it decided; whatever is refused here is a mistake of the story."""
        answer = await self.house.ask(CARD, key, body)
        assert not isinstance(answer, Refused), (body, answer)

    async def open(self) -> None:
        """Two people put its terms in force."""
        terms = ChannelPolicy(
            channel=self.channel, kind=Kind.SELF, rate_ppm=940_000, payouts=(PayoutMethod.JD_BALANCE,), name_zh="柜台"
        )
        await self.asked(self.channel, ProposeChannelPolicy(terms, "ann"))
        await self.asked(self.channel, ApproveChannelPolicy(self.channel, 1, "bob"))

    async def redeemed(self, number: int, finding: Finding = Finding.FOUND) -> tuple[str, str]:
        """A redemption that was verified, and paid into the wallet at once."""
        house, customer = self.house, self.customer
        card_id, nonce = f"crd_disputed{self.when}_{number}", f"dispute{self.when}{number}"
        code = VAULT.sealed_code(Secret(f"DISPUTED{self.when.upper():0<7}{number}"), card_id)
        await self.asked(card_id, IssueCard(card_id, customer, FACE_MINOR, code=code, actor=customer))
        draft = Draft(
            nonce=nonce, customer_id=customer, account_id=money_account(customer), card_id=card_id, issuer="",
            blind_index=code.blind_index, declared_minor=FACE_MINOR, channel=self.channel, terms_version=1,
            method=PayoutMethod.JD_BALANCE, instrument="", entry=EntryChannel.APP, prepared_at=house.now - DWELL_MIN,
        )
        await self.asked(card_id, ConfirmRedemption(draft))
        redemption_id = redemption_name(nonce)
        house.now += timedelta(minutes=5)
        await house.fire(CARD)
        report = ReportVerification(card_id, redemption_id, redemption_id, finding, FACE_MINOR)
        await house.batch(CARD, [Item(Message("", card_id, report, fresh_id=f"report{self.when}{number}"))])
        await house.deliver()
        return card_id, redemption_id

    async def opened(
        self, redeemed: tuple[str, str], kind: DisputeType, claimed_minor: int = 0, triaged: bool = True
    ) -> Case:
        """A case of this kind about a redemption."""
        card_id, redemption_id = redeemed
        await self.asked(card_id, ask.OpenDispute(
            redemption_id, self.customer, Asked(kind, FULL), 5, claimed_minor, self.customer, EntryChannel.APP
        ))
        dispute_id: str = await self.house.connections[CARD].fetchval(
            "select id from disputes where redemption_id = $1 and type = $2", redemption_id, kind.value
        )
        if triaged:
            await self.asked(card_id, ask.TriageDispute(dispute_id, 0, "clerk"))
        return card_id, dispute_id

    async def decided(self, case: Case, verdict: Verdict, granted_minor: int | None = None) -> None:
        """It comes to this."""
        card_id, dispute_id = case
        await self.asked(card_id, ask.DecideDispute(dispute_id, verdict, granted_minor, "", "why", "boss"))
        await self.house.fire(CARD)

    async def lifted(self, spent: tuple[str, str]) -> None:
        """The engine opened a case when the card turned out spent; it is decided for its customer."""
        card_id, redemption_id = spent
        find = "select id from disputes where redemption_id = $1"
        dispute_id = await self.house.connections[CARD].fetchval(find, redemption_id)
        await self.asked(card_id, ask.TriageDispute(dispute_id, 0, "clerk"))
        paper = ask.SubmitEvidence(dispute_id, "", EvidenceKind.NOTARIZED, "deed", "clerk", EntryChannel.SUPPORT)
        await self.asked(card_id, paper)
        await self.decided((card_id, dispute_id), Verdict.UPHELD)
