"""The engine over HTTP: the README's own example, what a fuzzer sends, and that a call costs no more than it should."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from settle.audit import auditor, telling
from settle.local.endpoints import acquirer_of, dsns_of, gateway_of
from settle.local.stack import LocalStack

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = int(os.environ.get("SETTLE_HTTP_EXAMPLES", "8"))
"""How many requests the fuzzer makes up for each operation, beside those that the document's bounds suggest: about
9,500 in all."""
pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def endpoints() -> Iterator[Mapping[str, Any]]:
    """An engine with two processes of each service and a gateway, in a folder from which the README's lines are run."""
    folder = Path(tempfile.mkdtemp(prefix="settle-http-"))
    try:
        with LocalStack(folder / ".run", durable=False, processes=2, gateway=True) as stack:
            yield stack.endpoints
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def test_the_readme_example(endpoints: Mapping[str, Any]) -> None:
    """Its lines as they stand there, by a shell."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    [lines] = re.findall(r"### Over HTTP.*?```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)

    done = await asyncio.to_thread(_run, ["bash", "-euc", lines], Path(endpoints["data"]).parent, 120)

    assert (done.returncode, done.stderr) == (0, "")
    assert '"state": "SETTLEMENT_STATE_DONE"' in done.stdout
    assert done.stdout.count("event: end") == 1
    assert '"availableLimit": {"minorUnits": "500000", "currencyCode": "CNY"}' in done.stdout
    report = await auditor.audit(dsns_of(endpoints), strict=True, acquirer=acquirer_of(endpoints))
    assert report.clean, telling.as_text(report)


def _run(command: Sequence[str], folder: Path, seconds: float) -> "subprocess.CompletedProcess[str]":
    environ = os.environ | {"no_proxy": "127.0.0.1"}
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=seconds
    )


def test_a_fuzzer_meets_no_error_of_ours(endpoints: Mapping[str, Any]) -> None:
    """What it makes up is refused by its reason: each status below 500, or as the document says it."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{gateway_of(endpoints)}/openapi.json", "--no-color",
        "--checks", "not_a_server_error,content_type_conformance", "--phases", "coverage,fuzzing",
        "--max-examples", str(EXAMPLES), "--seed", "7",
    ]

    done = _run(command, Path(endpoints["data"]), 380)

    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-1_000:]
    with httpx2.Client(base_url=gateway_of(endpoints), trust_env=False) as http:
        assert http.get("/v1/order/operations/parked").json()["parked"] == []
