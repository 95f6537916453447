"""The calculators of redemptions: what a case names goes to the rules of card_redemption, under its file's policies.

None needs a running engine. `first_time`, `batch_revoke` and `enterprise_edit` are played on one (`sequence.py`) where
they name no number that a running product does not have; else its bounds and guards are asked alone.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from services.card_redemption.domain.disputes.queue import Place
from services.card_redemption.domain.recycling.caps import CancelledToday, cancelled_more, first_fits
from services.card_redemption.domain.recycling.enterprise import Revocation, may_edit, may_schedule, revocation
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import CancelFee, ChannelPolicy, Kind
from settle.vectors.scenario import Json, Scenario

ALLOW = "ALLOW"


def cancel_fee(scenario: Scenario) -> Json:
    """What a channel takes for a cancellation, by face."""
    fee = _fee(scenario.policies["channels"][scenario.given["channel"]])
    return {"fees": [fee.of(face) for face in scenario.given["faces"]]}


def _fee(channel: Json) -> CancelFee:
    said = channel.get("fee", {"type": "NONE"})
    if said["type"] == "NONE":
        return CancelFee()
    return CancelFee(flat_minor=said["fen"]) if said["type"] == "FLAT" else CancelFee(share_ppm=said["ppm"])


def payout(scenario: Scenario) -> Json:
    """What is paid for faces at rates, and what is left of each."""
    pairs = [(face, ChannelPolicy("", Kind.SELF, rate)) for face, rate in scenario.given["pairs"]]
    return {
        "payouts": [policy.payout_minor(face) for face, policy in pairs],
        "spread": [policy.spread_minor(face) for face, policy in pairs],
    }


def policy_guard(scenario: Scenario) -> Json:
    """Which rates may go with which windows."""
    policies = [ChannelPolicy("", Kind.SELF, rate, _window(seconds)) for rate, seconds in scenario.given["configs"]]
    return {"results": ["OK" if policy.guarded else "REJECT_CONFIG" for policy in policies]}


def _window(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def priority(scenario: Scenario) -> Json:
    """In which order disputes are heard."""
    places = [
        Place(case["id"], case["vip"], PayoutMethod[case["payout"]], datetime.fromisoformat(case["opened_at"]))
        for case in scenario.given["cases"]
    ]
    return {"order": [place.id for place in sorted(places, key=lambda place: place.key)]}


def daily_cap(scenario: Scenario) -> Json:
    """Which paid cancellations a customer is allowed, one after another."""
    cap, standing, decisions = scenario.policies["cooling_daily_cap_fen"], dict[str, CancelledToday](), []
    for asked in scenario.when:
        before = standing.get(asked["user"], CancelledToday(date.min))
        after = cancelled_more(before, datetime.fromisoformat(asked["at"]), asked["face"], cap)
        standing[asked["user"]] = after or before
        decisions.append(ALLOW if after else "DENY_DAILY_CAP")
    return {"decisions": decisions}


def first_time(scenario: Scenario) -> Json:
    """Which faces a customer may submit, by what he completed before."""
    cap = scenario.policies["first_redemption_cap_fen"]
    fitting = [first_fits(asked["face"], asked["prior_completed"], cap) for asked in scenario.when]
    return {"decisions": [ALLOW if fits else "DENY_FIRST_TIME_CAP" for fits in fitting]}


def enterprise_edit(scenario: Scenario) -> Json:
    """Until when a schedule may be edited, and how far ahead it must lie."""
    cutoff, now = timedelta(seconds=scenario.given["edit_cutoff_s"]), datetime.fromisoformat("2026-03-06T00:00:00Z")
    probes = [
        may_edit(datetime.fromisoformat(probe["at"]), datetime.fromisoformat(probe["scheduled_at"]), cutoff)
        for probe in scenario.given["probes"]
    ]
    leads = [may_schedule(now, now + timedelta(seconds=lead), cutoff) for lead in scenario.given["leads_s"]]
    return {
        "results": [ALLOW if may else "DENY_LOCKED" for may in probes],
        "leads": ["OK" if may else "REJECT_LEAD_TOO_SHORT" for may in leads],
    }


def batch_revoke(scenario: Scenario) -> Json:
    """What an enterprise may revoke of a batch, order by order."""
    given, above = scenario.given, scenario.policies["mou_min_annual_purchase_fen"]
    at = datetime.fromisoformat(given["requested_at"])
    results = [
        revocation(
            given["annual_purchase_fen"], above, datetime.fromisoformat(order["accepted_at"]),
            settled=order["settled"], at=at,
        )
        for order in given["orders"]
    ]
    revoked = zip(given["orders"], results, strict=True)
    return {
        "results": [result.value for result in results],
        "released_face": sum(order["face"] for order, result in revoked if result is Revocation.REVOKED),
    }


CALCULATORS: Mapping[str, Callable[[Scenario], Json]] = {
    "cancel_fee": cancel_fee, "payout": payout, "policy_guard": policy_guard, "priority": priority,
    "daily_cap": daily_cap, "first_time": first_time, "enterprise_edit": enterprise_edit,
    "batch_revoke": batch_revoke,
}
