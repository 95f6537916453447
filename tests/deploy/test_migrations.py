"""Migrations as squawk sees them: what would lock a table that is in use, or stop the release of before."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.image import ROOT

SQUAWK = Path(sys.executable).with_name("squawk")
FILES = sorted((ROOT / "services").glob("*/migrations/*.sql"))
RUNNER = "set local lock_timeout = '5s'; "
"""What the runner says before each file, in the transaction of the file (`ground/migrations.py`)."""
EXCLUDED = (
    "require-statement-timeout",  # the job has a time of its own (`migrations.seconds` of the chart)
    "prefer-bigint-over-int", "prefer-bigint-over-smallint",  # of partitions, versions and attempts there are few
)
ACCEPTED = {
    "card_redemption/0003_refunds_of_paid_merchants": {"constraint-missing-not-valid"},
    "card_redemption/0005_tenders_by_card": {"require-concurrent-index-creation"},
    "card_redemption/0006_card_standing": {"constraint-missing-not-valid"},
    "credit_ledger/0004_last_word": {
        "ban-drop-constraint", "constraint-missing-not-valid", "require-concurrent-index-creation",
    },
    "credit_ledger/0005_reconciliations": {"require-concurrent-index-creation"},
    "runtime/0005_growth": {"require-concurrent-index-creation"},
    "runtime/0008_outbox_events": {"require-concurrent-index-creation"},
}
"""What the first installations took while their tables were small. No file joins it: an index on a table in use is made
in steps, a constraint is added NOT VALID and validated by the next file."""


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parts[-3]}/{file.stem}")
def test_squawk_finds_nothing_new(file: Path) -> None:
    """Nor is anything accepted that it does not find."""
    found = {each["rule_name"] for each in _squawk(file.read_text(encoding="utf-8"))}

    assert found == ACCEPTED.get(f"{file.parts[-3]}/{file.stem}", set())


def test_squawk_sees_what_it_is_asked_for() -> None:
    """An index that stops all writing for as long as it takes."""
    found = {each["rule_name"] for each in _squawk("create index orders_by_day on orders (day);")}

    assert "require-concurrent-index-creation" in found


def _squawk(sql: str) -> list[dict[str, str]]:
    command = [str(SQUAWK), "--reporter", "json", "--assume-in-transaction", "--pg-version", "15"]
    command += [f"--exclude={rule}" for rule in EXCLUDED]
    done = subprocess.run(command, input=RUNNER + sql, capture_output=True, text=True, check=False)
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found
