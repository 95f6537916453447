"""How the customer of a redemption is paid (到账方式)."""

from enum import StrEnum


class PayoutMethod(StrEnum):
    """A way to be paid. They stand in the order in which disputes are heard: what goes back the way it came, first
    (PM-4)."""

    ORIGINAL = "ORIGINAL"
    """To the payment that bought the card (原路退回, OP-11)."""
    JD_BALANCE = "JD_BALANCE"
    """To the wallet (京东余额)."""
    BANK_CARD = "BANK_CARD"
    """To a bank card (提现至银行卡)."""

    @property
    def priority(self) -> int:
        """Its place in the queue; 0 is heard first."""
        return list(PayoutMethod).index(self)
