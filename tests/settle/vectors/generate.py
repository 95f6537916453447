"""Random valid `credit_flow` cases (the format's section 11 respected), with `then` from the oracle.

python -m tests.settle.vectors.generate COUNT [SEED] > cases.json
"""

import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from random import Random

from tests.settle.vectors import goods
from tests.settle.vectors.oracle import World, expected
from tests.settle.vectors.reference import CHINA, Instalment, Json, Order

POLICIES: Json = {"late_fee_ppm_per_day": 500}
STRATEGIES = ("PROPORTIONAL", "EQUAL", "LAST_FIRST", "NEXT_FIRST")
CASES_PER_WINDOW = 100
"""So many seeds begin within the same weeks: woven into one timeline they share its instants."""
HOLD_DAYS = 29
OVERDUE_DAYS = 60
ZONES = (CHINA, CHINA, CHINA, UTC, timezone(timedelta(hours=-5)))
STEPS = tuple(
    timedelta(**parts)
    for parts in (
        {}, {"microseconds": 1}, {"seconds": 1}, {"minutes": 7}, {"hours": 5}, {"hours": 24, "seconds": -1},
        {"days": 1}, {"days": 1, "seconds": 1}, {"days": 3}, {"days": 8}, {"days": 20}, {"days": 33}, {"days": 35},
    )
)  # fmt: skip


def start_of(day: date) -> datetime:
    """00:00:00 of a business day."""
    return datetime.combine(day, time(), CHINA)


