"""The disputes of one redemption: its customer and the hotline open them while everything else about it goes on."""

from typing import TYPE_CHECKING

from services.card_redemption.domain.disputes import commands as ask
from services.card_redemption.domain.disputes.appealing import Asked
from services.card_redemption.domain.disputes.evidence import EvidenceKind, Shown
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.redemption.order import RedemptionOrder
from settle.simulation.agenda import MINUTE, SECOND, Steps
from settle.simulation.people.judges import look, opened_of

if TYPE_CHECKING:
    from settle.simulation.people.redeemers import RedemptionStory

T = DisputeType
KINDS = (
    T.REFUND_AMOUNT, T.CANCEL_DENIED, T.MIS_OPERATION, T.WRONG_FACE, T.PLATFORM_FAULT, T.FRAUD, T.DUPLICATE_CODE,
    T.REFUND_AMOUNT, T.WRONG_FACE, T.MIS_OPERATION, T.PLATFORM_FAULT, T.FRAUD,
)
PAGE = Shown(EvidenceKind.SCREENSHOT, "page-1")
RECORDING = Shown(EvidenceKind.SCREEN_RECORDING, "recording-1")
PAPERS = ((PAGE,), (), (RECORDING,), (PAGE, RECORDING), (PAGE, RECORDING))
HOTLINE = "hotline"


class DisputeStory:
    """Who disputes something about a redemption; the tape of its disputes says what, and when."""

    def __init__(self, story: "RedemptionStory") -> None:
        self._story, self._world = story, story.world
        self._track = story.world.tape.track(f"disputes of {story.number}")

    def steps(self) -> Steps:
        """One case after the other; of some the house takes its looks at once."""
        track = self._track
        for _ in range(track.below(self._world.swarm.disputes + 1)):
            yield track.below(self._world.swarm.spread + track.pick((5 * SECOND, MINUTE, 5 * MINUTE)))
            order = self._story.order
            if order is None:
                continue
            told = yield from self._story.ask(self._case(order))
            if told.reason:
                self._world.reached.note("dispute_denied")
            for _ in range(track.below(6)):
                yield track.below(3 * SECOND)
                for dispute in opened_of(self._world, order.id):
                    yield from look(self._world, track, dispute)

    def _case(self, order: RedemptionOrder) -> ask.OpenDispute:
        """By the customer in his app, or by the hotline that heard of a complaint at 12315."""
        track, kind = self._track, self._track.pick(KINDS)
        complained = track.below(8) == 7
        asked = Asked(
            kind, track.pick(PAPERS), exceptional=track.below(4) == 3, complaint="12315-1" if complained else ""
        )
        return ask.OpenDispute(
            redemption_id=order.id, customer_id=order.customer_id, asked=asked, vip=track.below(7),
            claimed_minor=self._claimed_minor(kind, order), actor=HOTLINE if complained else order.customer_id,
            channel=EntryChannel.SUPPORT if complained else EntryChannel.APP,
        )

    def _claimed_minor(self, kind: DisputeType, order: RedemptionOrder) -> int:
        if kind is T.WRONG_FACE:
            return order.face_minor + self._track.pick((500, -order.face_minor // 2, 0))
        return 1 + self._track.below(max(1, order.lost_minor)) if kind is T.REFUND_AMOUNT else 0
