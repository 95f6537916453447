"""The oracle's books: balances, postings by event, and what money is spent on (9.6)."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from tests.settle.vectors.reference import Instalment, Json, Lines, Order


class Books:
    """One account, one merchant, and everything that was posted."""

    def __init__(self, given: Json, policies: Json) -> None:
        self.orders = {order["id"]: Order(order) for order in given["orders"]}
        self.strategy = given.get("strategy", "PROPORTIONAL")
        self.surplus = given.get("surplus_policy", "KEEP")
        self.bill_day, self.due_day = given.get("bill_day", 5), given.get("due_day", 15)
        self.late_ppm: int = {"late_ppm": policies["late_fee_ppm_per_day"], **given}["late_ppm"]
        self.plans: dict[str, list[Instalment]] = {}
        self.repayments: list[list[Any]] = []  # instrument, amount, given back
        self.keys: dict[str, tuple[Json, list[int]]] = {}
        self.payouts: list[list[Any]] = []  # instrument, amount
        self.statements: list[Json] = []
        self.splits: list[list[int]] = []
        self.postings: dict[tuple[int, str, str], dict[str, int]] = {}
        self.balances: dict[str, int] = defaultdict(int, {"LIM.AVAIL": given["limit"]})
        self.event = 0

    # -- books

    def post(self, op: str, lines: Iterable[tuple[str, int]], ledger: str = "CNY") -> None:
        """Post one journal."""
        lines = list(lines)
        assert sum(amount for _, amount in lines) == 0, (op, lines)
        sums = self.postings.setdefault((self.event, op, ledger), defaultdict(int))
        for account, amount in lines:
            sums[account] += amount
            self.balances[account] += amount

    def limit(self, op: str, amount: int, to: str, source: str) -> None:
        """Move limit."""
        self.post(op, [(to, amount), (source, -amount)], "LIMIT")

    def rows(self) -> list[Instalment]:
        """All instalments of the account."""
        return [row for plan in self.plans.values() for row in plan]

    def held(self, account: str) -> int:
        """What a liability account holds."""
        return -self.balances[account]

    # -- spending (9.6)

    def spend(self, amount: int, unbilled: bool = True) -> tuple[Lines, int, int]:
        """Spend an amount on what is owed: the lines, the principal among them, and the rest."""
        lines: Lines = []
        principal = 0
        billed = [row for row in self.rows() if row.billed]
        for row in sorted(billed, key=lambda row: (row.due_date, row.shipped, row.no)):
            more, amount = self.spend_charges(row, amount)
            part = self.pay_principal(row, amount)
            lines += [*more, ("A.LOAN.P.BILLED", -part)]
            principal, amount = principal + part, amount - part
        waiting = [row for row in self.rows() if unbilled and row.deferred and not row.billed]
        for row in sorted(waiting, key=lambda row: row.shipped):
            part = self.pay_principal(row, amount)
            lines.append(("A.LOAN.P.UNBILLED", -part))
            principal, amount = principal + part, amount - part
        return lines, principal, amount

    def spend_charges(self, row: Instalment, amount: int) -> tuple[Lines, int]:
        """Pay an instalment's late fee, then its fee; the lines and the rest."""
        late = min(amount, row.late)
        fee = min(amount - late, row.fee_due)
        row.late -= late
        row.fee_paid += fee
        return [("A.LOAN.LATE", -late), ("A.LOAN.FEE", -fee)], amount - late - fee

    def pay_principal(self, row: Instalment, amount: int) -> int:
        """Pay an instalment's principal; how much of it."""
        part = min(amount, row.u)
        row.paid += part
        return part
