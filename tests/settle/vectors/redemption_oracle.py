"""Redemption cases that nobody has seen, with the `then` that the page gives them: its rules, written down again."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

Json = Any  # what a scenario file holds
PPM = 1_000_000
BEGINNINGS = tuple(map(datetime.fromisoformat, (
    "2026-03-06T10:00:00+08:00", "2026-02-28T23:59:58.5+08:00", "2026-03-31T15:55:00+00:00",
    "2026-04-30T23:59:59+08:00",
)))
"""When redemptions are accepted: on a day like any other, and just before a midnight, or a month's end."""
CHANNELS = ("SELF", "KAQUANMAO", "DUIDUI", "SUHUISHOU", "COOLING", "CROSSBORDER", "ESCROW")


@dataclass
class Model:
    """One redemption, as the page tells it."""

    given: Json
    policies: Json
    state: str = "ACCEPTED"
    transit: int = 0
    wallet: int = 0
    voucher: int | None = None
    read: bool = False
    results: list[str] = field(default_factory=list)
    journals: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.channel = self.policies["channels"][self.given["channel"]]
        self.third = self.channel["kind"] == "THIRD_PARTY"
        self.face = self.given.get("declared", self.given["face"])
        self.wallet = -self.given.get("opening", {}).get("L.CUST.WALLET", 0)
        self.now = self.begins_at

    @property
    def begins_at(self) -> datetime:
        """When it was accepted."""
        return datetime.fromisoformat(self.given["accepted_at"])

    def payout(self, face: int) -> int:
        """What is paid for a face."""
        return int(face * self.given["rate_ppm"] // PPM)

    def post(self, event: int, op: str, **lines: int) -> None:
        """A journal; underscores stand for dots."""
        kept = [[name.replace("_", "."), amount] for name, amount in lines.items() if amount]
        self.transit -= lines.get("L_PAYOUT_TRANSIT", 0)
        self.wallet -= lines.get("L_CUST_WALLET", 0)
        if kept:
            self.journals.append({"event": event, "op": op, "ledger": "CNY", "lines": kept})

    def settle(self, event: int) -> None:
        """P26, P27."""
        paid = self.payout(self.face)
        if self.third:
            ours = self.face * self.given.get("commission_ppm", 0) // PPM
            self.post(event, "settle", A_CH_RECYCLER=paid + ours, L_PAYOUT_TRANSIT=-paid, I_SPREAD=-ours)
        else:
            self.post(event, "settle", L_GIFTCARD=self.face, L_PAYOUT_TRANSIT=-paid, I_SPREAD=paid - self.face)
        self.state = "SETTLED"

    def pay(self, event: int, to: str) -> None:
        """P28."""
        other = {"BANK": "A_BANK", "WALLET": "L_CUST_WALLET"}[to]
        amount = self.transit
        self.post(event, "payout", **{"L_PAYOUT_TRANSIT": amount, other: -amount})
        self.state = "PAID"

    def cancel(self, event: int, said: Json) -> None:
        """The guard of `window`, then the fee."""
        at = datetime.fromisoformat(said["at"])
        window, elapsed = self.channel["window_s"], (at - self.begins_at).total_seconds()
        verified = said.get("verification") or self.state != "ACCEPTED"
        if window is None:
            self.results.append("DENY_NOT_SUPPORTED")
        elif not 0 <= elapsed <= window:
            self.results.append("DENY_WINDOW")
        elif self.channel.get("needs_unverified") and verified:
            self.results.append("DENY_VERIFIED")
        elif self.channel.get("manual_review") and said["review"] == "REJECTED":
            self.results.append("DENY_REVIEW")
        else:
            self._cancelled(event)

    def _cancelled(self, event: int) -> None:
        fee = self.channel.get("fee", {"type": "NONE"})
        amount = fee.get("fen", 0) if fee["type"] != "PCT_FACE" else (2 * self.face * fee["ppm"] + PPM) // (2 * PPM)
        taken = min(amount, self.wallet)
        self.post(event, "cancel_fee", L_CUST_WALLET=taken, A_CUST_RECV=amount - taken, I_CANCELFEE=-amount)
        self.results.append("ALLOW")
        self.state = "CANCELLED"

    def correct(self, event: int) -> None:
        """The true face is found: before it settles, or after it (P31, P32)."""
        actual, before = self.given["face"], self.face
        self.face = actual
        if self.state == "ACCEPTED":
            self.results.append("REPRICED")
            return
        faces, paid = actual - before, self.payout(actual) - self.payout(before)
        op = "face_topup" if faces > 0 else "face_clawback"
        other = "A_CUST_RECV" if faces < 0 and self.state == "PAID" else "L_PAYOUT_TRANSIT"
        self.post(event, op, **{"L_GIFTCARD": faces, other: -paid, "I_SPREAD": paid - faces})

    def reverse(self, event: int) -> None:
        """P34."""
        paid, other = self.payout(self.face), "A_CUST_RECV" if self.state == "PAID" else "L_PAYOUT_TRANSIT"
        self.post(event, "fault_reversal", **{other: paid, "I_SPREAD": self.face - paid, "L_GIFTCARD": -self.face})
        self.state = "REVERSED"

    def console(self, event: int) -> None:
        """P35."""
        self.voucher = min(self.face - self.payout(self.face), self.policies["voucher_cap_fen"])
        self.post(event, "voucher_issue", E_GOODWILL=self.voucher, L_VOUCHER=-self.voucher)

    def spend(self, event: int, said: Json) -> None:
        """P35."""
        if said["category"] not in self.policies["voucher_categories"]:
            self.results.append("DENY_CATEGORY")
            return
        used = min(said["amount"], self.voucher or 0)
        self.voucher = (self.voucher or 0) - used
        self.post(event, "voucher_use", L_VOUCHER=used, A_BANK=-used)
        self.results.append("OK")

    def escrow(self, event: int, said: Json) -> None:
        """P33."""
        face, deadline = self.face, datetime.fromisoformat(self.given["deadline"])
        if said["type"] == "ESCROW_ACCEPT":
            self.post(event, "escrow", L_GIFTCARD=face, L_ESCROW=-face)
            self.state = "ESCROW"
            return
        at = datetime.fromisoformat(said["at"])
        if self.state == "ESCROW" and said["condition_met"] and at <= deadline:
            paid = self.payout(face)
            self.post(event, "escrow_release", L_ESCROW=face, L_PAYOUT_TRANSIT=-paid, I_SPREAD=paid - face)
            self.state = "SETTLED"
        elif self.state == "ESCROW" and at > deadline:
            self.post(event, "escrow_revoke", L_ESCROW=face, L_GIFTCARD=-face)
            self.state = "REVOKED"

    def then(self) -> Json:
        """What must be true at the end."""
        balances = dict(self.given.get("opening", {}))
        for journal in self.journals:
            for account, amount in journal["lines"]:
                balances[account] = balances.get(account, 0) + amount
        return {
            "journals": self.journals, "balances": {name: amount for name, amount in balances.items() if amount},
            "state": self.state, "results": self.results,
        }


def redemption_case(seed: int, policies: Json) -> Json:
    """A case drawn from this seed."""
    draw = Random(seed)
    channel = draw.choice(CHANNELS)
    said = policies["channels"][channel]
    most = policies["cooling_daily_cap_fen"] if channel == "COOLING" else 200_000
    face = draw.choice([draw.randint(1, 99), draw.randint(100, 10_000), draw.randint(10_001, most)])
    given: Json = {
        "accepted_at": draw.choice(BEGINNINGS).isoformat(), "channel": channel, "face": face,
        "rate_ppm": draw.choice([900_000, 940_000, 949_999] if said["window_s"] is not None else [930_000, 950_000]),
    }
    own = said["kind"] == "SELF"
    if own:
        given["opening"] = {"L.GIFTCARD": -face}
        if channel != "ESCROW" and draw.random() < 0.5:
            given["declared"] = draw.randint(100, 200_000)
    else:
        given["commission_ppm"] = draw.choice([0, 20_000])
        given["opening"] = {"L.CUST.WALLET": -draw.choice([300, 5_000, 30_000])}
    model = Model(given, policies)
    when = _escrow_events(draw, given, model) if channel == "ESCROW" else _events(draw, given, model)
    return {"id": f"X{seed}", "kind": "redemption_flow", "given": given, "when": when, "then": model.then()}


def _events(draw: Random, given: Json, model: Model) -> list[Json]:
    when: list[Json] = []
    for _ in range(0 if "declared" in given else draw.choice([0, 1, 1, 2])):
        _cancel(draw, model, when)
        if model.state == "CANCELLED":
            return when
    if "declared" in given and draw.random() < 0.4:
        model.correct(len(when))
        when.append({"type": "FACE_CORRECTION", "actual": given["face"]})
    model.settle(len(when))
    when.append({"type": "SETTLE"})
    for _ in range(draw.randint(0, 6)):
        _after_settlement(draw, given, model, when)
        if model.state == "REVERSED":
            break
    return when


def _cancel(draw: Random, model: Model, when: list[Json]) -> None:
    """At a boundary of its window, if that is still to come; a verification that got so far stays there."""
    window = model.channel["window_s"] or 60
    at = model.begins_at + timedelta(seconds=draw.choice([0, 1, window, window + 0.000001, window + 1]))
    model.now = max(model.now, at)
    cancel = {"type": "CANCEL", "at": model.now.isoformat(), "review": draw.choice(["APPROVED", "REJECTED"])}
    if model.read or draw.random() < 0.3:
        cancel["verification"] = "DONE" if model.read else draw.choice(["STARTED", "DONE"])
        model.read = True
    model.cancel(len(when), cancel)
    when.append(cancel)


def _after_settlement(draw: Random, given: Json, model: Model, when: list[Json]) -> None:
    """One more event that is possible now."""
    number, own = len(when), not model.third
    can = ["PAYOUT"] if model.transit else []
    can += ["FACE_CORRECTION"] if own and model.face != given["face"] else []
    top_up = model.state == "PAID" and model.transit
    can += ["FAULT_REVERSAL"] if own and not top_up else []
    can += ["CHANNEL_FEE", "CHANNEL_REMIT"] if model.third else []
    loses = model.face > model.payout(model.face)
    can += ["VOUCHER"] if model.state == "PAID" and model.voucher is None and loses else []
    can += ["VOUCHER_USE"] if model.voucher is not None else []
    can += ["CANCEL"] if "declared" not in given else []
    if not can:
        return
    kind = draw.choice(can)
    if kind == "CANCEL":
        _cancel(draw, model, when)
        return
    event: Json = {"type": kind}
    if kind == "PAYOUT":
        event["to"] = draw.choice(["BANK", "WALLET"])
        model.pay(number, event["to"])
    elif kind == "FACE_CORRECTION":
        event["actual"] = given["face"]
        model.correct(number)
    elif kind == "FAULT_REVERSAL":
        model.reverse(number)
    elif kind == "CHANNEL_FEE":
        event["amount"] = draw.randint(1, 500)
        model.post(number, "channel_fee", E_CHANNEL=event["amount"], A_CH_RECYCLER=-event["amount"])
    elif kind == "CHANNEL_REMIT":
        event["amount"] = draw.randint(1, 50_000)
        model.post(number, "channel_remit", A_BANK=event["amount"], A_CH_RECYCLER=-event["amount"])
    elif kind == "VOUCHER":
        model.console(number)
    else:
        event |= {"category": draw.choice(["PHONE_TOPUP", "UTILITY", "GROCERY"]), "amount": draw.randint(1, 6_000)}
        model.spend(number, event)
    when.append(event)


def _escrow_events(draw: Random, given: Json, model: Model) -> list[Json]:
    deadline = model.begins_at + timedelta(hours=24)
    given["deadline"] = deadline.isoformat()
    when: list[Json] = [{"type": "ESCROW_ACCEPT"}]
    model.escrow(0, when[0])
    for seconds in sorted(draw.sample([-3_600, -1, 0, 1, 3_600], draw.randint(1, 3))):
        at = (deadline + timedelta(seconds=seconds)).isoformat()
        event = {"type": "ESCROW_CHECK", "at": at, "condition_met": draw.random() < 0.5}
        model.escrow(len(when), event)
        when.append(event)
    model.now = datetime.fromisoformat(when[-1].get("at", given["accepted_at"]))
    for _ in range(draw.randint(0, 4) if model.state == "SETTLED" else 0):
        _after_settlement(draw, given, model, when)
        if model.state == "REVERSED":
            break
    return when
