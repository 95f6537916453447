# ruff: noqa: N806
"""Sections 9.1 to 9.3 and 9.6 of the scenario format, read a second time; the refunds are in `format_model`."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta, timezone
from typing import Any

from tests.services.credit_ledger.domain.format_arithmetic import half_up, hamilton

Case = dict[str, Any]
ZONE = timezone(timedelta(hours=8))


class FormatBook:
    """One `credit_flow` case, all but its refunds."""

    def __init__(self, case: Case, policies: Case) -> None:
        self.case = case
        given = case["given"]
        self.given = given
        self.late_ppm = given.get("late_ppm", policies["late_fee_ppm_per_day"])
        self.orders: dict[str, Case] = {o["id"]: self._order(o) for o in given["orders"]}
        self.entries: dict[tuple[int, str, str], Counter[str]] = defaultdict(Counter)
        self.bal: Counter[str] = Counter({"LIM.AVAIL": given["limit"]})
        self.outcomes: list[str] = []
        self.splits: list[list[int]] = []
        self.payouts: list[list[Any]] = []
        self.statements: list[Case] = []
        self.repayments: list[list[Any]] = []
        self.keys: dict[str, tuple[Case, list[int]]] = {}
        self.shipped = 0
        self.k = 0

    def run(self) -> None:
        """Play all events."""
        for e in self.case["when"]:
            self.step(e)

    def step(self, e: Case) -> str:
        """Play one event; its outcome."""
        self.k = len(self.outcomes)
        code = getattr(self, e["type"])(e, datetime.fromisoformat(e["at"]).astimezone(ZONE))
        self.outcomes.append(f"REJECT:{code}" if code else "OK")
        return self.outcomes[-1]

    def then(self) -> Case:
        """Everything that can be compared."""
        journals = []
        for (event, op, ledger), lines in sorted(self.entries.items()):
            kept = [[a, m] for a, m in lines.items() if m]
            assert sum(lines.values()) == 0, (self.case["id"], event, op, kept)
            if kept:
                journals.append({"event": event, "op": op, "ledger": ledger, "lines": kept})
        return {
            "journals": journals, "balances": {a: m for a, m in self.bal.items() if m}, "outcomes": self.outcomes,
            "splits": self.splits, "payouts": self.payouts, "statements": self.statements,
            "instalments": {
                name: [[i["no"], i["p"], i["paid"], i["ref"], self.u(i), i["fee"], i["fee_paid"]] for i in o["ins"]]
                for name, o in self.orders.items() if o["state"] != "NEW" and o["state"] != "DEAD"
            },
        }

    # --- small words

    def u(self, i: Case) -> int:
        """Outstanding."""
        return int(i["p"] - i["paid"] - i["ref"])

    def add(self, op: str, ledger: str, account: str, amount: int) -> None:
        """One line."""
        self.entries[self.k, op, ledger][account] += amount
        self.bal[account] += amount

    def limit(self, op: str, p: int) -> None:
        """Limit back."""
        self.add(op, "LIMIT", "LIM.AVAIL", p)
        self.add(op, "LIMIT", "LIM.USED", -p)

    def _order(self, o: Case) -> Case:
        amounts = [line["qty"] * line["unit_price"] for line in o["lines"]]
        for promo in o.get("promos", []):
            idx = promo.get("lines", list(range(len(amounts))))
            for i, part in zip(idx, hamilton(promo["amount"], [amounts[i] for i in idx]), strict=True):
                amounts[i] -= part
        tenders = {t["type"]: t["amount"] for t in o["tenders"]}
        return {
            "given": o, "state": "NEW", "tenders": tenders, "left": dict(tenders), "P": tenders.get("CREDIT", 0),
            "payable": {line["id"]: (a, line["qty"]) for line, a in zip(o["lines"], amounts, strict=True)},
            "returned": Counter(), "worth": Counter(), "c": Counter(),
            "done": 0, "ins": [], "R": 0, "ce": 0, "refunds": [], "pending": [],
        }

    def _others(self, o: Case) -> dict[str, int]:
        names = {"WALLET": "L.CUST.WALLET", "GIFTCARD": "L.GIFTCARD"}
        return {names.get(t, t): a for t, a in o["tenders"].items() if t != "CREDIT"}

    # --- events

    def AUTHORIZE(self, e: Case, at: datetime) -> str | None:
        o = self.orders[e["order"]]
        if o["state"] != "NEW":
            return "BAD_STATE"
        if o["P"] > self.bal["LIM.AVAIL"]:
            o["state"] = "DEAD"
            return "INSUFFICIENT_LIMIT"
        o["state"] = "PLACED"
        self.add("authorize", "LIMIT", "LIM.HELD", o["P"])
        self.add("authorize", "LIMIT", "LIM.AVAIL", -o["P"])
        for name, amount in self._others(o).items():
            self.add("deposit", "CNY", "A.CH.CARD" if name == "BANKCARD" else name, amount)
            self.add("deposit", "CNY", "L.DEPOSIT", -amount)
        return None

    def CANCEL(self, e: Case, at: datetime) -> str | None:
        o = self.orders[e["order"]]
        bad = self._placed(o)
        if bad:
            return bad
        o["state"] = "CANCELLED"
        self.add("release", "LIMIT", "LIM.AVAIL", o["P"])
        self.add("release", "LIMIT", "LIM.HELD", -o["P"])
        for name, amount in self._others(o).items():
            self.add("deposit_return", "CNY", "L.DEPOSIT", amount)
            self.add("deposit_return", "CNY", "L.REFUND.TRANSIT.CARD" if name == "BANKCARD" else name, -amount)
        return None

    def _placed(self, o: Case) -> str | None:
        if o["state"] == "SHIPPED":
            return "ORDER_ALREADY_SHIPPED"
        if o["state"] == "CANCELLED":
            return "ORDER_CANCELLED"
        return None if o["state"] == "PLACED" else "BAD_STATE"

    def SHIP(self, e: Case, at: datetime) -> str | None:
        o = self.orders[e["order"]]
        bad = self._placed(o)
        if bad:
            return bad
        o["state"] = "SHIPPED"
        P, coupon = o["P"], o["given"].get("platform_coupon", 0)
        rest = sum(self._others(o).values())
        self.add("capture", "LIMIT", "LIM.USED", P)
        self.add("capture", "LIMIT", "LIM.HELD", -P)
        self.add("capture", "CNY", "A.LOAN.P.UNBILLED", P)
        self.add("capture", "CNY", "L.DEPOSIT", rest)
        self.add("capture", "CNY", "E.COUPON", coupon)
        self.add("capture", "CNY", "L.MERCH.PAY", -(P + rest + coupon))
        self.shipped += 1
        o["ship_no"], o["captured"] = self.shipped, at.date()
        if P:
            self._schedule(o, at.date())
        return None

    def _schedule(self, o: Case, captured: date) -> None:
        plan, P = o["given"]["plan"], o["P"]
        bill_day, due_day = self.given.get("bill_day", 5), self.given.get("due_day", 15)
        y, m = captured.year, captured.month
        if captured.day >= bill_day:
            m += 1
        if plan["type"] == "INSTALMENT":
            n = plan.get("n", 1)
            each = P // n
            parts = [each] * (n - 1) + [P - each * (n - 1)]
            fees = [half_up(P * plan.get("fee_ppm", 0), 10**6)] * n
            offset = 0
        else:
            parts, fees, offset = [P], [plan.get("flat_fee", 0)], plan.get("defer_months", 1) - 1
        for k, (p, fee) in enumerate(zip(parts, fees, strict=True)):
            months = y * 12 + (m - 1) + offset + k
            o["ins"].append({
                "no": k + 1, "p": p, "paid": 0, "ref": 0, "fee0": fee, "fee": fee, "fee_paid": 0, "late": 0,
                "billed": False, "bill": date(months // 12, months % 12 + 1, bill_day),
                "due": date(months // 12, months % 12 + 1, due_day), "through": None, "o": o,
            })

    def _all(self) -> list[Case]:
        return [i for o in self.orders.values() for i in o["ins"]]

    def _billed(self) -> list[Case]:
        return sorted((i for i in self._all() if i["billed"]), key=lambda i: (i["due"], i["o"]["ship_no"], i["no"]))

    def STATEMENT(self, e: Case, at: datetime) -> str | None:
        d = date.fromisoformat(e["bill_date"])
        for i in self._all():
            if i["bill"] == d and not i["billed"]:
                i["billed"] = True
                self.add("bill", "CNY", "A.LOAN.P.BILLED", self.u(i))
                self.add("bill", "CNY", "A.LOAN.P.UNBILLED", -self.u(i))
                self.add("bill", "CNY", "A.LOAN.FEE", i["fee"])
                self.add("bill", "CNY", self._income(i["o"]), -i["fee"])
        amount = sum(self.u(i) + i["fee"] - i["fee_paid"] + i["late"] for i in self._billed())
        row: Case = {"bill_date": e["bill_date"], "amount": amount}
        balance = -self.bal["L.CREDITBAL"]
        if balance > 0 and amount > 0:
            row["offset"] = min(balance, amount)
            self.add("credit_balance_offset", "CNY", "L.CREDITBAL", row["offset"])
            rest, p = self._spend_billed(row["offset"], "credit_balance_offset")
            assert rest == 0
            self.limit("credit_balance_offset", p)
        self.statements.append(row)
        return None

    def _income(self, o: Case) -> str:
        return "I.FEE.INST" if o["given"]["plan"]["type"] == "INSTALMENT" else "I.FEE.DEFER"

    def _spend_billed(self, money: int, op: str) -> tuple[int, int]:
        paid = 0
        for i in self._billed():
            for what, account in (("late", "A.LOAN.LATE"), ("fee", "A.LOAN.FEE"), ("p", "A.LOAN.P.BILLED")):
                owed = {"late": i["late"], "fee": i["fee"] - i["fee_paid"], "p": self.u(i)}[what]
                take = min(money, owed)
                money -= take
                self.add(op, "CNY", account, -take)
                if what == "late":
                    i["late"] -= take
                elif what == "fee":
                    i["fee_paid"] += take
                else:
                    i["paid"] += take
                    paid += take
        return money, paid

    def _spend_ahead(self, money: int, op: str) -> tuple[int, int]:
        paid = 0
        waiting = [
            i for i in self._all() if i["o"]["given"]["plan"]["type"] == "DEFERRED" and not i["billed"]
        ]
        for i in sorted(waiting, key=lambda i: i["o"]["ship_no"]):
            take = min(money, self.u(i))
            money -= take
            paid += take
            i["paid"] += take
            self.add(op, "CNY", "A.LOAN.P.UNBILLED", -take)
        return money, paid

    def REPAY(self, e: Case, at: datetime) -> str | None:
        self.add("repay", "CNY", "A.BANK", e["amount"])
        rest, p = self._spend_billed(e["amount"], "repay")
        rest, q = self._spend_ahead(rest, "repay")
        self.add("repay", "CNY", "L.CREDITBAL", -rest)
        self.limit("repay", p + q)
        self.repayments.append([e.get("instrument", "BANK"), e["amount"]])
        return None

    def LATE_ACCRUAL(self, e: Case, at: datetime) -> str | None:
        d = date.fromisoformat(e["through"])
        for i in self._billed():
            if self.u(i) > 0 and d > i["due"]:
                days = (d - (i["through"] or i["due"])).days
                a = half_up(self.u(i) * self.late_ppm * days, 10**6)
                i["late"] += a
                i["through"] = d
                self.add("late_accrual", "CNY", "A.LOAN.LATE", a)
                self.add("late_accrual", "CNY", "I.LATE", -a)
        return None

    def WAIVE_LATE(self, e: Case, at: datetime) -> str | None:
        for i in self._all():
            self.add("late_waiver", "CNY", "E.WAIVER", i["late"])
            self.add("late_waiver", "CNY", "A.LOAN.LATE", -i["late"])
            i["late"] = 0
        return None

    def MERCHANT_SETTLE(self, e: Case, at: datetime) -> str | None:
        a = e["amount"]
        x = min(a, self.bal["A.MERCH.RECV"])
        self.add("merchant_settle", "CNY", "L.MERCH.PAY", a)
        self.add("merchant_settle", "CNY", "A.MERCH.RECV", -x)
        self.add("merchant_settle", "CNY", "A.BANK", -(a - x))
        return None

    def PAYOUT(self, e: Case, at: datetime) -> str | None:
        if e["amount"] > -self.bal["L.CREDITBAL"]:
            return "EXCEEDS_CREDIT_BALANCE"
        self.add("cb_payout", "CNY", "L.CREDITBAL", e["amount"])
        self.add("cb_payout", "CNY", "L.PAYOUT.TRANSIT", -e["amount"])
        return None
