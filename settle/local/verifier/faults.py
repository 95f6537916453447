"""What goes wrong at the sandbox verifier, and how long it takes."""

from dataclasses import dataclass

from settle.local.shares import PPM, Dice, Shares

APP_SECONDS, WEB_SECONDS = 7.3, 12.1
"""Typical of our own cards, by where they were submitted (RD-5)."""
THIRD_PARTY_SECONDS = (180.0, 480.0)
"""Typical of the cards of others (RD-5)."""


@dataclass(frozen=True, slots=True)
class VerifierFaults(Shares):
    """Shares of the calls of Verify and, but for `refused` and `latency`, of ReleaseCode.

    `timeout_done`: asked, but the answer never comes. `timeout_undone`: neither. `unavailable`: down, also for who asks
    what became of it. `refused`: for good. `contradicts`: says another thing once it has answered. `latency` is the
    share of the typical time it takes.
    """

    timeout_done_ppm: int = 0
    timeout_undone_ppm: int = 0
    unavailable_ppm: int = 0
    refused_ppm: int = 0
    contradicts_ppm: int = 0
    latency_ppm: int = 0

    def seconds(self, issuer: str, in_app: bool, dice: Dice) -> float:
        """How long a verification takes."""
        own = APP_SECONDS if in_app else WEB_SECONDS
        return (dice.between(*THIRD_PARTY_SECONDS) if issuer else own) * self.latency_ppm / PPM
