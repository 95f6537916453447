"""Random `credit_flow` cases in which everything happens at once, inside what section 11 of the format allows.

Partial refunds in all strategies, mixed with overdue instalments, late fees, repayments, LIFO, deferrals, free days,
coupons, flash refunds and reversals; dates cross month ends, leap days and the Shanghai midnight.
"""

from datetime import UTC, date, datetime, timedelta, timezone
from random import Random
from typing import Any

from tests.services.credit_ledger.domain.format_book import ZONE
from tests.services.credit_ledger.domain.format_model import FormatModel

Case = dict[str, Any]
STARTS = (
    date(2026, 3, 1), date(2026, 1, 28), date(2024, 2, 26), date(2025, 12, 27), date(2026, 8, 30), date(2024, 1, 31)
)
OFFSETS = (ZONE, ZONE, UTC, timezone(timedelta(hours=-5)))


POLICIES = {"late_fee_ppm_per_day": 500}


class _Writer:
    """A case in the making, played by the model as it is written, so that only what makes sense is added."""

    def __init__(self, random: Random, at: datetime, case: Case) -> None:
        self.random, self.at, self.case = random, at, case
        self.model = FormatModel(case, POLICIES)
        self.last = ""

    def add(self, kind: str, **fields: Any) -> None:
        """One event at the current instant."""
        event = {"type": kind, "at": self.at.astimezone(self.random.choice(OFFSETS)).isoformat(), **fields}
        self.case["when"].append(event)
        self.last = self.model.step(event)

    def move(self, step: timedelta) -> None:
        """Let time pass; every cut on the way gets its STATEMENT, at its own instant, first."""
        end, bill_day = self.at + step, self.case["given"]["bill_day"]
        day = self.at.date()
        while day <= end.date():
            midnight = datetime(day.year, day.month, day.day, tzinfo=ZONE)
            if day.day == bill_day and self.at < midnight <= end and self.case["when"]:
                self.at = midnight
                self.add("STATEMENT", bill_date=day.isoformat())
            day += timedelta(days=1)
        self.at = end


def random_case(seed: int) -> Case:
    """The case of this seed, with what the model expects as its `then`."""
    random = Random(seed)
    bill_day = random.choice((1, 3, 5, 5, 10, 20, 27))
    orders = [_order(random, f"O{n}") for n in range(1, random.randint(1, 3) + 1)]
    given: Case = {
        "limit": random.choice((500_000, 120_000, 10**7)), "orders": orders, "bill_day": bill_day,
        "due_day": random.randint(bill_day + 1, 28),
        "strategy": random.choice(("PROPORTIONAL", "PROPORTIONAL", "EQUAL", "LAST_FIRST", "NEXT_FIRST")),
        "surplus_policy": random.choice(("KEEP", "LIFO")),
    }
    if random.random() < 0.5:
        given["late_ppm"] = random.choice((0, 1, 500, 3333, 20_000))
    start = random.choice(STARTS) + timedelta(days=random.randint(0, 3))
    at = datetime(start.year, start.month, start.day, random.choice((0, 9, 23)), random.choice((0, 59)), tzinfo=ZONE)
    writer = _Writer(random, at, {"id": f"seed {seed}", "kind": "credit_flow", "given": given, "when": []})
    for _ in range(random.randint(4, 28)):
        _step(writer)
    writer.case["then"] = writer.model.then()
    return writer.case


