# ruff: noqa: N803, N806
"""Section 9 of the scenario format, read a second time: plain mutable numbers, no code shared with the product.

It is the other half of a differential test; where the two readings differ, one of them is wrong.
"""

from collections import Counter
from datetime import date, datetime

from tests.services.credit_ledger.domain.format_arithmetic import half_up, hamilton, reductions
from tests.services.credit_ledger.domain.format_book import Case, FormatBook


class FormatModel(FormatBook):
    """One `credit_flow` case, computed."""

    def REFUND(self, e: Case, at: datetime) -> str | None:
        o = self.orders[e["order"]]
        asked = {n: v for n, v in e.items() if n != "at"}
        if e.get("key") in self.keys:
            first, parts = self.keys[e["key"]]
            if first != asked:
                return "IDEMPOTENCY_CONFLICT"
            self.splits.append(parts)
            return None
        if o["state"] != "SHIPPED":
            return "BAD_STATE"
        if any(o["returned"][line["id"]] + line["qty"] > o["payable"][line["id"]][1] for line in e.get("lines", [])):
            return "OVER_RETURN"
        worth, left, R = self._amount(o, e)
        if left < R:
            return "OVER_REFUND"
        parts = hamilton(R, list(o["left"].values()))
        self.splits.append(parts)
        if e.get("key"):
            self.keys[e["key"]] = (asked, parts)
        saved = self._save(o)
        for line in e.get("lines", []):
            o["returned"][line["id"]] += line["qty"]
        o["worth"] = worth
        if "line" in e:
            o["c"][e["line"]] += R
        for t, part in zip(list(o["left"]), parts, strict=True):
            o["left"][t] -= part
        T, K = sum(o["tenders"].values()), o["given"].get("platform_coupon", 0)
        o["done"] += R
        k = (half_up(K * o["done"], T) - half_up(K * (o["done"] - R), T)) if T else 0
        c = dict(zip(o["tenders"], parts, strict=True)).get("CREDIT", 0)
        flash = o["given"].get("route") == "FLASH" and c > 0
        op = "refund_accept" if flash else "refund"
        m = min(R + k, -self.bal["L.MERCH.PAY"])
        self.add(op, "CNY", "L.MERCH.PAY", m)
        self.add(op, "CNY", "A.MERCH.RECV", R + k - m)
        self.add(op, "CNY", "E.COUPON", -k)
        names = {"WALLET": "L.CUST.WALLET", "GIFTCARD": "L.GIFTCARD", "BANKCARD": "L.REFUND.TRANSIT.CARD"}
        for t, part in zip(o["tenders"], parts, strict=True):
            if t != "CREDIT":
                self.add(op, "CNY", names[t], -part)
        o["refunds"].append((saved, self.k))
        if flash:
            self.add(op, "CNY", "L.REFUND.TRANSIT.FLASH", -c)
            o["pending"].append((c, at))
        elif c:
            self._credit_side(o, c, at.date(), op)
        return None

    def _credit_side(self, o: Case, c: int, D: date, op: str) -> None:
        plan, P, ins = o["given"]["plan"], o["P"], o["ins"]
        elapsed = (D - o["captured"]).days
        free = elapsed <= plan.get("free_days", -1)
        o["R"] += c
        full = o["R"] == P
        us = [self.u(i) for i in ins]
        if c >= sum(us):
            parts = us
        else:
            parts, left = [0] * len(ins), c
            for n, i in enumerate(ins):
                if i["billed"] and i["due"] < D:
                    parts[n] = min(left, us[n])
                    left -= parts[n]
            others = [0 if i["billed"] and i["due"] < D else w for i, w in zip(ins, us, strict=True)]
            more = reductions(self.given.get("strategy", "PROPORTIONAL"), left, others)
            parts = [a + b for a, b in zip(parts, more, strict=True)]
        for i, part in zip(ins, parts, strict=True):
            self.add(op, "CNY", "A.LOAN.P.BILLED" if i["billed"] else "A.LOAN.P.UNBILLED", -part)
            i["ref"] += part
        back = self._fees(o, c, full, free, elapsed)
        if back:
            self.add(op, "CNY", self._income(o), back)
        money = c - sum(parts) + back
        for i in sorted((i for i in ins if i["billed"]), key=lambda i: i["due"]):
            take = min(money, i["late"])
            i["late"] -= take
            self.add(op, "CNY", "A.LOAN.LATE", -take)
            money -= take
            take = min(money, i["fee"] - i["fee_paid"])
            i["fee_paid"] += take
            self.add(op, "CNY", "A.LOAN.FEE", -take)
            money -= take
        money, p = self._spend_billed(money, op)
        money, q = self._spend_ahead(money, op)
        if self.given.get("surplus_policy", "KEEP") == "LIFO":
            for row in reversed(self.repayments):
                take = min(money, row[1])
                if take:
                    row[1] -= take
                    money -= take
                    self.payouts.append([row[0], take])
                    self.add(op, "CNY", "L.PAYOUT.TRANSIT", -take)
        self.add(op, "CNY", "L.CREDITBAL", -money)
        self.limit(op, sum(parts) + p + q)

    def _fees(self, o: Case, c: int, full: bool, free: bool, elapsed: int) -> int:
        plan, P, back = o["given"]["plan"], o["P"], 0
        income = self._income(o)
        if plan["type"] == "DEFERRED":
            F, T = plan.get("flat_fee", 0), plan.get("term_days", 1)
            o["ce"] += c * (0 if free else min(elapsed, T))
            new = half_up(F * ((P - o["R"]) * T + o["ce"]), P * T)
            i = o["ins"][0]
            if i["billed"]:
                back = max(0, i["fee_paid"] - new)
                shrink = i["fee"] - new - back
                i["fee_paid"] -= back
                self.add("fee_adjust", "CNY", income, shrink)
                self.add("fee_adjust", "CNY", "A.LOAN.FEE", -shrink)
            elif full and new > 0:
                self.add("fee_adjust", "CNY", "A.LOAN.FEE", new)
                self.add("fee_adjust", "CNY", income, -new)
                i["billed"] = True
            i["fee"] = new
            return back
        for i in o["ins"]:
            if full and free:
                back += i["fee_paid"]
                new, i["fee_paid"], unpaid = 0, 0, i["fee"] - i["fee_paid"]
                if i["billed"]:
                    self.add("fee_adjust", "CNY", income, unpaid)
                    self.add("fee_adjust", "CNY", "A.LOAN.FEE", -unpaid)
            elif i["billed"] and i["fee_paid"] == i["fee"]:
                continue
            else:
                zero = full or (not i["billed"] and self.u(i) == 0)
                new = max(i["fee_paid"], 0 if zero else half_up(i["fee0"] * (P - o["R"]), P))
                if i["billed"]:
                    self.add("fee_adjust", "CNY", income, i["fee"] - new)
                    self.add("fee_adjust", "CNY", "A.LOAN.FEE", -(i["fee"] - new))
            i["fee"] = new
        return back

    def FLASH_CONFIRM(self, e: Case, at: datetime) -> str | None:
        o = self.orders[e["order"]]
        c, since = o["pending"][0]
        if (at - since).total_seconds() > 86400:
            return "CHANNEL_TIMEOUT_MANUAL_ADJUSTMENT"
        self._confirm(o, c, at, "refund_confirm")
        return None

    def MANUAL_ADJUST(self, e: Case, at: datetime) -> str | None:
        if e["maker"] == e["checker"]:
            return "FOUR_EYES"
        o = self.orders[e["order"]]
        self._confirm(o, o["pending"][0][0], at, "manual_adjust")
        return None

    def _amount(self, o: Case, e: Case) -> tuple[Counter[str], int, int]:
        """The worth given for pieces with this refund, what is left for it, and R."""
        left, worth = sum(o["left"].values()), Counter[str](o["worth"])
        for line in e.get("lines", []):
            n, (v, q) = line["id"], o["payable"][line["id"]]
            worth[n] = max(worth[n], (v - o["c"][n]) * (o["returned"][n] + line["qty"]) // q)
        if "line" in e:
            left = min(left, o["payable"][e["line"]][0] - o["c"][e["line"]] - worth[e["line"]])
        return worth, left, e["amount"] if "amount" in e else min(worth.total() - o["worth"].total(), left)

    def _confirm(self, o: Case, c: int, at: datetime, op: str) -> None:
        o["pending"].pop(0)
        self.add(op, "CNY", "L.REFUND.TRANSIT.FLASH", c)
        self._credit_side(o, c, at.date(), op)

    def _save(self, o: Case) -> Case:
        return {
            "ins": [{**i} for other in self.orders.values() for i in other["ins"]], "left": dict(o["left"]),
            "returned": Counter(o["returned"]), "done": o["done"], "R": o["R"], "ce": o["ce"],
            "worth": Counter(o["worth"]), "c": Counter(o["c"]),
        }

    def REFUND_REVERSE(self, e: Case, at: datetime) -> str | None:
        o = self.orders[e["order"]]
        saved, event = o["refunds"].pop()
        for (k, op, ledger), lines in list(self.entries.items()):
            if k == event and op in ("refund", "fee_adjust"):
                for account, amount in list(lines.items()):
                    self.add("refund_reverse", ledger, account, -amount)
        for now, then in zip(self._all(), saved["ins"], strict=True):
            now.update(then)
        for name in ("left", "returned", "done", "R", "ce", "worth", "c"):
            o[name] = saved[name]
        return None
