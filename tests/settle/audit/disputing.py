"""Redemptions and disputes about them in a house: in every state of a case, by the real rules and the real SQL."""

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

CHANNEL, CUSTOMER, FACE_MINOR = "DESK", "cus_disputer", 8_000
FULL = (Shown(EvidenceKind.SCREEN_RECORDING, "film 1"), Shown(EvidenceKind.SCREENSHOT, "page 1"))
VAULT = Vault.of(Settings(CARD))
T = DisputeType


async def dispute(house: House) -> None:
    """Let it all happen; at the end some wait for somebody, and some are over."""
    terms = ChannelPolicy(
        channel=CHANNEL, kind=Kind.SELF, rate_ppm=940_000, payouts=(PayoutMethod.JD_BALANCE,), name_zh="柜台"
    )
    await _ask(house, CHANNEL, ProposeChannelPolicy(terms, "ann"))
    await _ask(house, CHANNEL, ApproveChannelPolicy(CHANNEL, 1, "bob"))
    paid = [await _redeemed(house, number) for number in range(5)]
    spent = await _redeemed(house, 5, Finding.CONSUMED)
    await _decided(house, await _opened(house, paid[0], T.WRONG_FACE, 5_000), Verdict.UPHELD)
    await _decided(house, await _opened(house, paid[1], T.REFUND_AMOUNT, 400), Verdict.PARTIAL, 150)
    await _decided(house, await _opened(house, paid[2], T.CANCEL_DENIED), Verdict.UPHELD)
    await _decided(house, await _opened(house, paid[3], T.PLATFORM_FAULT), Verdict.UPHELD)
    rejected = await _opened(house, paid[4], T.CANCEL_DENIED)
    await _decided(house, rejected, Verdict.REJECTED)
    await _ask(house, _card(4), ask.EscalateDispute(rejected[1], "12315-1", "clerk"))
    await _opened(house, paid[4], T.MIS_OPERATION, triaged=False)
    await _lifted(house, spent)


async def _ask(house: House, key: str, body: object) -> None:
    """Have it decided; whatever is refused here is a mistake of the story."""
    answer = await house.ask(CARD, key, body)
    assert not isinstance(answer, Refused), (body, answer)


Case = tuple[str, str]
"""The card, and the id of a case."""


def _card(number: int) -> str:
    return f"crd_disputed_{number}"


async def _redeemed(house: House, number: int, finding: Finding = Finding.FOUND) -> tuple[str, str]:
    """A redemption that was verified, and paid into the wallet at once."""
    card_id, nonce = _card(number), f"dispute{number}"
    code = VAULT.sealed_code(Secret(f"DISPUTED0CARD00{number}"), card_id)
    await _ask(house, card_id, IssueCard(card_id, CUSTOMER, FACE_MINOR, code=code, actor=CUSTOMER))
    draft = Draft(
        nonce=nonce, customer_id=CUSTOMER, account_id=money_account(CUSTOMER), card_id=card_id, issuer="",
        blind_index=code.blind_index, declared_minor=FACE_MINOR, channel=CHANNEL, terms_version=1,
        method=PayoutMethod.JD_BALANCE, instrument="", entry=EntryChannel.APP, prepared_at=house.now - DWELL_MIN,
    )
    await _ask(house, card_id, ConfirmRedemption(draft))
    redemption_id = redemption_name(nonce)
    house.now += timedelta(minutes=5)
    await house.fire(CARD)
    report = ReportVerification(card_id, redemption_id, redemption_id, finding, FACE_MINOR)
    await house.batch(CARD, [Item(Message("", card_id, report, fresh_id=f"report{number}"))])
    await house.deliver()
    return card_id, redemption_id


async def _opened(
    house: House, redeemed: tuple[str, str], kind: DisputeType, claimed_minor: int = 0, triaged: bool = True
) -> Case:
    card_id, redemption_id = redeemed
    body = ask.OpenDispute(
        redemption_id, CUSTOMER, Asked(kind, FULL), 5, claimed_minor, CUSTOMER, EntryChannel.APP
    )
    await _ask(house, card_id, body)
    dispute_id: str = await house.connections[CARD].fetchval(
        "select id from disputes where redemption_id = $1 and type = $2", redemption_id, kind.value
    )
    if triaged:
        await _ask(house, card_id, ask.TriageDispute(dispute_id, 0, "clerk"))
    return card_id, dispute_id


async def _decided(house: House, case: Case, verdict: Verdict, granted_minor: int = 0) -> None:
    card_id, dispute_id = case
    await _ask(house, card_id, ask.DecideDispute(dispute_id, verdict, granted_minor, "", "why", "boss"))
    await house.fire(CARD)


async def _lifted(house: House, spent: tuple[str, str]) -> None:
    """The engine opened a case when the card turned out spent; it is decided for its customer."""
    card_id, redemption_id = spent
    find = "select id from disputes where redemption_id = $1"
    dispute_id = await house.connections[CARD].fetchval(find, redemption_id)
    await _ask(house, card_id, ask.TriageDispute(dispute_id, 0, "clerk"))
    paper = ask.SubmitEvidence(dispute_id, "", EvidenceKind.NOTARIZED, "deed", "clerk", EntryChannel.SUPPORT)
    await _ask(house, card_id, paper)
    await _decided(house, (card_id, dispute_id), Verdict.UPHELD)