def _order(random: Random, name: str) -> Case:
    prices = (0, 1, 7, 333, 3350, 9999, random.randint(1, 40_000))
    lines: list[Case] = [
        {"id": f"L{n}", "qty": random.randint(1, 4), "unit_price": random.choice(prices)}
        for n in range(1, random.randint(1, 3) + 1)
    ]
    total = sum(line["qty"] * line["unit_price"] for line in lines)
    order: Case = {"id": name, "lines": lines}
    if random.random() < 0.5 and total:
        amount = random.randint(0, total // 2)
        order["promos"] = [{"amount": amount}]
        total -= amount
    kinds = random.sample(("CREDIT", "WALLET", "GIFTCARD", "BANKCARD"), random.randint(1, 3))
    if "CREDIT" not in kinds and random.random() < 0.9:
        kinds[0] = "CREDIT"
    cuts = sorted(random.randint(0, total) for _ in kinds[1:])
    amounts = [b - a for a, b in zip([0, *cuts], [*cuts, total], strict=True)]
    order["tenders"] = [{"type": kind, "amount": amount} for kind, amount in zip(kinds, amounts, strict=True)]
    free = random.choice((0, 7, 30, 60, 400))
    if random.random() < 0.6:
        order["plan"] = {
            "type": "INSTALMENT", "n": random.choice((1, 2, 3, 6, 12, 24)),
            "fee_ppm": random.choice((0, 5000, 5500, 123_456)),
        }
    else:
        order["plan"] = {
            "type": "DEFERRED", "defer_months": random.randint(1, 3), "flat_fee": random.choice((0, 1, 600, 9999)),
            "term_days": random.choice((1, 30, 90)),
        }
    if random.random() < 0.7:
        order["plan"]["free_days"] = free
    if random.random() < 0.3:
        order["platform_coupon"] = random.choice((1, 5, 999))
    if random.random() < 0.25:
        order["route"] = "FLASH"
    return order


def _step(writer: _Writer) -> None:
    random = writer.random
    if writer.case["when"]:
        writer.move(random.choice((
            timedelta(0), timedelta(seconds=1), timedelta(hours=random.randint(1, 20)),
            timedelta(days=random.randint(1, 12)), timedelta(days=random.randint(20, 40)),
        )))
    order = random.choice(writer.case["given"]["orders"])
    if writer.model.orders[order["id"]]["state"] in ("NEW", "DEAD"):
        _place(writer, order["id"])
    else:
        _later(writer, order)


def _place(writer: _Writer, name: str) -> None:
    random = writer.random
    writer.add("AUTHORIZE", order=name)
    writer.move(timedelta(hours=random.randint(0, 30)))
    if random.random() < 0.1:
        writer.add("REFUND", order=name, amount=1)
    writer.add("CANCEL" if random.random() < 0.1 else "SHIP", order=name)
    if random.random() < 0.1:
        writer.add(random.choice(("CANCEL", "SHIP", "AUTHORIZE")), order=name)


def _later(writer: _Writer, order: Case) -> None:
    random, name = writer.random, order["id"]
    choice = random.choice(("refund",) * 6 + ("repay",) * 3 + ("late",) * 2 + ("waive", "payout", "settle", "reverse"))
    if writer.model.orders[name]["pending"] and random.random() < 0.6:
        _network(writer, name)
    elif choice == "refund":
        if not writer.model.orders[name]["pending"]:
            _refund(writer, order)
    elif choice == "repay":
        amount = random.choice((1, 500, random.randint(1, 60_000), 1_000_000))
        writer.add("REPAY", amount=amount, instrument=random.choice(("CARD_A", "CARD_B", "BANK")))
    elif choice == "late":
        writer.add("LATE_ACCRUAL", through=writer.at.astimezone(ZONE).date().isoformat())
    elif choice == "waive":
        writer.add("WAIVE_LATE")
    elif choice == "payout":
        writer.add("PAYOUT", amount=random.choice((1, 500, random.randint(1, 30_000))))
    elif choice == "settle":
        _settle(writer)
    elif order.get("route") != "FLASH":
        paid_out = len(writer.model.payouts)
        _refund(writer, order)
        if writer.last == "OK" and len(writer.model.payouts) == paid_out:
            writer.add("REFUND_REVERSE", order=name)


def _settle(writer: _Writer) -> None:
    """Not beside gift cards, and never above what is owed (11.4)."""
    orders = writer.case["given"]["orders"]
    owed = -writer.model.bal["L.MERCH.PAY"]
    if owed and not any(tender["type"] == "GIFTCARD" for order in orders for tender in order["tenders"]):
        writer.add("MERCHANT_SETTLE", amount=writer.random.choice((owed, max(1, owed // 2))))


def _refund(writer: _Writer, order: Case) -> None:
    random, name = writer.random, order["id"]
    extra = {"key": f"k{len(writer.case['when'])}"} if random.random() < 0.3 else {}
    if random.random() < 0.5:
        line = random.choice(order["lines"])
        writer.add("REFUND", order=name, lines=[{"id": line["id"], "qty": random.randint(1, line["qty"])}], **extra)
    else:
        whole = sum(tender["amount"] for tender in order["tenders"])
        left = sum(writer.model.orders[name]["left"].values())
        amount = random.choice((1, whole, left, whole // 2, random.randint(1, max(1, whole)), whole // 3))
        if random.random() < 0.4:
            extra = {**extra, "line": random.choice(order["lines"])["id"]}
        writer.add("REFUND", order=name, amount=max(1, amount), **extra)
    if "key" in extra and writer.last == "OK" and random.random() < 0.3:
        again = {k: v for k, v in writer.case["when"][-1].items() if k not in ("type", "at")}
        writer.add("REFUND", **again)
        if "amount" in again:
            writer.add("REFUND", **{**again, "amount": again["amount"] + 1})


def _network(writer: _Writer, name: str) -> None:
    """The network confirms in time, at the last instant, or too late."""
    random = writer.random
    since = writer.model.orders[name]["pending"][0][1]
    late = writer.at - since
    if late <= timedelta(hours=24) and random.random() < 0.3:
        writer.move(timedelta(hours=24) - late)
    writer.add("FLASH_CONFIRM", order=name)
    if writer.last != "OK":
        writer.move(timedelta(seconds=random.randint(1, 100_000)))
        writer.add("MANUAL_ADJUST", order=name, maker="a", checker="a")
        writer.add("MANUAL_ADJUST", order=name, maker="a", checker="b")
