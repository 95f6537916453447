"""The figures of a run, and how they are said."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from settle.bench.goals import BATCHED, STREAMED, WAYS, reached


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Latencies in milliseconds."""

    p50: float
    p95: float
    p99: float
    longest: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Percentiles":
        """Of these measurements; all zero if there are none."""
        ordered = sorted(seconds)
        if not ordered:
            return cls(0.0, 0.0, 0.0, 0.0)
        at = [ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.95, 0.99)]
        return cls(*(round(value * 1000, 1) for value in (*at, ordered[-1])))

    def __str__(self) -> str:
        return f"p50 {self.p50:.0f}  p95 {self.p95:.0f}  p99 {self.p99:.0f}  max {self.longest:.0f} ms"


NOTHING = Percentiles.of([])


@dataclass(frozen=True, slots=True)
class Moment:
    """A short part of a phase, `second` after its beginning: what was sent then and settled, and how long that took."""

    second: float
    settled: int
    to_settled: Percentiles


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of load: what was sent, what of it was settled, how fast, at what cost."""

    name: str
    seconds: float
    sent: int
    settled: int
    settled_per_second: float
    accepted: Percentiles
    to_settled: Percentiles
    errors: Mapping[str, int]
    cpu_per_1000: Mapping[str, float]
    wal_bytes_per_settlement: int
    machine_busy: float
    stolen: float
    moments: Sequence[Moment] = ()
    refused: Percentiles = NOTHING
    """How long the engine took to refuse, where more was offered than it takes."""
    held_back: int = 0
    """What was offered beside that and not sent, for its caller had been told to wait."""

    @property
    def cpu_total(self) -> float:
        """CPU seconds per 1,000 settlements of everything together, the load generator included."""
        return round(sum(self.cpu_per_1000.values()), 2)

    def __str__(self) -> str:
        costs = ", ".join(f"{name} {seconds:.2f}" for name, seconds in self.cpu_per_1000.items())
        lines = [
            (f"{self.name:<16} {self.settled_per_second:,.0f} settled/s"
            f"  ({self.sent:,} sent, {self.settled:,} settled in {self.seconds:.1f} s)"),
            f"  accepted       {self.accepted}",
            f"  settled        {self.to_settled}",
            f"  cpu s / 1,000  {costs}; total {self.cpu_total:.2f}",
            (f"  wal            {self.wal_bytes_per_settlement:,} bytes a settlement;"
            f" machine {self.machine_busy:.0%} busy, {self.stolen:.0%} stolen"),
        ]
        if self.refused != NOTHING:
            offered = (self.sent + self.held_back) / self.seconds
            lines.append(f"  refused        {self.refused}; {offered:,.0f}/s offered, {self.held_back:,} held back")
        if self.errors:
            lines.append("  errors         " + ", ".join(f"{reason}: {count}" for reason, count in self.errors.items()))
        return "\n".join(lines)


@dataclass(slots=True)
class Night:
    """What became of the statements of one midnight, and of the settlements beside them (settled per second)."""

    accounts: int
    issued: int = 0
    left: int = 0
    rates: Mapping[str, float] = field(default_factory=dict)
    """Settled per second `before` the midnight, `after` it, and `beside` the run."""
    cuts_per_second_beside: float = 0.0
    cuts_per_second_alone: float = 0.0

    def kept(self, of: str) -> float:
        """The share of its rate that settlements kept beside the run."""
        return round(self.rates["beside"] / self.rates[of], 3) if self.rates.get(of) else 0.0

    def flaws(self) -> list[str]:
        """Why the run did not do its work, if it did not."""
        if self.left or self.issued != self.accounts:
            return [f"{self.accounts} accounts were due: {self.issued} statements, {self.left} accounts left"]
        return []

    def __str__(self) -> str:
        rates = ", ".join(f"{word} {rate:,.0f}" for word, rate in self.rates.items())
        beside, alone = self.cuts_per_second_beside, self.cuts_per_second_alone
        cuts = f"{beside:,.0f} cuts/s beside settlements, {alone:,.0f}/s alone"
        kept = f"kept {self.kept('after'):.0%} of after midnight, {self.kept('before'):.0%} of before"
        return (
            f"statements       {self.issued:,} of {self.accounts:,} accounts; {cuts}\n"
            f"settled/s        {rates}; {kept}"
        )


@dataclass(slots=True)
class Figures:
    """All of a run. `void` says why it is no figure, if it is none."""

    mix: str
    broker: str
    versions: Mapping[str, str]
    stored_orders: int
    phases: list[Phase] = field(default_factory=list)
    ceiling_per_second: float = 0.0
    baseline_per_second: float = 0.0
    """The same saga by hand in the same run; 0 where it was not asked for."""
    machine: Mapping[str, str] = field(default_factory=dict)
    rss_mib: Mapping[str, float] = field(default_factory=dict)
    violations: Mapping[str, int] = field(default_factory=dict)
    void: list[str] = field(default_factory=list)
    night: Night | None = None

    @property
    def ratio(self) -> float:
        """Settled per second at saturation, as a share of the ceiling of the same run."""
        return round(self.phases[0].settled_per_second / self.ceiling_per_second, 3) if self.ceiling_per_second else 0.0

    def per_second(self, name: str) -> float:
        """Settled per second in the phase of this name; 0 where it was not measured."""
        return next((phase.settled_per_second for phase in self.phases if phase.name == name), 0.0)

    def to_baseline(self) -> dict[str, float]:
        """Settled per second by that of the saga by hand, for each way in which commands were sent."""
        of = self.baseline_per_second
        rates = {way: self.per_second(name) for name, way in WAYS.items()}
        return {way: round(rate / of, 3) for way, rate in rates.items() if of and rate}

    def as_json(self) -> dict[str, object]:
        """One object for machines."""
        phases = {phase.name: asdict(phase) | {"cpu_total_per_1000": phase.cpu_total} for phase in self.phases}
        return {
            "mix": self.mix, "settled_per_second": self.phases[0].settled_per_second if self.phases else 0.0,
            "streamed_per_second": self.per_second(STREAMED), "batched_per_second": self.per_second(BATCHED),
            "ceiling_per_second": self.ceiling_per_second, "ratio": self.ratio,
            "baseline_per_second": self.baseline_per_second, "ratios_to_baseline": self.to_baseline(),
            "ratio_to_baseline": self.to_baseline().get("unary", 0.0),
            "cpu_seconds_per_1000": {phase.name: phase.cpu_total for phase in self.phases},
            "goals": reached(self), "phases": phases,
            "stored_orders": self.stored_orders, "rss_mib": dict(self.rss_mib), "broker": self.broker,
            "machine": dict(self.machine), "versions": dict(self.versions),
            "violations": dict(self.violations), "void": self.void,
            "night": asdict(self.night) if self.night else None,
        }

    def as_text(self) -> str:
        """A page for people."""
        lines = [f"mix {self.mix}, broker {self.broker}, {self.stored_orders:,} stored orders"]
        lines += [str(phase) for phase in self.phases]
        if self.night:
            lines.append(str(self.night))
        if self.ceiling_per_second:
            ceiling = f"{self.ceiling_per_second:,.0f}/s (the same rows by plain batched SQL), ratio {self.ratio}"
            lines.append(f"ceiling          {ceiling}")
        if self.baseline_per_second:
            ratios = ", ".join(f"{way} {ratio}" for way, ratio in self.to_baseline().items())
            by_hand = f"{self.baseline_per_second:,.0f}/s (the saga by hand, no engine)"
            lines.append(f"baseline         {by_hand}, ratio {ratios}")
        lines.append("memory           " + ", ".join(f"{name} {mib:.0f} MiB" for name, mib in self.rss_mib.items()))
        lines.append("machine          " + ", ".join(self.machine.values()))
        lines.append("versions         " + ", ".join(f"{name} {version}" for name, version in self.versions.items()))
        goals = (f"{goal}: {'yes' if met else 'NO'}" for goal, met in reached(self).items())
        lines.append("goals            " + "; ".join(goals))
        if self.violations:
            violations = (f"{check}: {count}" for check, count in self.violations.items())
            lines.append("AUDITOR          " + ", ".join(violations))
        else:
            lines.append("auditor          clean")
        lines += [f"VOID             {reason}" for reason in self.void]
        return "\n".join(lines)
