"""Disputes in memory: a redemption in some state, a case about it, and the people who open, handle and decide it."""

from dataclasses import replace
from datetime import timedelta

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.disputes import commands as ask
from services.card_redemption.domain.disputes.appealing import Asked
from services.card_redemption.domain.disputes.case import Dispute, DisputeState, Verdict
from services.card_redemption.domain.disputes.evidence import EvidenceKind, Shown
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.recycling.policy import Settlement
from services.card_redemption.domain.verification import Finding
from tests.in_memory import Step
from tests.lifecycles import is_sound
from tests.services.card_redemption.redeeming import FACE_MINOR, SELF, SU, Redeeming

T1 = replace(SELF, channel="T1", settlement=Settlement.NEXT_WORKING_DAY)
"""Settles with the next working day, so it is verified and unsettled until then."""
CUSTOMER, CLERK, BOSS = "cus_1", "clerk", "boss"
SCREENSHOT = Shown(EvidenceKind.SCREENSHOT, "page 1")
RECORDING = Shown(EvidenceKind.SCREEN_RECORDING, "film 1")
NOTARIZED = Shown(EvidenceKind.NOTARIZED, "deed 1")
FULL = (RECORDING, SCREENSHOT)


def accepted() -> Redeeming:
    """A redemption that was accepted, and not verified yet."""
    made = Redeeming().given(InForce(T1))
    made.submitted()
    return made


def verified() -> Redeeming:
    """Verified, and it settles tomorrow."""
    made = Redeeming().given(InForce(T1))
    made.submitted(T1)
    made.verify()
    return made


def completed(face_minor: int = FACE_MINOR) -> Redeeming:
    """Paid out."""
    made = accepted()
    made.verify(face_minor)
    return made


def consumed() -> Redeeming:
    """Its card had been spent."""
    made = Redeeming()
    made.submitted(SU)
    made.verify(finding=Finding.CONSUMED)
    return made


def opened(
    made: Redeeming, kind: DisputeType, *papers: Shown, claimed_minor: int = 0, exceptional: bool = False,
    complaint: str = "", vip: int = 0,
) -> Step:
    """Its customer opens a case; a complaint at 12315 is noted by a clerk."""
    order = made.order()
    asked = Asked(kind, papers, exceptional, complaint)
    actor = "hotline" if complaint else CUSTOMER
    body = ask.OpenDispute(order.id, order.customer_id, asked, vip, claimed_minor, actor, EntryChannel.APP)
    step = made.when(order.card_id, body)
    made.settle_down()
    return step


def case_of(made: Redeeming, kind: DisputeType) -> Dispute:
    """The last case of a kind, as it is now."""
    return [each for each in made.family(Dispute, made.order().card_id) if each.type is kind][-1]


def handled(made: Redeeming, kind: DisputeType, *papers: Shown, claimed_minor: int = 0) -> Dispute:
    """A case of this kind that a clerk handles; it is opened if it is not there."""
    if not any(each.type is kind for each in made.family(Dispute, made.order().card_id)):
        assert opened(made, kind, *papers, claimed_minor=claimed_minor).reason == ""
    case = case_of(made, kind)
    assert asked(made, ask.TriageDispute(case.id, 0, CLERK)).reason == ""
    return case_of(made, kind)


def asked(made: Redeeming, body: object) -> Step:
    """Ask something about a case, let it come to rest, and what is due ring."""
    step = made.when(made.order().card_id, body)
    made.settle_down()
    return step


def decided(
    made: Redeeming, case: Dispute, verdict: Verdict = Verdict.UPHELD, granted_minor: int | None = None,
    police: str = "", by: str = BOSS,
) -> Step:
    """A supervisor decides."""
    return asked(made, ask.DecideDispute(case.id, verdict, granted_minor, police, "why", by))


def rings(made: Redeeming, after: timedelta = timedelta()) -> None:
    """Time passes, what is due rings, and comes to rest."""
    made.now += after
    made.fire()
    made.settle_down()


def ends(made: Redeeming, case: Dispute, state: DisputeState) -> Dispute:
    """It stands there, and nothing of the service contradicts its tables."""
    now = made.row(Dispute, case.id)
    assert now.state is state
    is_sound(made)
    return now
