"""A run of the bench as one page of HTML that needs nothing else; its figures are inside, for `--compare`."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from settle.bench.figures import Figures

WIDTH, HEIGHT, MARGIN = 720, 220, 44
_COLOURS = ("#1f5fa8", "#c2571a", "#3b8a3e", "#8a3b83", "#7a6a1f", "#3f8a8a", "#777777")
_MARK = '<script type="application/json" id="figures">'
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; color: #222 }}
table {{ border-collapse: collapse; margin: 1em 0 }}
td, th {{ padding: .2em .8em; text-align: right; border-bottom: 1px solid #ddd }}
td:first-child, th:first-child {{ text-align: left }}
svg {{ background: #fafafa; border: 1px solid #ddd }} text {{ font-size: 11px }}
.missed {{ color: #a11 }}
</style></head><body><h1>{title}</h1>
{body}
{mark}{figures}</script></body></html>
"""
Said = Mapping[str, Any]  # Any: the values of a JSON object


class Unreadable(Exception):
    """The file holds no figures of a bench."""


def write(figures: Figures, path: Path) -> None:
    """Write the page of a run."""
    said = json.loads(json.dumps(figures.as_json()))
    body = "\n".join([*_summary(said), *_phases(said), *_goals(said)])
    told = json.dumps(said).replace("<", "\\u003c")
    path.write_text(_PAGE.format(title=f"settle bench, {escape(said['mix'])}", body=body, mark=_MARK, figures=told),
                    encoding="utf-8")


def read(path: Path) -> Said:
    """The figures in a page, or in a file that `settle bench --json` wrote; `Unreadable` if there are none."""
    text = path.read_text(encoding="utf-8")
    found = re.search(re.escape(_MARK) + r"(.*?)</script>", text, re.DOTALL)
    lines = text.strip().splitlines()
    try:
        said = json.loads(found[1] if found else lines[-1] if lines else "")
    except json.JSONDecodeError as error:
        raise Unreadable(f"{path} holds no figures of `settle bench`") from error
    if not isinstance(said, dict) or "phases" not in said:
        raise Unreadable(f"{path} holds no figures of `settle bench`")
    return said


def compare(before: Said, after: Said) -> str:
    """Two runs side by side, and the second by the first."""
    rows = [(name, *values) for name, values in _pairs(before, after)]
    lines = [f"{'':<44}{'A':>12}{'B':>12}{'B / A':>9}"]
    for name, first, second in rows:
        ratio = f"{second / first:>9.3f}" if first else f"{'-':>9}"
        lines.append(f"{name:<44}{first:>12,.2f}{second:>12,.2f}{ratio}")
    if before["mix"] != after["mix"]:
        lines.append(f"A is of mix {before['mix']}, B of mix {after['mix']}: their figures are not alike")
    machines = [said.get("machine", {}) for said in (before, after)]
    if machines[0] != machines[1]:
        lines += [f"{name}: {', '.join(each.values())}" for name, each in zip("AB", machines, strict=True)]
    return "\n".join(lines)


def _pairs(before: Said, after: Said) -> Iterator[tuple[str, tuple[float, float]]]:
    one, other = dict(_measures(before)), dict(_measures(after))
    yield from ((name, (one[name], other[name])) for name in one if name in other)


def _measures(said: Said) -> Iterator[tuple[str, float]]:
    for name in ("ceiling_per_second", "baseline_per_second", "ratio"):
        yield name.replace("_", " "), said[name]
    for way, ratio in said.get("ratios_to_baseline", {}).items():
        yield f"{way} / baseline", ratio
    for name, phase in said["phases"].items():
        yield f"{name}: settled / s", phase["settled_per_second"]
        yield f"{name}: cpu s / 1,000", phase["cpu_total_per_1000"]
        yield f"{name}: wal bytes a settlement", phase["wal_bytes_per_settlement"]
        for kind in ("accepted", "to_settled"):
            for share in ("p50", "p99"):
                yield f"{name}: {kind.replace('_', ' ')} {share} ms", phase[kind][share]


