"""What the auditor of a running engine tells as metrics, in Prometheus' text."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from settle.audit.findings import Finding, Report

REGISTRY = CollectorRegistry()
CHECKS = Gauge("settle_audit_checks", "Promises that are checked", registry=REGISTRY)
FINDINGS = Gauge("settle_audit_findings", "What does not hold now, by the promise", ["check"], registry=REGISTRY)
SLICES = Counter("settle_audit_slices", "Slices that were looked at", registry=REGISTRY)
LOOKED = Counter("settle_audit_aggregates", "Orders, accounts, cards that were looked at", ["kind"], registry=REGISTRY)
ROUNDS = Counter("settle_audit_rounds", "Rounds over everything", ["outcome"], registry=REGISTRY)
ROUND_SECONDS = Gauge("settle_audit_round_seconds", "How long the last round took", registry=REGISTRY)
WORK_SECONDS = Gauge("settle_audit_work_seconds", "Time in which it worked since its start", registry=REGISTRY)
FAULTS = Counter("settle_audit_faults", "How often it began anew, as when a database is away", registry=REGISTRY)
LAST_CLEAN = Gauge(
    "settle_audit_last_clean_timestamp_seconds", "When the last clean round began; 0: never yet", registry=REGISTRY
)


class Standing:
    """What is found and not yet found mended, for the metrics and for `settle verify --explain`."""

    def __init__(self) -> None:
        self.findings: dict[str, Finding] = {}

    def looked(self, report: Report) -> list[Finding]:
        """Take what a slice found; answers what is new of it."""
        SLICES.inc()
        for kind, count in report.looked.items():
            LOOKED.labels(kind).inc(count)
        new = [finding for finding in report.findings if finding.id not in self.findings]
        self.findings |= {finding.id: finding for finding in new}
        self._show()
        return new

    def ended(self, findings: list[Finding]) -> None:
        """A round looked at everything: only what it found stands."""
        self.findings = {finding.id: finding for finding in findings}
        self._show()

    def _show(self) -> None:
        FINDINGS.clear()
        for finding in self.findings.values():
            FINDINGS.labels(finding.check).inc()
