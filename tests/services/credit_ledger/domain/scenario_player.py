"""Plays `credit_flow` cases of the scenario format against the domain alone, and compares everything that `then` names.

What belongs to other services (fulfilment states, tender splits, the gift-card share) is done here with the kernel's
allocation, so that a difference is a difference of this domain.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.effects import CreditEffect
from services.credit_ledger.domain.model.statement import Statement
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, PlanKind, Route, Strategy, SurplusPolicy
from services.kernel.allocation import split
from services.kernel.decision import Refused
from services.kernel.journal import Unit
from services.kernel.money import half_up
from services.kernel.shares import share_keys
from tests.services.credit_ledger.domain.book_in_memory import BookInMemory

Case = dict[str, Any]
"""One case, as the JSON has it."""

CODES = {
    "INSUFFICIENT_LIMIT": "INSUFFICIENT_LIMIT", "REFUND_EXCEEDS_REMAINING": "OVER_REFUND", "FOUR_EYES": "FOUR_EYES",
    "CHANNEL_TIMEOUT": "CHANNEL_TIMEOUT_MANUAL_ADJUSTMENT", "EXCEEDS_CREDIT_BALANCE": "EXCEEDS_CREDIT_BALANCE",
}
ACCOUNT, MERCHANT, CUSTOMER = "acc_1", "mer_1", "cus_1"
NOT_LISTED = ("LIM.GRANT",)


@dataclass
class Order:
    """The order side of one order: what the order service would know."""

    given: Case
    state: str = "NEW"
    tenders: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    payable: dict[str, tuple[int, int]] = field(default_factory=dict)
    returned: Counter[str] = field(default_factory=Counter)
    worth: Counter[str] = field(default_factory=Counter)
    reduced: Counter[str] = field(default_factory=Counter)
    refunded: int = 0
    refunds: list["Accepted"] = field(default_factory=list)

    @classmethod
    def of(cls, given: Case) -> "Order":
        """The order with its promotions shared out."""
        amounts = [line["qty"] * line["unit_price"] for line in given["lines"]]
        for promo in given.get("promos", ()):
            chosen = promo.get("lines", list(range(len(amounts))))
            for index, part in zip(chosen, split(promo["amount"], [amounts[i] for i in chosen], "first"), strict=True):
                amounts[index] -= part
        order = cls(given)
        order.tenders = {tender["type"]: tender["amount"] for tender in given["tenders"]}
        order.left = dict(order.tenders)
        order.payable = {
            line["id"]: (amount, line["qty"]) for line, amount in zip(given["lines"], amounts, strict=True)
        }
        return order

    def asked(self, event: Case) -> int | str:
        """R of a REFUND, or the reason why it is refused; counts what comes back if it is not (PR-8, PR-9)."""
        left = sum(self.left.values())
        if "lines" not in event:
            if "line" in event:
                payable, _ = self.payable[event["line"]]
                left = min(left, payable - self.reduced[event["line"]] - self.worth[event["line"]])
            if event["amount"] > left:
                return "REJECT:OVER_REFUND"
            self.reduced[event.get("line", "")] += event["amount"]
            return int(event["amount"])
        if any(self.returned[line["id"]] + line["qty"] > self.payable[line["id"]][1] for line in event["lines"]):
            return "REJECT:OVER_RETURN"
        before = self.worth.total()
        for line in event["lines"]:
            name, (payable, quantity) = line["id"], self.payable[line["id"]]
            self.returned[name] += line["qty"]
            worth = (payable - self.reduced[name]) * self.returned[name] // quantity
            self.worth[name] = max(self.worth[name], worth)
        return min(self.worth.total() - before, left)


class Accepted(NamedTuple):
    """A refund that was accepted, and what counted before it."""

    refund_id: str
    parts: list[int]
    amount: int
    moved: bool
    before: tuple[Counter[str], Counter[str], Counter[str]]


class ScenarioPlayer:
    """One case, played event by event."""

    def __init__(self, case: Case, policies: dict[str, Any], by_timer: bool = False) -> None:
        self.case, self.by_timer = case, by_timer
        given = case["given"]
        self.orders = {order["id"]: Order.of(order) for order in given.get("orders", ())}
        self.book = BookInMemory()
        self.entries: dict[tuple[int, str, str], Counter[str]] = defaultdict(Counter)
        self.outcomes: list[str] = []
        self.splits: list[list[int]] = []
        self.payouts: list[list[Any]] = []
        self.statement_dates: list[date] = []
        self.keys: dict[str, tuple[Case, list[int]]] = {}
        self.refund_number = 0
        self.listen: Callable[[CreditEffect], None] = lambda effect: None
        self._set_up(given, policies)

    def play(self) -> None:
        """Play every event; journals are filed under the event that caused them."""
        for index, event in enumerate(self.case["when"]):
            at = datetime.fromisoformat(event["at"])
            start = len(self.book.journals)
            if self.by_timer:
                self.book.turn_to(at)
            code = getattr(self, f"_{event['type'].lower()}")(event, at, index)
            self.outcomes.append(code or "OK")
            for journal in self.book.journals[start:]:
                for line in journal.lines:
                    self._add(index, journal.op, journal.unit, line.account, line.amount_minor)

    def differences(self) -> list[str]:
        """What is not as `then` says, in words."""
        then, found = self.case["then"], []
        actual = {
            "journals": self._journals(), "balances": self._balances(), "outcomes": self.outcomes,
            "splits": self.splits,
            "payouts": self.payouts, "statements": self._statements(),
            "instalments": {order: self._rows(order) for order in then.get("instalments", ())},
        }
        expected = {**then, "outcomes": then.get("outcomes", ["OK"] * len(self.case["when"]))}
        if "journals" in then:
            expected["journals"] = _normal(then["journals"])
        for name, value in expected.items():
            if actual[name] != value:
                found.append(f"{self.case['id']} {name}: expected {value}, actual {actual[name]}")
        return found

    def _set_up(self, given: Case, policies: dict[str, Any]) -> None:
        at = datetime.fromisoformat(self.case["when"][0]["at"])
        self.book.ask(ACCOUNT, commands.OpenAccount(
            account_id=ACCOUNT, customer_id=CUSTOMER, limit_minor=given["limit"], bill_day=given.get("bill_day", 5),
            due_day=given.get("due_day", 15), surplus_policy=SurplusPolicy(given.get("surplus_policy", "KEEP")),
            late_fee_ppm_per_day=int(given.get("late_ppm", policies["late_fee_ppm_per_day"])),
        ), at)
        wallet = sum(order.tenders.get("WALLET", 0) for order in self.orders.values())
        if wallet:
            self.book.ask(ACCOUNT, commands.FundWallet(ACCOUNT, wallet), at)
        self.set_up = self.book.totals()

    def _authorize(self, event: Case, at: datetime, index: int) -> str | None:
        order = self.orders[event["order"]]
        if order.state != "NEW":
            return "REJECT:BAD_STATE"
        terms = self._terms(order)
        tenders = self._tenders(order, list(order.tenders.values()), order.given.get("platform_coupon", 0))
        result = self.book.saga(ACCOUNT, commands.AuthorizeTenders(
            account_id=ACCOUNT, order_id=event["order"], customer_id=CUSTOMER, merchant_id=MERCHANT, tenders=tenders,
            terms=terms, payment_reference=f"pay_{event['order']}" if tenders.bank_minor else "",
        ), at)
        order.state = "DEAD" if isinstance(result, Refused) else "PLACED"
        if order.state == "PLACED":
            self._card(index, "deposit", order.tenders.get("GIFTCARD", 0), "L.GIFTCARD", "L.DEPOSIT")
        return _code(result)

    def _cancel(self, event: Case, at: datetime, index: int) -> str | None:
        order = self.orders[event["order"]]
        refused = _not_placed(order)
        if refused:
            return refused
        tenders = self._tenders(order, list(order.tenders.values()), order.given.get("platform_coupon", 0))
        result = self.book.saga(ACCOUNT, commands.ReleaseTenders(ACCOUNT, event["order"], MERCHANT, tenders), at)
        order.state = "CANCELLED"
        self._card(index, "deposit_return", order.tenders.get("GIFTCARD", 0), "L.DEPOSIT", "L.GIFTCARD")
        return _code(result)

    def _ship(self, event: Case, at: datetime, index: int) -> str | None:
        order = self.orders[event["order"]]
        refused = _not_placed(order)
        if refused:
            return refused
        tenders = self._tenders(order, list(order.tenders.values()), order.given.get("platform_coupon", 0))
        result = self.book.saga(ACCOUNT, commands.CaptureTenders(ACCOUNT, event["order"], MERCHANT, tenders), at)
        order.state = "SHIPPED"
        self._card(index, "capture", order.tenders.get("GIFTCARD", 0), "L.DEPOSIT", "L.MERCH.PAY")
        return _code(result)

    def _refund(self, event: Case, at: datetime, index: int) -> str | None:
        order = self.orders[event["order"]]
        asked = {name: value for name, value in event.items() if name != "at"}
        if event.get("key") in self.keys:
            before, parts = self.keys[event["key"]]
            if before != asked:
                return "REJECT:IDEMPOTENCY_CONFLICT"
            self.splits.append(parts)
            return None
        if order.state != "SHIPPED":
            return "REJECT:BAD_STATE"
        before_it = order.returned.copy(), order.worth.copy(), order.reduced.copy()
        amount = order.asked(event)
        if isinstance(amount, str):
            return amount
        parts = list(split(amount, list(order.left.values()), "first"))
        whole, coupon = sum(order.tenders.values()), order.given.get("platform_coupon", 0)
        done = order.refunded + amount
        share = half_up(coupon * done, whole) - half_up(coupon * (done - amount), whole) if whole else 0
        self.refund_number += 1
        refund_id = f"ref_{self.refund_number}"
        tenders = self._tenders(order, parts, share)
        result = self.book.saga(
            ACCOUNT, commands.RefundTenders(ACCOUNT, event["order"], MERCHANT, refund_id, tenders), at
        )
        if isinstance(result, Refused):
            order.returned, order.worth, order.reduced = before_it
            return _code(result)
        self.splits.append(parts)
        self._accept(order, Accepted(refund_id, parts, amount, any(tenders), before_it))
        flash = order.given.get("route") == "FLASH" and dict(zip(order.tenders, parts, strict=True)).get("CREDIT", 0)
        gift = dict(zip(order.tenders, parts, strict=True)).get("GIFTCARD", 0)
        self._card(index, "refund_accept" if flash else "refund", gift, "L.MERCH.PAY", "L.GIFTCARD")
        self._note(result)
        if event.get("key"):
            self.keys[event["key"]] = (asked, parts)
        return None

    def _accept(self, order: Order, refund: Accepted) -> None:
        for (name, left), part in zip(order.left.items(), refund.parts, strict=True):
            order.left[name] = left - part
        order.refunded += refund.amount
        order.refunds.append(refund)

    def _refund_reverse(self, event: Case, at: datetime, index: int) -> str | None:
        order = self.orders[event["order"]]
        refund_id, parts, amount, moved, before = order.refunds.pop()
        result = self.book.saga(
            ACCOUNT, commands.ReverseRefund(ACCOUNT, event["order"], MERCHANT, refund_id), at
        ) if moved else None
        for (name, left), part in zip(order.left.items(), parts, strict=True):
            order.left[name] = left + part
        order.returned, order.worth, order.reduced = before
        order.refunded -= amount
        gift = dict(zip(order.tenders, parts, strict=True)).get("GIFTCARD", 0)
        self._card(index, "refund_reverse", gift, "L.GIFTCARD", "L.MERCH.PAY")
        return _code(result)

    def _flash_confirm(self, event: Case, at: datetime, index: int) -> str | None:
        result = self.book.ask(ACCOUNT, commands.ConfirmFlashRefund(ACCOUNT, event["order"]), at)
        self._note(result)
        return _code(result)

    def _manual_adjust(self, event: Case, at: datetime, index: int) -> str | None:
        result = self.book.ask(ACCOUNT, commands.AdjustRefund(
            account_id=ACCOUNT, order_id=event["order"], maker=event["maker"], checker=event["checker"],
            evidence=("order page", "bill page"), reason="no confirmation",
        ), at)
        self._note(result)
        return _code(result)

    def _statement(self, event: Case, at: datetime, index: int) -> str | None:
        bill_date = date.fromisoformat(event["bill_date"])
        self.statement_dates.append(bill_date)
        return _code(self.book.ask(ACCOUNT, commands.CutStatement(ACCOUNT, bill_date), at))

    def _repay(self, event: Case, at: datetime, index: int) -> str | None:
        body = commands.Repay(ACCOUNT, event["amount"], event.get("instrument", "BANK"))
        return _code(self.book.ask(ACCOUNT, body, at))

    def _late_accrual(self, event: Case, at: datetime, index: int) -> str | None:
        return _code(self.book.ask(ACCOUNT, commands.AccrueLateFees(ACCOUNT, date.fromisoformat(event["through"])), at))

    def _waive_late(self, event: Case, at: datetime, index: int) -> str | None:
        return _code(self.book.ask(ACCOUNT, commands.WaiveLateFees(ACCOUNT), at))

    def _merchant_settle(self, event: Case, at: datetime, index: int) -> str | None:
        body = commands.SettleMerchant(MERCHANT, event["amount"], before_netting=True)
        return _code(self.book.ask(share_keys(MERCHANT)[0], body, at))

    def _payout(self, event: Case, at: datetime, index: int) -> str | None:
        return _code(self.book.ask(ACCOUNT, commands.PayOutCreditBalance(ACCOUNT, event["amount"]), at))

    def _terms(self, order: Order) -> CreditTerms:
        plan = order.given.get("plan", {"type": "INSTALMENT"})
        return CreditTerms(
            plan=PlanKind(plan["type"]), instalment_count=plan.get("n", 1), fee_ppm=plan.get("fee_ppm", 0),
            defer_months=plan.get("defer_months", 1), flat_fee_minor=plan.get("flat_fee", 0),
            term_days=plan.get("term_days", 1), free_days=plan.get("free_days", -1),
            strategy=Strategy(self.case["given"].get("strategy", "PROPORTIONAL")),
            route=Route(order.given.get("route", "DIRECT")),
        )

    def _tenders(self, order: Order, parts: list[int], coupon: int) -> Tenders:
        by_name = dict(zip(order.tenders, parts, strict=True))
        return Tenders(by_name.get("CREDIT", 0), by_name.get("WALLET", 0), by_name.get("BANKCARD", 0), coupon)

    def _note(self, result: object) -> None:
        if isinstance(result, CreditEffect):
            self.listen(result)
            self.payouts += [[back.instrument, back.amount_minor] for back in result.given_back]

    def _card(self, index: int, op: str, amount: int, debit: str, credit: str) -> None:
        """The gift-card share in the card book."""
        self._add(index, op, Unit.CNY, debit, amount)
        self._add(index, op, Unit.CNY, credit, -amount)
        self.book.balances[Unit.CNY, debit, ""] += amount
        self.book.balances[Unit.CNY, credit, ""] -= amount

    def _add(self, index: int, op: str, unit: Unit, account: str, amount: int) -> None:
        if account not in NOT_LISTED:
            self.entries[index, op, unit.value][account] += amount

    def _journals(self) -> dict[tuple[int, str, str], dict[str, int]]:
        cleaned = {key: {a: m for a, m in lines.items() if m} for key, lines in self.entries.items()}
        return {key: lines for key, lines in sorted(cleaned.items()) if lines}

    def _balances(self) -> dict[str, int]:
        opening = Counter({("LIMIT", "LIM.AVAIL"): self.case["given"]["limit"]})
        closing = {
            account: amount - self.set_up[unit, account] + opening[unit.value, account]
            for (unit, account), amount in self.book.totals().items() if account not in NOT_LISTED
        }
        return {account: amount for account, amount in closing.items() if amount}

    def _statements(self) -> list[Case]:
        issued = {row.bill_date: row for row in self.book.family(Statement, ACCOUNT)}
        return [
            {"bill_date": day.isoformat(), "amount": issued[day].amount_minor}
            | ({"offset": issued[day].offset_minor} if issued[day].offset_minor else {})
            for day in self.statement_dates
        ]

    def _rows(self, order_id: str) -> list[list[int]]:
        return [
            [
                i.no, i.principal_minor, i.paid_minor, i.refunded_minor, i.outstanding_minor, i.fee_minor,
                i.fee_paid_minor,
            ]
            for i in self.book.agreement(order_id).instalments
        ]


def _not_placed(order: Order) -> str | None:
    reasons = {"SHIPPED": "ORDER_ALREADY_SHIPPED", "CANCELLED": "ORDER_CANCELLED"}
    return None if order.state == "PLACED" else f"REJECT:{reasons.get(order.state, 'BAD_STATE')}"


def _code(result: object) -> str | None:
    return f"REJECT:{CODES.get(result.reason, result.reason)}" if isinstance(result, Refused) else None


def _normal(journals: list[Case]) -> dict[tuple[int, str, str], dict[str, int]]:
    summed: dict[tuple[int, str, str], Counter[str]] = defaultdict(Counter)
    for journal in journals:
        for account, amount in journal["lines"]:
            summed[journal["event"], journal["op"], journal["ledger"]][account] += amount
    cleaned = {key: {a: m for a, m in lines.items() if m} for key, lines in summed.items()}
    return {key: lines for key, lines in sorted(cleaned.items()) if lines}


def account_of(player: ScenarioPlayer) -> CreditAccount:
    """The account of the case."""
    return player.book.account(ACCOUNT)
