"""A batch of redemptions that an enterprise revokes (批量撤销): one request, one instant, a result for each (A19)."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from services.card_redemption.domain.recycling.enterprise import Revocation
from services.kernel.errors import Defect


class RevocationItem(NamedTuple):
    """One redemption of a batch; `face_minor` is what came free. The card is "" where there is no such redemption."""

    redemption_id: str
    card_id: str
    result: Revocation = Revocation.PENDING
    face_minor: int = 0


@dataclass(frozen=True, slots=True)
class RevocationBatch:
    """What becomes of the redemptions that were named, in their order."""

    id: str
    agreement_id: str
    requested_at: datetime
    items: tuple[RevocationItem, ...]
    version: int = 1

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.agreement_id

    @property
    def pending(self) -> tuple[RevocationItem, ...]:
        """What is not decided yet."""
        return tuple(item for item in self.items if item.result is Revocation.PENDING)

    @property
    def released_minor(self) -> int:
        """The faces that came free."""
        return sum(item.face_minor for item in self.items)


def decided(batch: RevocationBatch, item: RevocationItem) -> RevocationBatch:
    """The batch with one more redemption decided; what was decided stays, whoever repeats himself."""
    if item.result is Revocation.PENDING:
        raise Defect(f"{item.redemption_id} of {batch.id} is not decided")
    if item.redemption_id not in {each.redemption_id for each in batch.pending}:
        return batch
    items = tuple(item if each.redemption_id == item.redemption_id else each for each in batch.items)
    return replace(batch, items=items, version=batch.version + 1)
