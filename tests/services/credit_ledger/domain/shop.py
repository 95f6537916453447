"""One customer's account at one merchant, in few words: the arrangement of most rule tests."""

from datetime import datetime
from typing import Any

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.effects import CreditEffect
from services.credit_ledger.domain.model.instalment import Instalment
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.statement import Statement
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, PlanKind, SurplusPolicy
from services.kernel.calendar import BUSINESS_ZONE
from services.kernel.messages import Op
from tests.services.credit_ledger.domain.book_in_memory import BookInMemory
from tests.services.credit_ledger.domain.book_laws import ACCOUNT, AT_THE_END, CHEAP

MERCHANT, CUSTOMER = "mer_1", "cus_1"
THREE = CreditTerms(instalment_count=3, fee_ppm=5000, free_days=7)
DEFERRED = CreditTerms(plan=PlanKind.DEFERRED, flat_fee_minor=600, term_days=30, free_days=7)


def at(text: str) -> datetime:
    """An instant in Shanghai: "2026-04-05 00:00:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=BUSINESS_ZONE)


class Shop:
    """Commands in few words; every one is followed by the laws of the book."""

    def __init__(
        self, limit: int = 500_000, bill_day: int = 5, due_day: int = 15, policy: SurplusPolicy = SurplusPolicy.KEEP,
        wallet: int = 100_000, opened: str = "2024-01-01 00:00:00",
    ) -> None:
        self.book = BookInMemory()
        self.book.ask(ACCOUNT, commands.OpenAccount(
            account_id=ACCOUNT, customer_id=CUSTOMER, limit_minor=limit, bill_day=bill_day, due_day=due_day,
            surplus_policy=policy, late_fee_ppm_per_day=500,
        ), at(opened))
        self.book.ask(ACCOUNT, commands.FundWallet(ACCOUNT, wallet), at(opened))

    def place(self, order: str, when: str, tenders: Tenders, terms: CreditTerms = THREE, reference: str = "") -> Any:
        """Authorize an order."""
        reference = reference or (f"pay_{order}" if tenders.bank_minor else "")
        body = commands.AuthorizeTenders(
            account_id=ACCOUNT, order_id=order, customer_id=CUSTOMER, merchant_id=MERCHANT, tenders=tenders,
            terms=terms, payment_reference=reference,
        )
        return self.saga(body, when)

    def ship(self, order: str, when: str, tenders: Tenders | None = None) -> Any:
        """Capture an order, or a part of it."""
        tenders = tenders or self.agreement(order).hold.remaining
        return self.saga(commands.CaptureTenders(ACCOUNT, order, MERCHANT, tenders), when)

    def bought(self, order: str, when: str, tenders: Tenders, terms: CreditTerms = THREE) -> None:
        """Place and ship at one instant."""
        self.place(order, when, tenders, terms)
        self.ship(order, when)

    def release(self, order: str, when: str, tenders: Tenders | None = None, **more: Any) -> Any:
        """Cancel an order, or the rest of it."""
        tenders = tenders or self.agreement(order).hold.remaining
        return self.saga(commands.ReleaseTenders(ACCOUNT, order, MERCHANT, tenders, **more), when)

    def between(self, statement: Statement) -> list[Operation]:
        """What a statement names of the log: all that happened since the one before (SC-2)."""
        first, last = statement.first_operation, statement.last_operation
        return [row for row in self.book.operations(ACCOUNT) if first <= row.number <= last]

    def refund(self, order: str, when: str, credit: int, refund_id: str = "", **more: Any) -> Any:
        """Refund a credit share, and other tenders named in `tenders`."""
        tenders = more.pop("tenders", Tenders())._replace(credit_minor=credit)
        number = sum(operation.kind == "RefundTenders" for operation in self.book.operations(ACCOUNT)) + 1
        return self.saga(
            commands.RefundTenders(ACCOUNT, order, MERCHANT, refund_id or f"ref_{number}", tenders, **more), when
        )

    def reverse(self, order: str, when: str, refund_id: str = "ref_1") -> Any:
        """Undo a refund."""
        return self.saga(commands.ReverseRefund(ACCOUNT, order, MERCHANT, refund_id), when)

    def repay(self, when: str, amount: int, instrument: str = "CARD_A") -> Any:
        """The customer pays."""
        return self.plain(commands.Repay(ACCOUNT, amount, instrument), when)

    def plain(self, body: Any, when: str, key: str = ACCOUNT) -> Any:  # results depend on the body
        """Any plain command."""
        result = self.book.ask(key, body, at(when))
        self._check()
        return result

    def saga(self, body: Any, when: str, op: Op = Op.EXECUTE, saga_id: str = "") -> Any:
        """Any saga command."""
        result = self.book.saga(ACCOUNT, body, at(when), op, saga_id)
        self._check()
        return result

    def agreement(self, order: str) -> Agreement:
        """The order's agreement."""
        return self.book.agreement(order)

    def instalments(self, order: str) -> list[Instalment]:
        """The order's instalments."""
        return list(self.agreement(order).instalments)

    def outstanding(self, order: str) -> list[int]:
        """What is unpaid of each instalment."""
        return [item.outstanding_minor for item in self.instalments(order)]

    def fees(self, order: str) -> list[int]:
        """The fee of each instalment."""
        return [item.fee_minor for item in self.instalments(order)]

    def statements(self) -> dict[str, int]:
        """The amount of each issued statement, by bill date."""
        return {row.bill_date.isoformat(): row.amount_minor for row in self.book.family(Statement, ACCOUNT)}

    def ops(self) -> list[str]:
        """The operation codes of all journals since the set-up."""
        return [journal.op for journal in self.book.journals[2:]]

    def _check(self) -> None:
        for law in CHEAP + AT_THE_END:
            law(self.book)


def steps_of(effect: CreditEffect) -> dict[str, int]:
    """The rules of an effect with their amounts."""
    return {step.rule: step.amount_minor for step in effect.steps}
