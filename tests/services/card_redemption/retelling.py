"""All that a world of redemptions did, told again as the auditor tells it: from the events, with the card as it was."""

from collections.abc import Sequence

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.events import CardRegistered
from services.kernel.decision import Aggregate
from services.kernel.effects import PostedJournal
from settle.audit.folds.card_numbers import is_step
from settle.audit.folds.card_replay import Posted
from settle.audit.folds.card_standing import moved
from settle.audit.folds.history import Fault
from settle.audit.folds.redemption_replay import Heard, Redeemed, retold
from tests.services.card_redemption.redeeming import Redeeming


class Retelling:
    """Listens to a world from its beginning on."""

    def __init__(self, world: Redeeming) -> None:
        self.world = world
        self.begins = {row.id: row.version for row in world.rows.values() if isinstance(row, GiftCard)}
        self.cards = {(row.id, row.version): row for row in world.rows.values() if isinstance(row, GiftCard)}
        self.journals: dict[tuple[str, int], Posted] = {}
        world.explained = self._hear

    def faults(self) -> list[Fault]:
        """What does not follow from what was before it, of any card."""
        return [fault for card_id in sorted({card_id for card_id, _ in self.cards}) for fault in self._of(card_id)]

    def _of(self, card_id: str) -> list[Fault]:
        for event, at in zip(self.world.events, self.world.told_at, strict=True):
            if event.aggregate_id == card_id and isinstance(event.body, CardRegistered):  # and claimed at once
                self.cards[card_id, 1] = moved(None, event.body, at).changes[0]  # type: ignore[assignment]  # the card
        heard = [
            Heard(event.sequence, at, "", event.body, not is_step(type(event.body).__name__))
            for event, at in zip(self.world.events, self.world.told_at, strict=True) if event.aggregate_id == card_id
        ]
        return retold(Redeemed(
            card_id, heard, {version: card for (of, version), card in self.cards.items() if of == card_id},
            {version: posted for (of, version), posted in self.journals.items() if of == card_id},
            self.begins.get(card_id, 0),
        )).faults

    def _hear(self, body: object, rows: Sequence[Aggregate], posted: Sequence[PostedJournal]) -> None:
        self.cards.update({(row.id, row.version): row for row in rows if isinstance(row, GiftCard)})
        for each in posted:
            journal = each.journal
            self.journals[each.root, each.root_version] = Posted(
                journal.op, journal.unit, journal.order_id, journal.lines, at=self.world.now
            )
