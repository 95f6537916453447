"""What goes wrong at a sandbox, and how often: shares of its calls in ppm, drawn from a seeded source (F37)."""

from dataclasses import dataclass, fields
from random import Random
from typing import Self

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Shares:
    """What a sandbox adds are its faults, each a share of the calls; `seed` makes a run one that can be repeated."""

    seed: int = 0

    def __post_init__(self) -> None:
        shares = [getattr(self, field.name) for field in fields(self) if field.name != "seed"]
        if not all(0 <= share <= PPM for share in shares):
            raise ValueError(f"shares are 0 to {PPM} ppm: {self}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The shares that `timeout_done_ppm=300000,seed=7` names; an empty text means none."""
        pairs = (pair.split("=", 1) for pair in text.split(",") if pair.strip())
        try:
            return cls(**{name.strip(): int(value) for name, value in pairs})
        except (TypeError, ValueError) as error:
            raise ValueError(f"not a list of faults: {text!r} ({error})") from error


class Dice:
    """Draws faults; the same seed and the same calls give the same faults."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def hit(self, share_ppm: int) -> bool:
        """Whether this call is one of the share."""
        return share_ppm > 0 and self._random.randrange(PPM) < share_ppm

    def between(self, least: float, most: float) -> float:
        """A number of this range."""
        return self._random.uniform(least, most)
