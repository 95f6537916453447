"""What counts as evidence that was shown."""

import pytest

from services.card_redemption.decisions.redemptions.cancelling import RECORDING, must_show_recording
from services.card_redemption.domain.redemption.papers import kinds_shown
from services.kernel.errors import FailedPrecondition


def test_a_reference_shows_its_type() -> None:
    """Whatever it looks like, colons included."""
    assert kinds_shown(["IDENTITY:1", "PURCHASE_PROOF:a:b"]) == {"IDENTITY", "PURCHASE_PROOF"}


@pytest.mark.parametrize("paper", [RECORDING, f"{RECORDING}:", f"{RECORDING}: ", f"{RECORDING}S:1", f"x{RECORDING}:1"])
def test_a_type_alone_shows_nothing(paper: str) -> None:
    """Nor does another type that begins alike (RD-30)."""
    with pytest.raises(FailedPrecondition, match=RECORDING):
        must_show_recording((paper,))
