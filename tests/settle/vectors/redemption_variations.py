"""Redemption cases beside the visible ones: boundaries moved by a second or a fen, other channels, holidays, cards.

Each `then` is written by hand from DOMAIN.md; `CALCULATED` needs no engine, `PLAYED` does.
"""

from tests.settle.vectors.reference import Json


def _case(name: str, kind: str, then: Json, given: Json | None = None, when: list[Json] | None = None) -> Json:
    return {"id": name, "kind": kind, "given": given or {}, "when": tuple(when or ()), "then": then}


def _probe(elapsed: object, verification: str = "") -> Json:
    return {"elapsed_s": elapsed, "ctx": {"verification": verification} if verification else {}}


def _asked(user: str, at: str, face: int) -> Json:
    return {"user": user, "at": at, "face": face}


CALCULATED: tuple[Json, ...] = (
    _case("fee halves", "cancel_fee", {"fees": [0, 0, 1, 1, 2, 10_000]},
          {"channel": "KAQUANMAO", "faces": [0, 4, 5, 14, 15, 100_000]}),
    _case("flat fee", "cancel_fee", {"fees": [500, 500]}, {"channel": "COOLING", "faces": [1, 200_000]}),
    _case("no fee", "cancel_fee", {"fees": [0, 0]}, {"channel": "ESCROW", "faces": [1, 200_000]}),
    _case("payout floors", "payout", {"payouts": [0, 0, 949_999, 10**12], "spread": [1, 1, 50_001, 0]},
          {"pairs": [[1, 999_999], [1, 0], [1_000_000, 949_999], [10**12, 1_000_000]]}),
    _case("guard", "policy_guard", {"results": ["OK", "REJECT_CONFIG", "REJECT_CONFIG", "OK", "REJECT_CONFIG"]},
          {"configs": [[949_999, 0], [950_000, 0], [950_001, 5], [1_000_000, None], [1_000_000, 86_400]]}),
    _case("cap at midnight", "daily_cap",
          {"decisions": ["ALLOW", "DENY_DAILY_CAP", "ALLOW", "ALLOW", "DENY_DAILY_CAP", "ALLOW"]}, when=[
              _asked("u1", "2026-02-28T23:59:58+08:00", 49_999), _asked("u1", "2026-02-28T15:59:59+00:00", 2),
              _asked("u1", "2026-02-28T23:59:59.999999+08:00", 1), _asked("u1", "2026-03-01T00:00:00+08:00", 50_000),
              _asked("u1", "2026-03-01T00:00:00+08:00", 1), _asked("u2", "2026-02-28T16:00:00+00:00", 50_000),
          ]),
    _case("holidays", "t_plus_1", {"dates": ["2026-10-09", "2026-10-09", "2026-10-12", "2026-01-05", "2026-03-02"]}, {
        "accepted": ["2026-09-30T23:59:59+08:00", "2026-10-08T15:59:59.999999+00:00", "2026-10-08T16:00:00+00:00",
                     "2025-12-31T12:00:00+08:00", "2026-02-28T00:00:00+08:00"],
        "holidays": ["2026-01-01", "2026-01-02", *(f"2026-10-{day:02}" for day in range(1, 9))],
    }),
    _case("sla", "sla", {"due": ["2026-03-06", "2026-03-09", "2026-03-10", "2026-03-02", "2026-03-02", "2026-03-15"]}, {
        "holidays": ["2026-03-09"], "items": [
            {"from": "2026-03-06", "business_days": 0}, {"from": "2026-03-06", "days": 3},
            {"from": "2026-03-07", "business_days": 1}, {"from": "2026-02-28", "business_days": 1},
            {"from": "2026-02-28", "days": 2}, {"from": "2026-01-29", "days": 45},
        ],
    }),
    _case("a short cut-off", "enterprise_edit", {"results": ["ALLOW"], "leads": ["OK", "REJECT_LEAD_TOO_SHORT"]}, {
        "edit_cutoff_s": 1_800, "leads_s": [1_800, 1_799],
        "probes": [{"scheduled_at": "2026-03-06T12:00:00+08:00", "at": "2026-03-06T11:30:00+08:00"}],
    }),
    _case("queue", "priority", {"order": ["b", "a", "d", "c", "f", "e"]}, {"cases": [
        {"id": "a", "vip": 5, "payout": "ORIGINAL", "opened_at": "2026-03-06T10:00:00+08:00"},
        {"id": "b", "vip": 9, "payout": "ORIGINAL", "opened_at": "2026-03-06T01:59:59.999999+00:00"},
        {"id": "c", "vip": 5, "payout": "BANK_CARD", "opened_at": "2026-03-01T10:00:00+08:00"},
        {"id": "d", "vip": 5, "payout": "JD_BALANCE", "opened_at": "2026-03-06T10:00:00+08:00"},
        {"id": "f", "vip": 4, "payout": "BANK_CARD", "opened_at": "2026-03-01T10:00:00+08:00"},
        {"id": "e", "vip": 0, "payout": "BANK_CARD", "opened_at": "2026-03-01T10:00:00.000001+08:00"},
    ]}),
)
_WINDOWS = {"SELF": 5, "KAQUANMAO": 480, "SUHUISHOU": 900, "COOLING": 600}
_YES = {"KAQUANMAO": "REVIEW"}
_CLOSED = ("DUIDUI", "CROSSBORDER", "ESCROW")


