"""The calculators: what is `given` goes to the product's own domain functions, never to a copy of them."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from services.credit_ledger.domain.holds import schedule as plans
from services.credit_ledger.domain.refunds import strategies
from services.kernel.calendar import WorkingCalendar, business_date
from services.order.domain import pricing, tenders
from settle.vectors import redemption
from settle.vectors.scenario import Json, Scenario

Calculator = Callable[[Scenario], Json]
OVER_REFUND = "REJECT_OVER_REFUND"


def calculate(scenario: Scenario) -> Json:
    """What the product's functions say to this case; KeyError for a kind that has none."""
    return CALCULATORS[scenario.kind](scenario)


def schedule(given: Json) -> Json:
    """The parts and fees of a plan."""
    principal, fee = plans.parts(given["principal"], given["n"], given["fee_ppm"])
    return {"principal": list(principal), "fee": list(fee)}


def discount_alloc(given: Json) -> Json:
    """Promotions over lines, one after another."""
    promotions = [pricing.Promotion(promo["amount"], tuple(promo.get("lines", ()))) for promo in given["promos"]]
    steps = [list(step) for step in pricing.discount_alloc(given["lines"], promotions)]
    return {"steps": steps, "payable": steps[-1]}


def unit_refund(given: Json) -> Json:
    """The value of each unit of a line, one after another."""
    return {"units": list(pricing.unit_refund(given["payable"], given["qty"]))}


def tender_split(given: Json) -> Json:
    """Refunds over tenders by what remains of each."""
    amounts = [tender["amount"] for tender in given["tenders"]]
    splits, remaining = tenders.tender_split(amounts, given["refunds"])
    return {"splits": [OVER_REFUND if parts is None else list(parts) for parts in splits], "remaining": list(remaining)}


def strategy_compare(given: Json) -> Json:
    """Every strategy's reductions of what is outstanding."""
    found = strategies.compare(given["refund"], given["outstanding"])
    return {
        "reductions": {strategy.value: list(parts) for strategy, (parts, _) in found.items()},
        "after": {strategy.value: list(after) for strategy, (_, after) in found.items()},
    }


def t_plus_1(given: Json) -> Json:
    """The first working day after each acceptance."""
    calendar = _calendar(given)
    days = [business_date(datetime.fromisoformat(instant)) for instant in given["accepted"]]
    return {"dates": [calendar.after(day).isoformat() for day in days]}


def sla(given: Json) -> Json:
    """When each item is due, by working or by calendar days."""
    return {"due": [_due(item, _calendar(given)).isoformat() for item in given["items"]]}


def _due(item: Json, calendar: WorkingCalendar) -> date:
    start = date.fromisoformat(item["from"])
    if "business_days" in item:
        return calendar.after(start, item["business_days"])
    return start + timedelta(days=item["days"])


def _calendar(given: Json) -> WorkingCalendar:
    return WorkingCalendar.of(date.fromisoformat(day) for day in given["holidays"])


_OF_GIVEN: Mapping[str, Callable[[Json], Json]] = {
    "schedule": schedule,
    "discount_alloc": discount_alloc,
    "unit_refund": unit_refund,
    "tender_split": tender_split,
    "strategy_compare": strategy_compare,
    "t_plus_1": t_plus_1,
    "sla": sla,
}


def _of_given(calculator: Callable[[Json], Json]) -> Calculator:
    return lambda scenario: calculator(scenario.given)


CALCULATORS: Mapping[str, Calculator] = {
    **{kind: _of_given(calculator) for kind, calculator in _OF_GIVEN.items()}, **redemption.CALCULATORS
}
