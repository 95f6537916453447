"""The oracle's refunds (9.4), flash and reversal included."""

import copy
from collections.abc import Callable
from datetime import date, datetime, timedelta

from tests.settle.vectors.books import Books
from tests.settle.vectors.reference import (
    OTHERS,
    Instalment,
    Json,
    Lines,
    Order,
    Refusal,
    day_of,
    half_up,
    reduction,
    split,
)


class Refunds(Books):
    """The events that give money back."""

    def refund(self, event: Json) -> None:
        """Play a REFUND event."""
        answer = self.replayed(event)
        if answer is not None:
            self.splits.append(answer)
            return
        order = self.orders[event["order"]]
        if order.state != "SHIPPED":
            raise Refusal("BAD_STATE")
        returned, worth = self.coming_back(order, event)
        if "lines" in event:
            amount = min(sum(worth.values()) - sum(order.given_worth.values()), sum(order.left))
        else:
            amount = event["amount"]
            if amount > min(sum(order.left), self.left_of_line(order, event)):
                raise Refusal("OVER_REFUND")
        parts = split(amount, order.left, "first")
        undo = self.remember(order)
        order.returned, order.given_worth = returned, worth
        if "line" in event:
            order.reduced[event["line"]] = order.reduced.get(event["line"], 0) + amount
        self.give_back(order, event, amount, parts)
        order.undo = undo
        self.splits.append(parts)
        if "key" in event:
            self.keys[event["key"]] = (event, parts)

    def replayed(self, event: Json) -> list[int] | None:
        """The first answer, if the key was seen before."""
        if event.get("key") not in self.keys:
            return None
        first, answer = self.keys[event["key"]]
        if {**first, "at": ""} != {**event, "at": ""}:
            raise Refusal("IDEMPOTENCY_CONFLICT")
        return answer

    def coming_back(self, order: Order, event: Json) -> tuple[dict[str, int], dict[str, int]]:
        """Returned quantities afterwards, and the worth given for them by then."""
        returned, worth = dict(order.returned), dict(order.given_worth)
        priced = zip(order.given["lines"], order.payables, strict=True)
        bought = {line["id"]: (line["qty"], payable) for line, payable in priced}
        for line in event.get("lines", []):
            name = line["id"]
            quantity, payable = bought[name]
            returned[name] = returned.get(name, 0) + line["qty"]
            if returned[name] > quantity:
                raise Refusal("OVER_RETURN")
            now_worth = (payable - order.reduced.get(name, 0)) * returned[name] // quantity
            worth[name] = max(worth.get(name, 0), now_worth)
        return returned, worth

    def left_of_line(self, order: Order, event: Json) -> int:
        """What the line of a price reduction can still be reduced by; without a line only the order counts."""
        if "line" not in event:
            return sum(order.left)
        name = event["line"]
        payable = next(p for line, p in zip(order.given["lines"], order.payables, strict=True) if line["id"] == name)
        return payable - order.reduced.get(name, 0) - order.given_worth.get(name, 0)

    def give_back(self, order: Order, event: Json, amount: int, parts: list[int]) -> None:
        """Merchant, tenders and credit share of a refund."""
        coupon, total = order.given.get("platform_coupon", 0), sum(t["amount"] for t in order.tenders)
        share = half_up(coupon * (order.done + amount), total) - half_up(coupon * order.done, total) if amount else 0
        order.done += amount
        order.left = [left - part for left, part in zip(order.left, parts, strict=True)]
        from_payable = min(amount + share, self.held("L.MERCH.PAY"))
        lines: Lines = [
            ("L.MERCH.PAY", from_payable),
            ("A.MERCH.RECV", amount + share - from_payable),
            ("E.COUPON", -share),
        ]
        credit = 0
        for tender, part in zip(order.tenders, parts, strict=True):
            if tender["type"] == "CREDIT":
                credit = part
            else:
                lines.append((OTHERS[tender["type"]], -part))
        if credit and order.given.get("route") == "FLASH":
            self.post("refund_accept", [*lines, ("L.REFUND.TRANSIT.FLASH", -credit)])
            order.pending = {"at": event["at"], "credit": credit}
        else:
            self.credit_side("refund", order, event["order"], c=credit, at=event["at"], lines=lines)

    def credit_side(self, op: str, order: Order, order_id: str, c: int, at: str, lines: Lines) -> None:
        """The credit share (1-4), together with the lines that came before it."""
        if c:
            lines = [*lines, *self.credit_lines(op, order, order_id, c, day_of(at))]
        self.post(op, lines)

    def credit_lines(self, op: str, order: Order, order_id: str, c: int, today: date) -> Lines:
        """The lines of the credit share; posts the fee adjustment and the limit by itself."""
        plan = self.plans[order_id]
        elapsed = (today - order.captured).days
        free = elapsed <= order.plan.get("free_days", -1)
        order.credit_back += c
        lines: Lines = []
        refunded = 0
        for row, part in zip(plan, self.principal_parts(plan, c, today), strict=True):
            row.refunded += part
            refunded += part
            lines.append((row.book, -part))
        full = order.credit_back == order.credit
        if plan[0].deferred:
            term = order.plan.get("term_days", 1)
            order.weighted_days += c * (0 if free else min(elapsed, term))
            fee_back = self.refit_deferral(plan[0], order, term, full)
        else:
            fee_back = sum(self.refit_instalment(row, order, full, free) for row in plan)
        lines.append((plan[0].fee_account, fee_back))
        surplus_lines, paid = self.spend_surplus(plan, c - refunded + fee_back)
        self.limit(op, refunded + paid, "LIM.AVAIL", "LIM.USED")
        return [*lines, *surplus_lines]

    def principal_parts(self, plan: list[Instalment], c: int, today: date) -> list[int]:
        """How much principal of each instalment is refunded."""
        if c >= sum(row.u for row in plan):
            return [row.u for row in plan]
        parts = [0] * len(plan)
        overdue = [row.billed and row.due_date < today for row in plan]
        for i, row in enumerate(plan):
            if overdue[i]:
                parts[i] = min(c, row.u)
                c -= parts[i]
        rest = reduction(self.strategy, c, [0 if overdue[i] else row.u for i, row in enumerate(plan)])
        return [part + more for part, more in zip(parts, rest, strict=True)]

    def reverse_fee(self, row: Instalment, amount: int) -> None:
        """Take back a billed fee that nobody paid."""
        self.post("fee_adjust", [(row.fee_account, amount), ("A.LOAN.FEE", -amount)])

    def refit_instalment(self, row: Instalment, order: Order, full: bool, free: bool) -> int:
        """The new fee of an instalment; returns what was paid of it and goes back."""
        if full and free:
            back = row.fee_paid
            if row.billed:
                self.reverse_fee(row, row.fee - row.fee_paid)
            row.fee = row.fee_paid = 0
            return back
        if row.billed and row.fee_paid == row.fee:
            return 0
        fee = half_up(row.fee0 * (order.credit - order.credit_back), order.credit)
        if full or (not row.billed and row.u == 0):
            fee = 0
        fee = max(fee, row.fee_paid)
        if row.billed:
            self.reverse_fee(row, row.fee - fee)
        row.fee = fee
        return 0

    def refit_deferral(self, row: Instalment, order: Order, term: int, full: bool) -> int:
        """The new fee of a deferral; returns what was paid of it and goes back."""
        kept = (order.credit - order.credit_back) * term + order.weighted_days
        fee = half_up(row.fee0 * kept, order.credit * term)
        back = 0
        if row.billed:
            back = max(row.fee_paid - fee, 0)
            self.reverse_fee(row, row.fee - fee - back)
        elif full and fee > 0:
            self.post("fee_adjust", [("A.LOAN.FEE", fee), (row.fee_account, -fee)])
            row.billed = True
        row.fee, row.fee_paid = fee, row.fee_paid - back
        return back

    def spend_surplus(self, plan: list[Instalment], surplus: int) -> tuple[Lines, int]:
        """Spend what the plan itself did not take: the lines and the principal that was paid."""
        lines: Lines = []
        for row in sorted((row for row in plan if row.billed), key=lambda row: (row.due_date, row.no)):
            more, surplus = self.spend_charges(row, surplus)
            lines += more
        more, principal, surplus = self.spend(surplus)
        lines += more
        if self.surplus == "LIFO":
            for repayment in reversed(self.repayments):
                part = min(surplus, repayment[1] - repayment[2])
                if part:
                    repayment[2] += part
                    surplus -= part
                    self.payouts.append([repayment[0], part])
                    lines.append(("L.PAYOUT.TRANSIT", -part))
        return [*lines, ("L.CREDITBAL", -surplus)], principal

    def flash_confirm(self, event: Json) -> None:
        """Play a FLASH_CONFIRM event."""
        order = self.orders[event["order"]]
        assert order.pending
        if datetime.fromisoformat(event["at"]) - datetime.fromisoformat(order.pending["at"]) > timedelta(seconds=86400):
            raise Refusal("CHANNEL_TIMEOUT_MANUAL_ADJUSTMENT")
        self.complete("refund_confirm", order, event)

    def manual_adjust(self, event: Json) -> None:
        """Play a MANUAL_ADJUST event."""
        if event["maker"] == event["checker"]:
            raise Refusal("FOUR_EYES")
        self.complete("manual_adjust", self.orders[event["order"]], event)

    def complete(self, op: str, order: Order, event: Json) -> None:
        """The credit side of a flash refund."""
        assert order.pending
        credit = order.pending["credit"]
        self.credit_side(
            op, order, event["order"], c=credit, at=event["at"], lines=[("L.REFUND.TRANSIT.FLASH", credit)]
        )
        order.pending = None

    def remember(self, order: Order) -> Callable[[], None]:
        """How to undo what comes next: exact negation of its journals, rows as they were."""
        plans = copy.deepcopy(self.plans)
        before = (list(order.left), dict(order.returned), order.done, order.credit_back, order.weighted_days)
        worth, reduced = dict(order.given_worth), dict(order.reduced)
        event = self.event

        def undo() -> None:
            self.plans = plans
            order.left, order.returned, order.done, order.credit_back, order.weighted_days = before
            order.given_worth, order.reduced = worth, reduced
            for (number, _, ledger), sums in list(self.postings.items()):
                if number == event:
                    self.post("refund_reverse", [(account, -amount) for account, amount in sums.items()], ledger)

        return undo

    def refund_reverse(self, event: Json) -> None:
        """Play a REFUND_REVERSE event."""
        order = self.orders[event["order"]]
        assert order.undo
        order.undo()
        order.undo = None