def _summary(said: Said) -> Iterator[str]:
    facts = {"broker": said["broker"], "stored orders": f"{said['stored_orders']:,}", **said.get("machine", {})}
    facts |= {"versions": ", ".join(f"{name} {version}" for name, version in said["versions"].items())}
    facts |= {"ratio to the ceiling": said["ratio"], "ceiling": f"{said['ceiling_per_second']:,.0f}/s"}
    if said["baseline_per_second"]:
        ratios = ", ".join(f"{way} {ratio}" for way, ratio in said["ratios_to_baseline"].items())
        facts |= {"baseline, by hand": f"{said['baseline_per_second']:,.0f}/s", "ratios to it": ratios}
    facts["auditor"] = ", ".join(f"{check}: {count}" for check, count in said["violations"].items()) or "clean"
    yield "<table>" + "".join(f"<tr><td>{escape(k)}</td><td>{escape(str(v))}</td></tr>" for k, v in facts.items())
    yield "</table>"
    yield from (f'<p class="missed">VOID: {escape(why)}</p>' for why in said["void"])


def _phases(said: Said) -> Iterator[str]:
    for name, phase in said["phases"].items():
        yield f"<h2>{escape(name)}: {phase['settled_per_second']:,.0f} settled/s</h2>"
        yield _table(["ms", "p50", "p95", "p99", "longest"], [
            [kind.replace("_", " "), *(f"{phase[kind][part]:,.1f}" for part in ("p50", "p95", "p99", "longest"))]
            for kind in ("accepted", "to_settled")
        ])
        costs = phase["cpu_per_1000"]
        yield _table(["cpu s / 1,000", *costs, "all"], [
            ["", *(f"{cost:.2f}" for cost in costs.values()), f"{phase['cpu_total_per_1000']:.2f}"]
        ])
        wal, busy = phase["wal_bytes_per_settlement"], phase["machine_busy"]
        yield f"<p>{wal:,} bytes of WAL a settlement; machine {busy:.0%} busy</p>"
        yield _over_time(phase["moments"])


def _goals(said: Said) -> Iterator[str]:
    yield "<h2>Goals</h2>"
    rows = [[goal, "yes" if met else "NO"] for goal, met in said["goals"].items()]
    yield _table(["on 2 cores, everything on them", "reached"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    above = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{above}</tr>{''.join(body)}</table>"


def _over_time(moments: Sequence[Mapping[str, Any]]) -> str:
    """How long what was sent at a moment took to be settled, in milliseconds, over the phase."""
    seen = [moment for moment in moments if moment["settled"]]
    if not seen:
        return ""
    last, most = max(m["second"] for m in seen) or 1.0, max(m["to_settled"]["p99"] for m in seen) or 1.0
    lines = []
    for colour, share in zip(_COLOURS, ("p50", "p95", "p99"), strict=False):
        points = " ".join(
            f"{MARGIN + m['second'] / last * (WIDTH - 2 * MARGIN):.1f},"
            f"{HEIGHT - MARGIN - m['to_settled'][share] / most * (HEIGHT - 2 * MARGIN):.1f}"
            for m in seen
        )
        lines.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>')
    named = "".join(
        f'<text x="{MARGIN + 60 * n}" y="16" fill="{colour}">{share}</text>'
        for n, (colour, share) in enumerate(zip(_COLOURS, ("p50", "p95", "p99"), strict=False))
    )
    axes = (
        f'<text x="4" y="{MARGIN}">{most:,.0f} ms</text><text x="4" y="{HEIGHT - MARGIN}">0</text>'
        f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 12}">{last:,.1f} s</text>'
    )
    drawn = "".join([axes, named, *lines])
    return f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="settled, over time">{drawn}</svg>'