class Teller:
    """Tells one case event by event, with the oracle's world beside it to know what is possible."""

    def __init__(self, rng: Random, window: date) -> None:
        self.rng = rng
        self.given = self.setting()
        self.world = World(self.given, POLICIES)
        self.when: list[Json] = []
        first = start_of(window + timedelta(days=rng.randint(0, 20)))
        self.now = first + timedelta(seconds=rng.choice((0, 3600 * 9, 3600 * 15, 3600 * 24 - 1)))
        self.placed_at: dict[str, datetime] = {}
        self.keyed: list[tuple[datetime, Json]] = []
        self.timed_out: set[str] = set()
        self.reversible: str | None = None
        self.settles = not self.has_giftcard()

    def setting(self) -> Json:
        """What the case is given."""
        rng = self.rng
        giftcards = rng.random() < 0.5
        orders = [goods.order(rng, f"O{i + 1}", giftcards) for i in range(rng.choice((1, 1, 2, 2, 3, 4)))]
        credit = sum(t["amount"] for order in orders for t in order["tenders"] if t["type"] == "CREDIT")
        given: Json = {
            "limit": rng.choice((credit, credit + 100, 2 * credit + 5, max(1, credit * 2 // 3), 500000)),
            "orders": orders,
        }
        given["limit"] = max(1, given["limit"])
        if rng.random() < 0.75:
            given["strategy"] = rng.choice(STRATEGIES)
        if rng.random() < 0.6:
            given["surplus_policy"] = rng.choice(("KEEP", "LIFO", "LIFO"))
        if rng.random() < 0.5:
            given["bill_day"] = rng.randint(1, 27)
            given["due_day"] = rng.randint(given["bill_day"] + 1, 28)
        if rng.random() < 0.4:
            given["late_ppm"] = rng.choice((0, 1, 1000, 333, 5000))
        return given

    def has_giftcard(self) -> bool:
        """Whether any order names a gift card."""
        return any(t["type"] == "GIFTCARD" for order in self.given["orders"] for t in order["tenders"])

    # -- time

    def play(self, event: Json) -> str:
        """Take an event into the case, at the current instant; its outcome."""
        if event["type"] != "STATEMENT":
            event["at"] = self.now.astimezone(self.rng.choice(ZONES)).isoformat()
        self.when.append(event)
        outcome = self.world.play(event)
        if outcome == "OK":
            self.reversible = None
        return outcome

    def move(self) -> None:
        """Let time pass: a step, or to an interesting boundary."""
        target = self.now + self.rng.choice(STEPS)
        if self.rng.random() < 0.35:
            target = self.rng.choice([at for at in self.boundaries() if at >= self.now] or [target])
        self.settle_open_orders(target)
        self.pay_old_debts(target)
        self.cut_until(target)
        self.now = target

    def boundaries(self) -> list[datetime]:
        """Instants at which something changes, and one second beside them."""
        days: list[date] = [self.next_cut(), self.next_cut().replace(day=self.world.due_day) + timedelta(days=1)]
        for order in self.world.orders.values():
            if order.state == "SHIPPED" and order.plan.get("free_days") is not None:
                days.append(order.captured + timedelta(days=order.plan["free_days"] + 1))
        near = [day for day in days if start_of(day) < self.now + timedelta(days=65)]
        instants = [start_of(day) + timedelta(seconds=s) for day in near for s in (-1, 0, 0, 1)]
        for order in self.world.orders.values():
            if order.pending:
                at = datetime.fromisoformat(order.pending["at"])
                instants += [
                    at + timedelta(days=1),
                    at + timedelta(days=1, microseconds=1),
                    at + timedelta(days=1, seconds=1),
                ]
        return instants

    def next_cut(self) -> date:
        """The first bill date after now."""
        day = self.now.astimezone(CHINA).date()
        cut = day.replace(day=self.world.bill_day)
        return cut if cut > day else (cut.replace(day=1) + timedelta(days=32)).replace(day=self.world.bill_day)

    def cut_until(self, target: datetime) -> None:
        """Play the cuts on the way; those that post nothing only now and then."""
        while (cut := self.next_cut()) and start_of(cut) <= target:
            self.now = start_of(cut)
            if self.cut_posts(cut) or self.rng.random() < 0.5:
                self.play({"type": "STATEMENT", "bill_date": cut.isoformat(), "at": self.now.isoformat()})
            self.reversible = None

    def cut_posts(self, cut: date) -> bool:
        """Whether the cut of this date would post anything."""
        fresh = [row for row in self.world.rows() if row.bill_date == cut and not row.billed and (row.u or row.fee)]
        return bool(fresh) or (self.world.held("L.CREDITBAL") > 0 and self.dues() > 0)

    def dues(self) -> int:
        """Everything that is billed and unpaid."""
        return sum(row.u + row.fee_due + row.late for row in self.world.rows() if row.billed)

    def overdue(self, at: datetime) -> list[Instalment]:
        """Instalments that are overdue at an instant."""
        day = at.astimezone(CHINA).date()
        billed = (row for row in self.world.rows() if row.billed and row.due_date < day)
        return [row for row in billed if row.u + row.fee_due + row.late]

    def settle_open_orders(self, target: datetime) -> None:
        """No order stays authorized for more than 30 days."""
        for name, order in self.world.orders.items():
            if order.state == "AUTHORIZED" and target - self.placed_at[name] > timedelta(days=HOLD_DAYS):
                self.play({"type": self.rng.choice(("SHIP", "CANCEL")), "order": name})

    def pay_old_debts(self, target: datetime) -> None:
        """Nobody stays overdue for so long that another rule would matter."""
        if any((target.astimezone(CHINA).date() - row.due_date).days > OVERDUE_DAYS for row in self.overdue(target)):
            self.play({"type": "REPAY", "amount": self.dues()})

    # -- events

    def authorize(self) -> None:
        """AUTHORIZE, rarely twice."""
        fresh = [name for name, order in self.world.orders.items() if not order.state]
        names = list(self.world.orders) if self.rng.random() < 0.03 else fresh
        if self.overdue(self.now) or not names:
            return
        name = self.rng.choice(names)
        if self.play({"type": "AUTHORIZE", "order": name}) == "OK":
            self.placed_at[name] = self.now

    def ship(self) -> None:
        """SHIP, mostly of what can be shipped."""
        self.move_order("SHIP")

    def cancel(self) -> None:
        """Add a CANCEL event."""
        if self.rng.random() < 0.3:
            self.move_order("CANCEL")

    def move_order(self, kind: str) -> None:
        """SHIP or CANCEL an order that was placed."""
        ready = [name for name, order in self.world.orders.items() if order.state == "AUTHORIZED"]
        placed = [name for name, order in self.world.orders.items() if order.state]
        names = ready if ready and self.rng.random() < 0.97 else placed if self.rng.random() < 0.07 else []
        if names:
            self.play({"type": kind, "order": self.rng.choice(names)})

    def shipped(self) -> list[tuple[str, Order]]:
        """Shipped orders."""
        return [(name, order) for name, order in self.world.orders.items() if order.state == "SHIPPED"]

    def refund(self) -> None:
        """REFUND: by lines or by amount, now and then too much, now and then with a key."""
        rng = self.rng
        free = [(name, order) for name, order in self.shipped() if not order.pending]
        names = [name for name, order in free if sum(order.left) > 0 or rng.random() < 0.08]
        if rng.random() < 0.03:
            names = [name for name, order in self.world.orders.items() if order.state not in ("", "SHIPPED")]
        if not names:
            return
        name = rng.choice(names)
        event: Json = {"type": "REFUND", "order": name, **self.what_comes_back(self.world.orders[name])}
        if rng.random() < 0.25:
            event["key"] = f"k{len(self.when)}"
        payouts = len(self.world.payouts)
        outcome = self.play(event)
        if outcome != "OK":
            return
        if "key" in event:
            self.keyed.append((self.now, event))
        if len(self.world.payouts) == payouts and not self.world.orders[name].pending:
            self.reversible = name

    def what_comes_back(self, order: Order) -> Json:
        """Lines, or an amount: goodwill, or a price reduction of a line."""
        rng, left = self.rng, sum(order.left)
        if rng.random() < 0.5 or not left:
            chosen = rng.sample(order.given["lines"], rng.randint(1, len(order.given["lines"])))
            lines = []
            for line in chosen:
                open_units = line["qty"] - order.returned.get(line["id"], 0)
                quantity = rng.randint(1, open_units) if open_units and rng.random() < 0.95 else open_units + 1
                lines.append({"id": line["id"], "qty": quantity})
            return {"lines": lines}
        if rng.random() < 0.4:
            return self.reduction(order)
        if rng.random() < 0.05:
            return {"amount": left + rng.choice((1, 1, 1000))}
        return {"amount": rng.choice((left, left, max(1, left // 2), max(1, left // 3), 1, rng.randint(1, left)))}

    def reduction(self, order: Order) -> Json:
        """A price reduction, now and then of more than is left of the line."""
        rng = self.rng
        name = rng.choice(order.given["lines"])["id"]
        left = self.world.left_of_line(order, {"line": name})
        if left < 1 or rng.random() < 0.05:
            return {"amount": max(0, left) + rng.choice((1, 1, 1000)), "line": name}
        return {
            "amount": rng.choice((left, max(1, left // 2), max(1, left // 3), 1, rng.randint(1, left))), "line": name
        }

    def replay(self) -> None:
        """The key of an accepted refund again, with the same or another body."""
        fresh = [event for at, event in self.keyed if self.now - at < timedelta(hours=24)]
        if not fresh:
            return
        event = dict(self.rng.choice(fresh))
        if self.rng.random() < 0.4:
            del event["lines" if "lines" in event else "amount"]
            event["amount"] = self.rng.randint(1, 1000)
            if event["amount"] == next(e for _, e in self.keyed if e["key"] == event["key"]).get("amount"):
                event["amount"] += 1
        reversible = self.reversible
        self.play(event)
        self.reversible = reversible

    def reverse(self) -> None:
        """REFUND_REVERSE, while the account has not moved."""
        if self.reversible:
            self.play({"type": "REFUND_REVERSE", "order": self.reversible})

    def confirm(self) -> None:
        """FLASH_CONFIRM, and after a time-out MANUAL_ADJUST."""
        pending = [(name, order) for name, order in self.world.orders.items() if order.pending]
        if not pending:
            return
        name, order = self.rng.choice(pending)
        assert order.pending
        waited = self.now - datetime.fromisoformat(order.pending["at"])
        if name in self.timed_out and waited >= timedelta(days=1, seconds=1) and self.rng.random() < 0.85:
            maker, checker = "ops-1", self.rng.choice(("ops-1", "ops-2", "ops-2"))
            if self.play({"type": "MANUAL_ADJUST", "order": name, "maker": maker, "checker": checker}) == "OK":
                self.timed_out.discard(name)
        elif self.play({"type": "FLASH_CONFIRM", "order": name}) != "OK":
            self.timed_out.add(name)

    def repay(self) -> None:
        """REPAY: exactly, too little, too much."""
        dues = self.dues()
        ahead = sum(row.u for row in self.world.rows() if row.deferred and not row.billed)
        if not (dues or ahead) and self.rng.random() < 0.9:
            return
        owed = max(1, dues)
        amounts = (owed, owed, max(1, owed // 2), owed + 5000, owed + ahead, 1, self.rng.randint(1, owed + ahead + 100))
        event: Json = {"type": "REPAY", "amount": self.rng.choice(amounts)}
        if self.rng.random() < 0.6:
            event["instrument"] = self.rng.choice(("CARD_A", "CARD_B", "BANK"))
        self.play(event)

    def late_accrual(self) -> None:
        """LATE_ACCRUAL through today, or through yesterday; never back."""
        through = self.now.astimezone(CHINA).date() - timedelta(days=self.rng.choice((0, 0, 0, 1)))
        last = max((row.accrued for row in self.world.rows() if row.accrued), default=date.min)
        if through >= last and (self.overdue(self.now) or self.rng.random() < 0.1):
            self.play({"type": "LATE_ACCRUAL", "through": through.isoformat()})

    def waive(self) -> None:
        """Add a WAIVE_LATE event."""
        if any(row.late for row in self.world.rows()) or self.rng.random() < 0.03:
            self.play({"type": "WAIVE_LATE"})

    def settle_merchant(self) -> None:
        """Add a MERCHANT_SETTLE event."""
        held = self.world.held("L.MERCH.PAY")
        if self.settles and held > 0:
            self.play({"type": "MERCHANT_SETTLE", "amount": self.rng.choice((held, held, self.rng.randint(1, held)))})

    def pay_out(self) -> None:
        """Add a PAYOUT event."""
        held = self.world.held("L.CREDITBAL")
        if held > 0 or self.rng.random() < 0.02:
            amounts = [held + 1] if held <= 0 else [held, held + 1, self.rng.randint(1, held)]
            self.play({"type": "PAYOUT", "amount": self.rng.choice(amounts)})

    def tell(self, steps: int) -> None:
        """Let things happen."""
        choices: list[tuple[Callable[[], None], float]] = [
            (self.authorize, 3),
            (self.ship, 4),
            (self.cancel, 1),
            (self.refund, 4),
            (self.replay, 1.5),
            (self.reverse, 1.5),
            (self.confirm, 2),
            (self.repay, 2.5),
            (self.late_accrual, 2.5),
            (self.waive, 0.5),
            (self.settle_merchant, 0.6),
            (self.pay_out, 0.7),
        ]
        actions, weights = [action for action, _ in choices], [weight for _, weight in choices]
        self.authorize()
        for _ in range(steps):
            if self.rng.random() < 0.7:
                self.move()
            self.rng.choices(actions, weights)[0]()


def case(seed: int) -> Json:
    """The random case of this seed."""
    rng = Random(seed)
    window = date(2026, 1, 1) + timedelta(days=seed // CASES_PER_WINDOW * 211 % 1400)
    teller = Teller(rng, window)
    teller.tell(rng.choice((8, 15, 25, 40)))
    made: Json = {"id": f"R{seed}", "kind": "credit_flow", "given": teller.given, "when": teller.when}
    made["then"] = expected(made, POLICIES)
    return made


def scenario_file(count: int, seed: int) -> Json:
    """A scenario file of random cases."""
    return {
        "meta": {"format": "settlement-scenarios/1"},
        "policies": POLICIES,
        "cases": [case(seed + i) for i in range(count)],
    }


if __name__ == "__main__":
    print(json.dumps(scenario_file(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)))
