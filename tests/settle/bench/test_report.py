"""A report has everything in it, and two can be compared."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from settle.bench import report
from settle.bench.figures import Figures, Moment, Percentiles, Phase
from settle.cli.app import app

CLOSED = Percentiles.of([0.1, 0.2, 0.3])


def figures(rate: float, machine: str = "one", void: str = "") -> Figures:
    """A run that settled so many a second."""
    phase = Phase(
        name="closed loop", seconds=2.0, sent=10, settled=10, settled_per_second=rate, accepted=CLOSED,
        to_settled=CLOSED, errors={}, cpu_per_1000={"order": 0.5}, wal_bytes_per_settlement=9_000, machine_busy=0.9,
        stolen=0.0, moments=[Moment(second / 10, 3, CLOSED) for second in range(5)],
    )
    return Figures(
        mix="credit", broker="kafka", versions={"python": "3.11"}, stored_orders=1_000, phases=[phase],
        ceiling_per_second=1_000.0, baseline_per_second=500.0, machine={"processor": machine},
        void=[void] if void else [],
    )


class Links(HTMLParser):
    """Notes what a page loads from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.loaded += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href")]


def test_a_report_is_one_page_with_everything_in_it(tmp_path: Path) -> None:
    """Rates, latency over time, cost, ratios and machine; it loads nothing."""
    file, links = tmp_path / "report.html", Links()

    report.write(figures(600.0, void="</script><b>lost"), file)
    page = file.read_text(encoding="utf-8")
    links.feed(page)

    assert links.loaded == []
    for told in ("600 settled/s", "<polyline", "unary 1.2", "one", "auditor", "&lt;/script&gt;&lt;b&gt;lost"):
        assert told in page
    assert report.read(file) == json.loads(json.dumps(figures(600.0, void="</script><b>lost").as_json()))


def test_two_runs_are_set_side_by_side(tmp_path: Path) -> None:
    """A page and a file of `--json`; where the machines differ, that is said."""
    page, lines = tmp_path / "a.html", tmp_path / "b.json"
    report.write(figures(600.0), page)
    lines.write_text("a line before\n" + json.dumps(figures(900.0, "other").as_json()) + "\n", encoding="utf-8")

    done = CliRunner().invoke(app, ["bench", "--compare", str(page), str(lines)])

    assert done.exit_code == 0
    rate = next(line for line in done.output.splitlines() if line.startswith("closed loop: settled / s"))
    assert rate.split()[-3:] == ["600.00", "900.00", "1.500"]
    assert "A: one" in done.output
    assert "B: other" in done.output


@pytest.mark.parametrize(
    "text", ["", "nothing", "[1]", '{"mix": "credit"}', '<script type="application/json" id="figures">{</script>']
)
def test_a_file_without_figures_is_refused(tmp_path: Path, text: str) -> None:
    """By its name; nothing is run."""
    page, other = tmp_path / "a.html", tmp_path / "other"
    report.write(figures(600.0), page)
    other.write_text(text, encoding="utf-8")

    done = CliRunner().invoke(app, ["bench", "--compare", str(page), str(other)])

    assert done.exit_code == 2
    assert "other" in done.output
