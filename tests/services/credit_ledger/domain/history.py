"""One account's history, step by step: what a Hypothesis
machine drives, with the claims that belong to single steps."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.adjustment import AdjustedLine
from services.credit_ledger.domain.model.agreement import Agreement, HoldState
from services.credit_ledger.domain.model.effects import CreditEffect, Preview
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.credit_ledger.domain.model.refund import CreditRefund
from services.credit_ledger.domain.model.statement import Statement
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, SurplusPolicy
from services.credit_ledger.domain.statements.still_due import still_due
from services.kernel.calendar import business_date
from services.kernel.decision import Busy, Refused
from services.kernel.messages import Op
from services.kernel.shares import share_keys
from tests.services.credit_ledger.domain import recomputing
from tests.services.credit_ledger.domain.book_in_memory import BookInMemory
from tests.services.credit_ledger.domain.book_laws import ACCOUNT

MERCHANT, CUSTOMER = "mer_1", "cus_1"
START = datetime(2024, 1, 27, 15, 59, 58, tzinfo=UTC)
"""Two seconds before midnight in Shanghai, a leap year, month ends ahead."""


class History:
    """The book, the clock, and what was done so far."""

    def __init__(self, policy: SurplusPolicy, bill_day: int, due_day: int, book: BookInMemory | None = None) -> None:
        self.book, self.at, self.orders, self.refunds = book or BookInMemory(), START, 0, 0
        self.quotes: list[tuple[commands.RefundTenders, Preview]] = []
        self.posted: dict[str, str] = {}
        self.statements: dict[str, Statement] = {}
        self.book.ask(ACCOUNT, commands.OpenAccount(
            account_id=ACCOUNT, customer_id=CUSTOMER, limit_minor=100_000, bill_day=bill_day, due_day=due_day,
            surplus_policy=policy, late_fee_ppm_per_day=5000,
        ), self.at)
        self.book.ask(ACCOUNT, commands.FundWallet(ACCOUNT, 30_000), self.at)

    def wait(self, step: timedelta, timers: bool) -> None:
        """Time passes; the timers may be late."""
        self.at += step
        if timers:
            self.book.turn_to(self.at)

    def plain(self, body: Any, key: str = ACCOUNT) -> Any:  # results depend on the body
        """A plain command; a refusal must change nothing."""
        before, journals = dict(self.book.rows), len(self.book.journals)
        result = self.book.ask(key, body, self.at)
        if isinstance(result, Refused | Busy):
            assert self.book.rows == before
            assert len(self.book.journals) == journals
        return self._kept(result)

    def saga(self, body: Any, two_phases: int = 0) -> Any:
        """A saga's command: at once (0), or tried and confirmed (1), or tried and cancelled (2)."""
        before = dict(self.book.rows)
        at_once = self.book.saga(ACCOUNT, body, self.at) if not two_phases else None
        result = self._in_two_phases(body, confirm=two_phases == 1) if two_phases else at_once
        if isinstance(result, Refused):
            assert self.book.rows == before
        return self._kept(result)

    def place(self, tenders: Tenders, terms: CreditTerms) -> str:
        """A new order, if limit and wallet allow it."""
        self.orders += 1
        order_id = f"ord_{self.orders}"
        reference = f"pay_{order_id}" if tenders.bank_minor else ""
        self.saga(commands.AuthorizeTenders(
            account_id=ACCOUNT, order_id=order_id, customer_id=CUSTOMER, merchant_id=MERCHANT, tenders=tenders,
            terms=terms, payment_reference=reference,
        ))
        return order_id

    def ship(self, order: Agreement, part: int, phases: int = 0) -> Any:
        """Ship a quarter, a half or all of what is held; nobody is asked to capture nothing (PR-6)."""
        left = order.hold.remaining
        shipped = _part(left, part)
        tenders = shipped if any(shipped) else left
        return self.saga(commands.CaptureTenders(ACCOUNT, order.key, MERCHANT, tenders), phases)

    def release(self, order: Agreement, part: int, phases: int = 0) -> Any:
        """Cancel some or all of what is held."""
        return self.saga(
            commands.ReleaseTenders(ACCOUNT, order.key, MERCHANT, _part(order.hold.remaining, part)), phases
        )

    def refund(self, order: Agreement, part: int, phases: int = 0, too_much: int = 0) -> Any:
        """Refund some or all of what is left, or a fen more."""
        return self.saga(self._refund_of(order, part, too_much), phases)

    def quote(self, order: Agreement, part: int) -> None:
        """Ask for a binding quote; asking changes nothing."""
        body, before = self._refund_of(order, part), dict(self.book.rows)
        preview = self.book.ask(ACCOUNT, commands.PreviewRefund(body), self.at)
        assert self.book.rows == before
        if isinstance(preview, Preview):
            pinned = replace(
                body, expected_account_version=preview.account_version, quote_valid_until=preview.valid_until
            )
            self.quotes.append((pinned, preview))

    def accept(self, phases: int = 0) -> None:
        """Accept the last quote: exactly what was quoted happens, or QUOTE_STALE for a reason (U1)."""
        body, preview = self.quotes.pop()
        moved = self.book.account(ACCOUNT).version != preview.account_version
        late = self.at > preview.valid_until or business_date(self.at) != preview.business_date
        result = self.saga(body, phases)
        if isinstance(result, Refused):
            assert (result.reason == "QUOTE_STALE" and (moved or late)) or result.reason == "REFUND_EXCEEDS_REMAINING"
        else:
            assert not moved
            assert not late
            assert replace(result, posted_at=preview.quoted_at) == preview.effect

    def reverse(self, refund_id: str) -> None:
        """Undo a refund, also with later operations in between."""
        order_id = self.posted[refund_id]
        result = self.saga(commands.ReverseRefund(ACCOUNT, order_id, MERCHANT, refund_id))
        if not isinstance(result, Refused):
            del self.posted[refund_id]
        else:
            assert result.reason in ("NO_REFUND_TO_REVERSE", "INSUFFICIENT_LIMIT", "INSUFFICIENT_WALLET")

    def settle_merchant(self) -> None:
        """Pay the merchant all that is owed."""
        owed = sum(row.payable_minor for row in self.book.rows.values() if isinstance(row, MerchantShare))
        self.plain(commands.SettleMerchant(MERCHANT, owed or 1, before_netting=True), share_keys(MERCHANT)[0])

    def adjust(self, order: Agreement, account: str, against: str, amount: int) -> None:
        """A manual adjustment of today; it is refused where the customer has less."""
        lines = (AdjustedLine(account, amount), AdjustedLine(against, -amount))
        self.plain(commands.PostAdjustment(
            account_id=ACCOUNT, order_id=order.key, case_id="case", lines=lines, maker="maker", checker="checker",
            evidence=("order page", "bill page"), reason="found", effective_date=business_date(self.at),
        ))

    def report_legs(self, report: commands.LegReport) -> None:
        """The rails answer for every leg; an answer given twice counts once."""
        for leg in self.legs():
            self.plain(commands.ReportLeg(ACCOUNT, leg.id, report))
            balances = dict(self.book.balances)
            self.plain(commands.ReportLeg(ACCOUNT, leg.id, report))
            assert self.book.balances == balances

    def legs(self) -> list[RefundLeg]:
        """All legs, by id."""
        return self.book.family(RefundLeg, ACCOUNT)

    def agreements(self) -> list[Agreement]:
        """All agreements, by id."""
        return self.book.family(Agreement, ACCOUNT)

    def held(self) -> list[Agreement]:
        """Those with something left to ship or cancel."""
        return [row for row in self.agreements() if row.hold.state in (HoldState.PENDING, HoldState.PARTIALLY_CAPTURED)]

    def shipped(self) -> list[Agreement]:
        """Those with something left to refund."""
        return [row for row in self.agreements() if any(row.refundable)]

    def waiting(self) -> list[CreditRefund]:
        """Refunds that wait for the network."""
        return [row for row in self.book.family(CreditRefund, ACCOUNT) if row.open]

    def check_statements(self) -> None:
        """Issued statements never change (SC-2), and none asks for more than it billed or than is due now."""
        issued = {row.key: row for row in self.book.family(Statement, ACCOUNT)}
        assert {key: issued[key] for key in self.statements} == self.statements
        self.statements, agreements = issued, self.agreements()
        due = sum(item.due_minor for row in agreements for item in row.instalments)
        for key, row in issued.items():
            asked = still_due(row, key == max(issued), agreements, business_date(self.at))
            assert 0 <= asked.amount_minor <= min(due, row.amount_minor - row.offset_minor)

    def _refund_of(self, order: Agreement, part: int, too_much: int = 0) -> commands.RefundTenders:
        self.refunds += 1
        tenders = _part(order.refundable, part)
        tenders = tenders._replace(credit_minor=tenders.credit_minor + too_much)
        refund_id, uncovered = f"ref_{self.refunds:03d}", self.refunds % 3 * 50
        return commands.RefundTenders(
            ACCOUNT, order.key, MERCHANT, refund_id, tenders, uncovered_gift_minor=uncovered,
            goods_back=self.refunds % 2 == 0,
        )

    def _in_two_phases(self, body: Any, confirm: bool) -> Any:
        """TRY moves nothing and claims the account; CONFIRM does what EXECUTE would have done; CANCEL does nothing."""
        saga_id, before, journals = f"saga_{self.book.messages}", dict(self.book.rows), len(self.book.journals)
        tried = self.book.saga(ACCOUNT, body, self.at, Op.TRY, saga_id)
        if isinstance(tried, Refused):
            return tried
        assert len(self.book.journals) == journals
        assert isinstance(self.book.ask(ACCOUNT, commands.Repay(ACCOUNT, 1), self.at), Busy)
        if confirm:
            done = self.book.saga(ACCOUNT, body, self.at + timedelta(days=40), Op.CONFIRM, saga_id)
            assert done == tried
            return done
        self.book.saga(ACCOUNT, body, self.at + timedelta(days=40), Op.CANCEL, saga_id)
        references = {key for key in self.book.rows if key not in before}
        assert all(kind.__name__ == "PaymentReference" for kind, _ in references)
        assert {key: row for key, row in self.book.rows.items() if key not in references} == before
        return tried

    def _kept(self, result: Any) -> Any:
        """Every effect explains itself to the fen (U2), and a posted refund is remembered."""
        if isinstance(result, CreditEffect):
            assert all(recomputing.holds(step) for step in result.steps)
            assert all(recomputing.words(step).zh and recomputing.words(step).en for step in result.steps)
            references = {operation.reference for operation in self.book.operations(ACCOUNT)}
            if result.op.startswith("refund") and result.refund_id in references:
                self._accounted_for(result)
                self.posted[result.refund_id] = result.order_id
        return result

    def _accounted_for(self, effect: CreditEffect) -> None:
        """Every fen of the credit share is principal, recovery, a due, a payout or credit balance (conservation)."""
        if effect.op in ("refund", "refund_confirm", "manual_adjust"):
            spent = sum(use.amount_minor for use in effect.uses) + sum(back.amount_minor for back in effect.given_back)
            surplus = spent + effect.credit_balance_minor - effect.fee_back_minor
            assert effect.moved.credit_minor == effect.principal_refunded_minor + effect.recovered_minor + surplus
            reduced = sum(row.refunded_now_minor for row in effect.instalments)
            assert effect.principal_refunded_minor + effect.recovered_minor == reduced


def _part(whole: Tenders, part: int) -> Tenders:
    """So many quarters of each tender."""
    return Tenders(*(amount * part // 4 for amount in whole))
