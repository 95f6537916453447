"""What a Prometheus sees of a running engine, scrape after scrape, and what it would say, as input of promtool."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.deploy.test_observability import ALERTS

INTERVAL_SECONDS = 15
HELD = 26
"""So often what was seen last is seen again: longer than any alert here waits."""
ANSWER_SECONDS = 5.0

Series = tuple[str, tuple[tuple[str, str], ...]]


class Scraper:
    """Scrapes these addresses by instance, each with the component that it is of."""

    def __init__(self, addresses: Mapping[str, tuple[str, str]], wanted: set[str]) -> None:
        self._addresses, self._wanted = addresses, wanted
        self.scrapes: list[dict[Series, float]] = []

    def scrape(self) -> dict[Series, float]:
        """One more; who does not answer is down, and shows nothing."""
        seen: dict[Series, float] = {}
        for instance, (component, address) in self._addresses.items():
            own = {"component": component, "instance": instance}
            try:
                with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                    f"http://{address}/metrics", timeout=ANSWER_SECONDS
                ) as answer:
                    text = answer.read().decode()
            except (OSError, urllib.error.URLError):
                seen["up", tuple(own.items())] = 0.0
                continue
            seen["up", tuple(own.items())] = 1.0
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    if sample.name in self._wanted:
                        seen[sample.name, tuple(sorted((sample.labels | own).items()))] = sample.value
        self.scrapes.append(seen)
        return seen

    def most(self, name: str, **labels: str) -> float:
        """The largest value of these series now; -1 where there is none."""
        seen = self.scrape()
        found = [
            value for (each, own), value in seen.items() if each == name and labels.items() <= dict(own).items()
        ]
        return max(found, default=-1.0)


def played(
    scrapes: Sequence[Mapping[Series, float]], alerts: Sequence[str], *, firing: bool
) -> dict[str, Any]:  # Any: YAML
    """A test of promtool: these scrapes, the last of them for some time more, and all these alerts firing then, or none
    of them. Others may: a crowded machine rings LoopLag."""
    known = sorted({series for scrape in scrapes for series in scrape})
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in alerts if firing]
    return {
        "interval": f"{INTERVAL_SECONDS}s",
        "input_series": [{"series": _written(each), "values": _values(each, scrapes)} for each in known],
        "promql_expr_test": [{
            "expr": f'max by (alertname) (ALERTS{{alertstate="firing",alertname=~"{"|".join(alerts)}"}})',
            "exp_samples": expected,
            "eval_time": f"{(len(scrapes) + HELD - 1) * INTERVAL_SECONDS}s",
        }],
    }


def write(file: Path, tests: Sequence[Mapping[str, Any]]) -> None:  # Any: YAML
    """For `promtool test rules`; JSON is YAML."""
    told = {"rule_files": [str(ALERTS)], "evaluation_interval": f"{INTERVAL_SECONDS}s", "tests": list(tests)}
    file.write_text(json.dumps(told), encoding="utf-8")


def _written(series: Series) -> str:
    name, labels = series
    return f"{name}{{{','.join(f'{key}={json.dumps(text)}' for key, text in labels)}}}"


def _values(series: Series, scrapes: Sequence[Mapping[Series, float]]) -> str:
    told = [f"{scrape[series]!r}" if series in scrape else "_" for scrape in scrapes]
    return " ".join([*told, *[told[-1]] * HELD])