def _window(channel: str, window: int) -> Json:
    yes = _YES.get(channel, "ALLOW")
    return _case(f"window {channel}", "window", {"results": [
        "DENY_WINDOW", yes, yes, yes, "DENY_WINDOW", "DENY_WINDOW", "DENY_VERIFIED", "DENY_VERIFIED", "DENY_WINDOW",
    ]}, {"channel": channel, "probes": [
        _probe(-1), _probe(0), _probe(window - 1), _probe(window), _probe(window + 1), _probe(window + 0.000001),
        _probe(window, "STARTED"), _probe(0, "DONE"), _probe(window + 1, "DONE"),
    ]})


def _order(name: str, face: int, accepted_at: str, settled: bool = False) -> Json:
    return {"id": name, "face": face, "accepted_at": accepted_at, "settled": settled}


def _posted(event: int, op: str, *lines: list[object]) -> Json:
    return {"event": event, "op": op, "ledger": "CNY", "lines": list(lines)}


_SELF: Json = {"channel": "SELF", "accepted_at": "2026-03-06T10:00:00+08:00", "rate_ppm": 940_000}

PLAYED: tuple[Json, ...] = (
    *(_window(channel, window) for channel, window in _WINDOWS.items()),
    *(_case(f"window {channel}", "window", {"results": ["DENY_NOT_SUPPORTED"] * 3}, {
        "channel": channel, "probes": [_probe(-1), _probe(0), _probe(0, "DONE")],
    }) for channel in _CLOSED),
    *(_case(f"window {channel}", "window", {"results": ["DENY_WINDOW", yes, yes, "DENY_WINDOW"]}, {
        "channel": channel, "probes": [_probe(-0.5), _probe(0), _probe(window), _probe(window + 0.5)],
    }) for channel, window, yes in (("APPEAL", 86_400, "ALLOW"), ("EXCEPTIONAL", 259_200, "REVIEW"))),
    _case("first", "first_time", {"decisions": ["ALLOW", "DENY_FIRST_TIME_CAP", "ALLOW", "ALLOW"]}, when=[
        {"face": 9_999, "prior_completed": 0}, {"face": 200_000, "prior_completed": 0},
        {"face": 10_001, "prior_completed": 2}, {"face": 1, "prior_completed": 0},
    ]),
    _case("transfers", "transfer", {"results": ["DENY_ACTIVATED", "ALLOW", "ALLOW", "DENY_ACTIVATED"]},
          {"probes": [{"activated": each} for each in (True, False, False, True)]}),
    _case("batch", "batch_revoke", {
        "results": ["REVOKED", "DENY_WINDOW", "REVOKED", "DENY_WINDOW", "DENY_SETTLED", "REVOKED", "DENY_SETTLED"],
        "released_face": 10_000 + 5_001 + 99_999,
    }, {"requested_at": "2026-03-01T00:00:00+08:00", "annual_purchase_fen": 50_000_001, "orders": [
        _order("now", 10_000, "2026-02-28T16:00:00+00:00"), _order("after", 1, "2026-03-01T00:00:01+08:00"),
        _order("last", 5_001, "2026-02-28T00:00:00+08:00"), _order("late", 1, "2026-02-27T23:59:59.999999+08:00"),
        _order("paid", 7, "2026-02-28T12:00:00+08:00", settled=True),
        _order("large", 99_999, "2026-02-28T23:59:59+08:00"),
        _order("both", 7, "2026-02-20T12:00:00+08:00", settled=True),
    ]}),
    _case("too small", "batch_revoke", {"results": ["DENY_NOT_ELIGIBLE"] * 3, "released_face": 0}, {
        "requested_at": "2026-03-06T10:00:00+08:00", "annual_purchase_fen": 49_999_999, "orders": [
            _order("a", 500, "2026-03-06T09:00:00+08:00"), _order("b", 500, "2026-03-01T09:00:00+08:00"),
            _order("c", 500, "2026-03-06T09:00:00+08:00", settled=True),
        ],
    }),
    _case("edits", "enterprise_edit", {
        "results": ["DENY_LOCKED", "ALLOW", "ALLOW", "DENY_LOCKED", "DENY_LOCKED", "ALLOW"],
        "leads": ["OK", "REJECT_LEAD_TOO_SHORT", "OK", "REJECT_LEAD_TOO_SHORT", "REJECT_LEAD_TOO_SHORT"],
    }, {"edit_cutoff_s": 7_200, "leads_s": [7_200, 7_199, 604_800, 0, 3_600], "probes": [
        {"scheduled_at": "2026-03-01T01:00:00+08:00", "at": "2026-02-28T23:00:01+08:00"},
        {"scheduled_at": "2026-03-01T01:00:00+08:00", "at": "2026-02-28T15:00:00+00:00"},
        {"scheduled_at": "2026-03-01T01:00:00+08:00", "at": "2026-02-28T22:59:59+08:00"},
        {"scheduled_at": "2026-03-01T01:00:00+08:00", "at": "2026-03-01T01:00:00+08:00"},
        {"scheduled_at": "2026-03-01T01:00:00+08:00", "at": "2026-03-02T01:00:00+08:00"},
        {"scheduled_at": "2026-04-30T12:00:00+08:00", "at": "2026-04-30T09:59:59.999999+08:00"},
    ]}),
    _case("duplicates", "duplicate_code", {"results": [
        "FAILED_RETRYABLE", "FAILED_RETRYABLE", "ACCEPTED", "DENY_DUPLICATE_CODE_FREEZE_CASE", "ACCEPTED",
        "DENY_CODE_USED", "DENY_DUPLICATE_CODE_FREEZE_CASE", "FAILED_RETRYABLE", "ACCEPTED",
    ]}, when=[
        {"type": "SUBMIT_FAILED", "code_hash": "a"}, {"type": "SUBMIT_FAILED", "code_hash": "a"},
        {"type": "SUBMIT", "code_hash": "a"}, {"type": "SUBMIT", "code_hash": "a", "completes": True},
        {"type": "SUBMIT", "code_hash": "b", "completes": True}, {"type": "SUBMIT", "code_hash": "b"},
        {"type": "SUBMIT", "code_hash": "a"}, {"type": "SUBMIT_FAILED", "code_hash": "c"},
        {"type": "SUBMIT", "code_hash": "c"},
    ]),
    _case("cancelled too late, twice", "redemption_flow", {
        "journals": [
            {"event": 0, "op": "settle", "ledger": "CNY", "lines": [
                ["L.GIFTCARD", 10_000], ["L.PAYOUT.TRANSIT", -9_400], ["I.SPREAD", -600]]},
            {"event": 3, "op": "payout", "ledger": "CNY", "lines": [["L.PAYOUT.TRANSIT", 9_400], ["A.BANK", -9_400]]},
        ],
        "balances": {"I.SPREAD": -600, "A.BANK": -9_400}, "state": "PAID",
        "results": ["DENY_VERIFIED", "DENY_WINDOW", "DENY_WINDOW"],
    }, {"channel": "SELF", "accepted_at": "2026-02-28T23:59:55+08:00", "face": 10_000, "rate_ppm": 940_000,
        "opening": {"L.GIFTCARD": -10_000}}, [
        {"type": "SETTLE"},
        {"type": "CANCEL", "at": "2026-03-01T00:00:00+08:00", "verification": "STARTED"},
        {"type": "CANCEL", "at": "2026-03-01T00:00:01+08:00", "verification": "DONE"},
        {"type": "PAYOUT", "to": "BANK"}, {"type": "CANCEL", "at": "2026-03-01T09:00:00+08:00"},
    ]),
    _case("verified before and asked again", "redemption_flow", {
        "journals": [
            {"event": 2, "op": "settle", "ledger": "CNY", "lines": [
                ["A.CH.RECYCLER", 9_200], ["L.PAYOUT.TRANSIT", -9_200]]},
        ],
        "balances": {"A.CH.RECYCLER": 9_200, "L.PAYOUT.TRANSIT": -9_200}, "state": "SETTLED",
        "results": ["DENY_VERIFIED", "DENY_VERIFIED", "DENY_WINDOW"],
    }, {"channel": "COOLING", "accepted_at": "2026-03-06T10:00:00.5+08:00", "face": 10_000, "rate_ppm": 920_000}, [
        {"type": "CANCEL", "at": "2026-03-06T10:00:00.5+08:00", "verification": "STARTED"},
        {"type": "CANCEL", "at": "2026-03-06T10:10:00.5+08:00", "verification": "DONE"},
        {"type": "SETTLE"}, {"type": "CANCEL", "at": "2026-03-06T10:10:00.500001+08:00"},
    ]),
    _case("days after a lower face", "redemption_flow", {
        "journals": [
            _posted(0, "settle", ["L.GIFTCARD", 150_000], ["L.PAYOUT.TRANSIT", -141_000], ["I.SPREAD", -9_000]),
            _posted(1, "face_clawback", ["L.PAYOUT.TRANSIT", 47_000], ["I.SPREAD", 3_000], ["L.GIFTCARD", -50_000]),
            _posted(2, "payout", ["L.PAYOUT.TRANSIT", 94_000], ["A.BANK", -94_000]),
            _posted(3, "voucher_issue", ["E.GOODWILL", 5_000], ["L.VOUCHER", -5_000]),
            _posted(4, "fault_reversal", ["A.CUST.RECV", 94_000], ["I.SPREAD", 6_000], ["L.GIFTCARD", -100_000]),
            _posted(5, "voucher_use", ["L.VOUCHER", 4_999], ["A.BANK", -4_999]),
            _posted(7, "voucher_use", ["L.VOUCHER", 1], ["A.BANK", -1]),
        ],
        "balances": {"L.GIFTCARD": -100_000, "A.BANK": -99_000, "A.CUST.RECV": 94_000, "E.GOODWILL": 5_000},
        "state": "REVERSED", "results": ["OK", "OK", "OK", "DENY_CATEGORY"],
    }, {**_SELF, "face": 100_000, "declared": 150_000, "opening": {"L.GIFTCARD": -100_000}}, [
        {"type": "SETTLE"}, {"type": "FACE_CORRECTION", "actual": 100_000},
        {"type": "PAYOUT", "at": "2026-03-09T00:00:00+08:00", "to": "BANK"}, {"type": "VOUCHER"},
        {"type": "FAULT_REVERSAL", "at": "2026-03-20T10:00:00+08:00"},
        {"type": "VOUCHER_USE", "category": "UTILITY", "amount": 4_999},
        {"type": "VOUCHER_USE", "category": "UTILITY", "amount": 0},
        {"type": "VOUCHER_USE", "at": "2027-03-20T10:00:00+08:00", "category": "PHONE_TOPUP", "amount": 2},
        {"type": "VOUCHER_USE", "category": "GROCERY", "amount": 1},
    ]),
    _case("a top-up of less than a fen", "redemption_flow", {
        "journals": [
            _posted(0, "settle", ["L.GIFTCARD", 1], ["I.SPREAD", -1]),
            _posted(2, "face_topup", ["L.GIFTCARD", 1], ["I.SPREAD", -1]),
        ],
        "balances": {"I.SPREAD": -2}, "state": "PAID", "results": ["DENY_CATEGORY"],
    }, {**_SELF, "face": 2, "declared": 1, "rate_ppm": 400_000, "opening": {"L.GIFTCARD": -2}}, [
        {"type": "SETTLE"}, {"type": "PAYOUT", "to": "BANK"}, {"type": "FACE_CORRECTION", "actual": 2},
        {"type": "PAYOUT", "to": "WALLET"}, {"type": "VOUCHER_USE", "category": "GROCERY", "amount": 1},
    ]),
    _case("nothing is lost", "redemption_flow", {
        "journals": [
            _posted(0, "settle", ["L.GIFTCARD", 700], ["L.PAYOUT.TRANSIT", -700]),
            _posted(1, "payout", ["L.PAYOUT.TRANSIT", 700], ["L.CUST.WALLET", -700]),
        ],
        "balances": {"L.CUST.WALLET": -700}, "state": "PAID", "results": ["DENY_CATEGORY", "OK"],
    }, {**_SELF, "channel": "CROSSBORDER", "face": 700, "rate_ppm": 1_000_000, "opening": {"L.GIFTCARD": -700}}, [
        {"type": "SETTLE"}, {"type": "PAYOUT", "to": "WALLET"}, {"type": "VOUCHER"},
        {"type": "VOUCHER_USE", "category": "GROCERY", "amount": 1},
        {"type": "VOUCHER_USE", "category": "UTILITY", "amount": 1},
    ]),
    _case("a corrected face, once more while its top-up is under way", "redemption_flow", {
        "journals": [
            _posted(0, "settle", ["L.GIFTCARD", 50_000], ["L.PAYOUT.TRANSIT", -47_000], ["I.SPREAD", -3_000]),
            _posted(1, "payout", ["L.PAYOUT.TRANSIT", 47_000], ["A.BANK", -47_000]),
            _posted(2, "face_topup", ["L.GIFTCARD", 50_000], ["L.PAYOUT.TRANSIT", -47_000], ["I.SPREAD", -3_000]),
        ],
        "balances": {"L.PAYOUT.TRANSIT": -47_000, "A.BANK": -47_000, "I.SPREAD": -6_000},
        "state": "PAID", "results": [],
    }, {**_SELF, "face": 100_000, "declared": 50_000, "opening": {"L.GIFTCARD": -100_000}}, [
        {"type": "SETTLE"}, {"type": "PAYOUT", "to": "BANK"}, {"type": "FACE_CORRECTION", "actual": 100_000},
        {"type": "FACE_CORRECTION", "actual": 100_000},
    ]),
    _case("the true face is in escrow", "redemption_flow", {
        "journals": [_posted(0, "escrow", ["L.GIFTCARD", 100_000], ["L.ESCROW", -100_000])],
        "balances": {"L.ESCROW": -100_000}, "state": "ESCROW", "results": [],
    }, {**_SELF, "channel": "ESCROW", "face": 100_000, "declared": 200_000, "deadline": "2026-03-07T10:00:00+08:00",
        "opening": {"L.GIFTCARD": -100_000}}, [{"type": "ESCROW_ACCEPT"}]),
)
