"""What was expected against what is: the first difference, in the order in which `then` is written. Pure.

Journals are brought to one form first: per (event, op, ledger) the sum by account, zeros dropped. X.CLEARING must
cancel inside each of them; LIM.GRANT and X.SUSPENSE are the product's own and are not compared here.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from settle.vectors.scenario import Json, Scenario

Key = tuple[int, str, str]
"""(event, op, ledger)."""

UNLISTED = frozenset({"LIM.GRANT", "X.SUSPENSE"})
OPENING = "LIM.AVAIL"
"""The one account that opens with something: the granted limit."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where expected and actual are not the same."""

    place: str
    expected: Json
    actual: Json

    def __str__(self) -> str:
        return f"{self.place}: expected {_written(self.expected)}, actual {_written(self.actual)}"


def first_difference(scenario: Scenario, actual: Json) -> Difference | None:
    """The first difference between the case's `then` and what was found, or None where all of it holds."""
    return next(_differences(scenario, actual), None)


def _differences(scenario: Scenario, actual: Json) -> Iterator[Difference]:
    then = scenario.then
    if scenario.kind == "credit_flow" and "outcomes" not in then:
        yield from _lists("outcomes", ["OK"] * len(scenario.when), actual["outcomes"])
    if scenario.kind == "redemption_flow" and "results" not in then:
        yield from _lists("results", [], actual["results"])
    for name, expected in then.items():
        if name == "journals":
            yield from _unbalanced(actual["journals"])
            yield from _journals(expected, actual["journals"])
        elif name == "balances":
            yield from _mappings(name, expected, actual[name], named_only=False)
        else:
            yield from _values(name, expected, actual.get(name))


def _values(place: str, expected: Json, actual: Json) -> Iterator[Difference]:
    if isinstance(expected, dict) and isinstance(actual, dict):
        yield from _mappings(place, expected, actual, named_only=True)
    elif isinstance(expected, list) and isinstance(actual, list):
        yield from _lists(place, expected, actual)
    elif not _same(expected, actual):
        yield Difference(place, expected, actual)


def _lists(place: str, expected: list[Json], actual: list[Json]) -> Iterator[Difference]:
    for index in range(max(len(expected), len(actual))):
        wanted = expected[index] if index < len(expected) else None
        found = actual[index] if index < len(actual) else None
        if isinstance(wanted, dict) and isinstance(found, dict):
            yield from _mappings(f"{place}[{index}]", wanted, found, named_only=False)
        elif not _same(wanted, found):
            yield Difference(f"{place}[{index}]", wanted, found)


def _mappings(
    place: str, expected: Mapping[str, Json], actual: Mapping[str, Json], named_only: bool
) -> Iterator[Difference]:
    """`named_only`: what is not named in the expected mapping is not compared; else it must not be there."""
    for name, wanted in expected.items():
        yield from _values(f"{place}.{name}", wanted, actual.get(name))
    if not named_only:
        for name, found in actual.items():
            if name not in expected:
                yield Difference(f"{place}.{name}", None, found)


def _journals(expected: Json, actual: Json) -> Iterator[Difference]:
    wanted, found = normal_form(expected), normal_form(actual)
    for key in [*wanted, *(key for key in found if key not in wanted)]:
        place = f"journals[{key[0]},{key[1]},{key[2]}]"
        yield from _mappings(place, wanted.get(key, {}), found.get(key, {}), named_only=False)


def _unbalanced(journals: Json) -> Iterator[Difference]:
    for journal in journals:
        off = sum(amount for _, amount in journal["lines"])
        if off:
            yield Difference(f"journals[{journal['event']},{journal['op']},{journal['ledger']}]", 0, off)


def normal_form(journals: Iterable[Json]) -> dict[Key, dict[str, int]]:
    """Sums by account for each (event, op, ledger), in order of appearance; nothing that is 0."""
    sums: dict[Key, dict[str, int]] = {}
    for journal in journals:
        accounts = sums.setdefault((journal["event"], journal["op"], journal["ledger"]), {})
        for account, amount in journal["lines"]:
            if account not in UNLISTED:
                accounts[account] = accounts.get(account, 0) + amount
    kept = {key: {name: amount for name, amount in accounts.items() if amount} for key, accounts in sums.items()}
    return {key: accounts for key, accounts in kept.items() if accounts}


def closing_balances(journals: Iterable[Json], opening: Mapping[str, int]) -> dict[str, int]:
    """Every account that is not 0 at the end; X.SUSPENSE must be, so it counts here. LIM.GRANT is nobody's business."""
    balances = dict(opening)
    for journal in journals:
        for account, amount in journal["lines"]:
            balances[account] = balances.get(account, 0) + amount
    balances.pop("LIM.GRANT", None)
    return {account: amount for account, amount in balances.items() if amount}


def _same(expected: Json, actual: Json) -> bool:
    """Equal as JSON: 1 is not true."""
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    return bool(expected == actual)


def _written(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
