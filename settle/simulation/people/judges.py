"""The house about disputes: clerks take them on and ask for papers, supervisors decide, now and then two at once."""

from datetime import timedelta
from typing import TYPE_CHECKING

from services.card_redemption.domain.disputes import commands as ask
from services.card_redemption.domain.disputes.case import HANDLED, Dispute, DisputeState, Verdict
from services.card_redemption.domain.disputes.evidence import PROVES_OPERATION, EvidenceKind
from services.card_redemption.domain.disputes.kinds import SPLITTABLE, DisputeType
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.redemption.freezing import decidable_from
from services.card_redemption.domain.redemption.order import RedemptionOrder
from settle.simulation.agenda import Steps
from settle.simulation.tape import Track

if TYPE_CHECKING:
    from settle.simulation.world import World

CARD = "card_redemption"
CLERK = "clerk"
LONG = timedelta(days=10)
"""So long people let a case lie at most."""
SUPERVISORS = ("boss", "chief", "head", "director")


def opened_of(world: "World", redemption_id: str = "") -> list[Dispute]:
    """The cases that somebody has to do something about, or may; of one redemption, or of all."""
    return world.stores[CARD].those(Dispute, lambda case: (
        redemption_id in ("", case.redemption_id)
        and case.state not in (DisputeState.DECIDED, DisputeState.EXECUTED)
    ))


def at_their_desks(world: "World") -> Steps:
    """Some of what is open gets a look, and all that has waited for long."""
    track, before = world.tape.track("judges"), world.stores[CARD].present(world.agenda.now) - LONG
    for dispute in opened_of(world):
        if not track.below(3) or (dispute.under_way and dispute.updated_at < before):
            yield from look(world, track, dispute)


def look(world: "World", track: Track, dispute: Dispute) -> Steps:
    """Whoever's turn it is does something about a case."""
    if dispute.state is DisputeState.REJECTED:
        if not dispute.complaint and track.below(8) == 7:
            yield from _ask(world, dispute, ask.EscalateDispute(dispute.id, "12315-2", "hotline"))
    elif dispute.waits_for_exception:
        let_in = not track.below(2)
        yield from _ask(world, dispute, ask.DecideException(dispute.id, let_in, "looked at it", _judge(dispute)))
    elif dispute.state is DisputeState.OPEN:
        yield from _ask(world, dispute, ask.TriageDispute(dispute.id, track.below(7), CLERK))
    elif dispute.state in HANDLED:
        yield from _heard(world, track, dispute)


def _heard(world: "World", track: Track, dispute: Dispute) -> Steps:
    """Another paper, a redemption that stops, or a word; of a fraud none before its time but by mistake."""
    order: RedemptionOrder = world.stores[CARD].rows[RedemptionOrder][dispute.redemption_id]
    if dispute.type is DisputeType.DUPLICATE_CODE and track.below(3) == 2:
        yield from _ask(world, dispute, ask.FreezeForDispute(dispute.id, CLERK))
    elif dispute.strength < PROVES_OPERATION and track.below(2):
        kind, papers = track.pick((EvidenceKind.NOTARIZED, EvidenceKind.SCREENSHOT)), len(dispute.papers)
        customer = dispute.customer_id
        yield from _ask(world, dispute, ask.SubmitEvidence(
            dispute.id, customer, kind, f"paper-{papers}", actor=customer, channel=EntryChannel.APP
        ))
    elif not _too_early(world, dispute, order) or not (world.quiet or track.below(3)):
        yield from _decided(world, track, dispute, order)


def _decided(world: "World", track: Track, dispute: Dispute, order: RedemptionOrder) -> Steps:
    mistaken = track.below(8)
    if mistaken == 7:
        told = yield from _ask(world, dispute, _word(track, dispute, order, dispute.handler))
        if told.reason == "FOUR_EYES":
            world.reached.note("own_case_refused")
    elif mistaken == 6:
        world.agenda.start(_at_once(world, dispute, _word(track, dispute, order, _judge(dispute, 1))))
    yield from _ask(world, dispute, _word(track, dispute, order, _judge(dispute)))


def _at_once(world: "World", dispute: Dispute, body: ask.DecideDispute) -> Steps:
    told = yield from _ask(world, dispute, body)
    if told.reason == "DISPUTE_STATE":
        world.reached.note("decided_by_one_of_two")


def _word(track: Track, dispute: Dispute, order: RedemptionOrder, by: str) -> ask.DecideDispute:
    nothing = order.face_minor if dispute.type is DisputeType.WRONG_FACE else 0
    low, high = sorted((nothing, dispute.claimed_minor))
    verdict, granted_minor = track.pick((Verdict.UPHELD, Verdict.REJECTED, Verdict.PARTIAL)), None
    if verdict is Verdict.PARTIAL:
        if dispute.type in SPLITTABLE and high - low > 1:
            granted_minor = low + 1 + track.below(high - low - 1)
        else:
            verdict = Verdict.UPHELD
    return ask.DecideDispute(dispute.id, verdict, granted_minor, police_case="case-1", reason="looked at it", actor=by)


def _judge(dispute: Dispute, others: int = 0) -> str:
    """A supervisor who had no hand in it, and is not the first of them where `others` decide, too."""
    return [name for name in SUPERVISORS if name not in dispute.people][others]


def _too_early(world: "World", dispute: Dispute, order: RedemptionOrder) -> bool:
    if dispute.type is not DisputeType.FRAUD or order.fraud is None:
        return False
    return world.stores[CARD].present(world.agenda.now) < decidable_from(order.fraud)


def _ask(world: "World", dispute: Dispute, body: object) -> Steps:
    return (yield from world.desk.ask(CARD, dispute.card_id, body))
