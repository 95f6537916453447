"""What goes wrong at the sandbox, and how often: shares in ppm, drawn from a seeded source (RELIABILITY F37)."""

from dataclasses import dataclass, fields
from random import Random

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares of the calls.

    `timeout_done`: booked, but the answer never comes. `timeout_undone`: neither. `late_done`: the answer never comes
    and the booking happens after the caller gave up. `unavailable`: down. `rejected`: refused for good.
    """

    timeout_done_ppm: int = 0
    timeout_undone_ppm: int = 0
    unavailable_ppm: int = 0
    rejected_ppm: int = 0
    late_done_ppm: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        shares = [getattr(self, field.name) for field in fields(self) if field.name != "seed"]
        if not all(0 <= share <= PPM for share in shares):
            raise ValueError(f"shares are 0 to {PPM} ppm: {self}")

    @classmethod
    def parse(cls, text: str) -> "Faults":
        """The faults that `timeout_done_ppm=300000,seed=7` names; an empty text means none."""
        pairs = (pair.split("=", 1) for pair in text.split(",") if pair.strip())
        try:
            return cls(**{name.strip(): int(value) for name, value in pairs})
        except (TypeError, ValueError) as error:
            raise ValueError(f"not a list of faults: {text!r} ({error})") from error


class Dice:
    """Draws faults; the same seed and the same calls give the same faults."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._random = Random(faults.seed)

    def hit(self, share_ppm: int) -> bool:
        """Whether this call is one of the share."""
        return share_ppm > 0 and self._random.randrange(PPM) < share_ppm
