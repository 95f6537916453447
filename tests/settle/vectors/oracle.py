"""A reference for the scenario kind `credit_flow`: the page's section 9 written down once more, simple and slow.

It shares no code with the engine and both play the same random cases: an error must be made twice to stay unseen.
`expected(case, policies)` gives the complete `then` of a case.
"""

from datetime import date

from tests.settle.vectors.reference import (
    DEPOSITS,
    OTHERS,
    Instalment,
    Json,
    Order,
    Refusal,
    day_of,
    half_up,
    later,
    payables_of,
)
from tests.settle.vectors.refunds import Refunds


class World(Refunds):
    """The case's world: plays its events."""

    def play(self, event: Json) -> str:
        """Play the next event; its outcome."""
        try:
            getattr(self, event["type"].lower())(event)
            return "OK"
        except Refusal as refusal:
            return f"REJECT:{refusal}"
        finally:
            self.event += 1

    def authorize(self, event: Json) -> None:
        """Play an AUTHORIZE event."""
        order = self.orders[event["order"]]
        if order.state:
            raise Refusal("BAD_STATE")
        if order.credit > self.balances["LIM.AVAIL"]:
            order.state = "DEAD"
            raise Refusal("INSUFFICIENT_LIMIT")
        order.state = "AUTHORIZED"
        order.payables = payables_of(order.given)
        order.left = [tender["amount"] for tender in order.tenders]
        self.limit("authorize", order.credit, "LIM.HELD", "LIM.AVAIL")
        others = [(DEPOSITS[t["type"]], t["amount"]) for t in order.tenders if t["type"] != "CREDIT"]
        self.post("deposit", [*others, ("L.DEPOSIT", -sum(amount for _, amount in others))])

    def authorized(self, event: Json) -> Order:
        """The order of an event that needs it authorized and open."""
        order = self.orders[event["order"]]
        if order.state == "SHIPPED":
            raise Refusal("ORDER_ALREADY_SHIPPED")
        if order.state == "CANCELLED":
            raise Refusal("ORDER_CANCELLED")
        if order.state != "AUTHORIZED":
            raise Refusal("BAD_STATE")
        return order

    def cancel(self, event: Json) -> None:
        """Play a CANCEL event."""
        order = self.authorized(event)
        order.state = "CANCELLED"
        self.limit("release", order.credit, "LIM.AVAIL", "LIM.HELD")
        others = [(OTHERS[t["type"]], -t["amount"]) for t in order.tenders if t["type"] != "CREDIT"]
        self.post("deposit_return", [*others, ("L.DEPOSIT", -sum(amount for _, amount in others))])

    def ship(self, event: Json) -> None:
        """SHIP: the money is the merchant's, the plan starts."""
        order = self.authorized(event)
        order.state, order.captured = "SHIPPED", day_of(event["at"])
        credit, coupon = order.credit, order.given.get("platform_coupon", 0)
        others = sum(t["amount"] for t in order.tenders) - credit
        self.limit("capture", credit, "LIM.USED", "LIM.HELD")
        self.post(
            "capture",
            [
                ("A.LOAN.P.UNBILLED", credit),
                ("L.DEPOSIT", others),
                ("E.COUPON", coupon),
                ("L.MERCH.PAY", -(credit + others + coupon)),
            ],
        )
        if credit:
            self.plans[event["order"]] = self.schedule(order)

    def schedule(self, order: Order) -> list[Instalment]:
        """The instalments of a shipped order (9.3)."""
        plan, principal = order.plan, order.credit
        first = order.captured.replace(day=self.bill_day)
        if order.captured.day >= self.bill_day:
            first = later(first, 1)
        deferred = plan["type"] == "DEFERRED"
        if deferred:
            parts, fee, first = [principal], plan.get("flat_fee", 0), later(first, plan.get("defer_months", 1) - 1)
        else:
            n = plan.get("n", 1)
            parts = [principal // n] * (n - 1) + [principal - principal // n * (n - 1)]
            fee = half_up(principal * plan.get("fee_ppm", 0), 10**6)
        account = "I.FEE.DEFER" if deferred else "I.FEE.INST"
        bills = [later(first, k) for k in range(len(parts))]
        return [
            Instalment(
                no=no, principal=part, fee=fee, fee0=fee, bill_date=bill, due_date=bill.replace(day=self.due_day),
                fee_account=account, shipped=len(self.plans), deferred=deferred,
            )
            for no, (part, bill) in enumerate(zip(parts, bills, strict=True), start=1)
        ]

    def statement(self, event: Json) -> None:
        """STATEMENT: the cut."""
        cut = date.fromisoformat(event["bill_date"])
        for row in self.rows():
            if row.bill_date == cut and not row.billed:
                self.post(
                    "bill",
                    [
                        ("A.LOAN.P.BILLED", row.u),
                        ("A.LOAN.P.UNBILLED", -row.u),
                        ("A.LOAN.FEE", row.fee),
                        (row.fee_account, -row.fee),
                    ],
                )
                row.billed = True
        amount = sum(row.u + row.fee_due + row.late for row in self.rows() if row.billed)
        issued = {"bill_date": event["bill_date"], "amount": amount}
        offset = min(self.held("L.CREDITBAL"), amount)
        if offset > 0:
            issued["offset"] = offset
            lines, principal, rest = self.spend(offset, unbilled=False)
            assert rest == 0
            self.post("credit_balance_offset", [("L.CREDITBAL", offset), *lines])
            self.limit("credit_balance_offset", principal, "LIM.AVAIL", "LIM.USED")
        self.statements.append(issued)

    def repay(self, event: Json) -> None:
        """Play a REPAY event."""
        lines, principal, rest = self.spend(event["amount"])
        self.repayments.append([event.get("instrument", "BANK"), event["amount"], 0])
        self.post("repay", [("A.BANK", event["amount"]), *lines, ("L.CREDITBAL", -rest)])
        self.limit("repay", principal, "LIM.AVAIL", "LIM.USED")

    def late_accrual(self, event: Json) -> None:
        """Play a LATE_ACCRUAL event."""
        through = date.fromisoformat(event["through"])
        for row in self.rows():
            days = (through - (row.accrued or row.due_date)).days
            if row.billed and row.u > 0 and through > row.due_date and days > 0:
                amount = half_up(row.u * self.late_ppm * days, 10**6)
                row.late, row.accrued = row.late + amount, through
                self.post("late_accrual", [("A.LOAN.LATE", amount), ("I.LATE", -amount)])

    def waive_late(self, event: Json) -> None:
        """Play a WAIVE_LATE event."""
        for row in self.rows():
            self.post("late_waiver", [("E.WAIVER", row.late), ("A.LOAN.LATE", -row.late)])
            row.late = 0

    def merchant_settle(self, event: Json) -> None:
        """Play a MERCHANT_SETTLE event."""
        amount = event["amount"]
        netted = min(amount, self.balances["A.MERCH.RECV"])
        self.post("merchant_settle", [("L.MERCH.PAY", amount), ("A.MERCH.RECV", -netted), ("A.BANK", netted - amount)])

    def payout(self, event: Json) -> None:
        """Play a PAYOUT event."""
        if event["amount"] > self.held("L.CREDITBAL"):
            raise Refusal("EXCEEDS_CREDIT_BALANCE")
        self.post("cb_payout", [("L.CREDITBAL", event["amount"]), ("L.PAYOUT.TRANSIT", -event["amount"])])


def expected(case: Json, policies: Json) -> Json:
    """The complete `then` of a credit_flow case."""
    world = World(case["given"], policies)
    outcomes = [world.play(event) for event in case["when"]]
    journals = [
        {
            "event": event,
            "op": op,
            "ledger": ledger,
            "lines": [[account, amount] for account, amount in sums.items() if amount],
        }
        for (event, op, ledger), sums in world.postings.items()
    ]
    return {
        "journals": [journal for journal in journals if journal["lines"]],
        "balances": {account: amount for account, amount in world.balances.items() if amount},
        "outcomes": outcomes,
        "instalments": {
            name: [[r.no, r.principal, r.paid, r.refunded, r.u, r.fee, r.fee_paid] for r in plan]
            for name, plan in world.plans.items()
        },
        "statements": world.statements,
        "splits": world.splits,
        "payouts": world.payouts,
    }
