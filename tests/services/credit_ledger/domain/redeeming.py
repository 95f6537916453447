"""Redemptions of one customer in few words: what card_redemption commands, and what the bank says of its payouts."""

from typing import Any

from services.credit_ledger.domain.model import redemptions
from services.credit_ledger.domain.model.commands import LegReport, ReportLeg
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.payout import PayoutMethod, RedemptionPayout
from services.credit_ledger.domain.model.payout_switch import PAYOUTS, PausePayouts, ResumePayouts
from services.credit_ledger.domain.model.redemptions import ClaimCause, WalletCreditCause
from services.kernel.messages import Op
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import CUSTOMER, Shop

NOW, LATER = "2026-03-12 10:00:00", "2026-03-12 10:00:01"
ORDER, CARD, PAYOUT = "rdm_1", "crd_1", "pay_1"


class Redeemer(Shop):
    """A shop whose customer also redeems cards; every command is followed by the laws of the book."""

    def pay(
        self, amount: int = 94_000, method: PayoutMethod = PayoutMethod.BANK, payout_id: str = PAYOUT, when: str = NOW,
        **more: Any,
    ) -> Any:
        """Have a redemption paid out."""
        instrument = "" if method is PayoutMethod.WALLET else "bank_1"
        return self.saga(redemptions.PayRedemption(
            account_id=ACCOUNT, customer_id=more.pop("customer_id", CUSTOMER), order_id=ORDER, card_id=CARD,
            payout_id=payout_id, amount_minor=amount, method=method, instrument=more.pop("instrument", instrument),
        ), when, **more)

    def stop(self, payout_id: str = PAYOUT, when: str = LATER) -> Any:
        """Have a payout stopped."""
        return self.saga(redemptions.StopRedemptionPayout(ACCOUNT, CUSTOMER, ORDER, payout_id), when)

    def charge(self, fee: int, when: str = NOW, op: Op = Op.EXECUTE, saga_id: str = "") -> Any:
        """Charge the fee of a cancel."""
        return self.saga(redemptions.ChargeCancelFee(ACCOUNT, CUSTOMER, ORDER, fee), when, op, saga_id)

    def claim(
        self, amount: int, cause: ClaimCause = ClaimCause.FACE_CLAWBACK, before: int = 0, when: str = NOW,
        saga_id: str = "saga_claim",
    ) -> Any:
        """Claim what was paid."""
        body = redemptions.ClaimFromCustomer(ACCOUNT, CUSTOMER, ORDER, cause, amount, before)
        return self.saga(body, when, saga_id=saga_id)

    def credit(
        self, amount: int, cause: WalletCreditCause = WalletCreditCause.CARD_CLOSE, when: str = NOW,
        saga_id: str = "saga_credit",
    ) -> Any:
        """Money of a card into the wallet."""
        return self.saga(redemptions.CreditWallet(ACCOUNT, CUSTOMER, CARD, cause, amount), when, saga_id=saga_id)

    def pause(self, when: str = NOW, operator: str = "ops_1") -> Any:
        """Hold all payouts."""
        return self.plain(PausePayouts(PAYOUTS, operator, "bank holiday"), when, PAYOUTS)

    def resume(self, when: str = NOW, operator: str = "ops_1") -> Any:
        """Let them go on."""
        return self.plain(ResumePayouts(PAYOUTS, operator, "bank is back"), when, PAYOUTS)

    def report(self, said: LegReport, when: str = LATER, leg: int = -1, detail: str = "") -> None:
        """What the bank says of a leg, the last one if none is named."""
        self.plain(ReportLeg(ACCOUNT, self.legs()[leg].id, said, detail), when)

    def legs(self) -> list[RefundLeg]:
        """The legs, in the order in which they were sent."""
        return sorted(self.book.family(RefundLeg, ACCOUNT), key=lambda leg: leg.created_at)

    def payout(self, payout_id: str = PAYOUT) -> RedemptionPayout:
        """A payout as it is stored."""
        return self.book.row(RedemptionPayout, payout_id)

    def transit(self, payout_id: str = PAYOUT) -> int:
        """What this book has taken out of the transit of a payout."""
        return sum(
            amount for (_, account, sub), amount in self.book.balances.items()
            if (account, sub) == ("L.PAYOUT.TRANSIT", payout_id)
        )

    @property
    def owes(self) -> int:
        """What the customer owes us."""
        return self.book.account(ACCOUNT).receivable_minor

    @property
    def wallet(self) -> int:
        """What is in the wallet."""
        return self.book.account(ACCOUNT).wallet_minor
