"""The sampler's report: it is there however its service ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SPUN = "sum(number * number for number in range(3_000_000))"


@pytest.mark.parametrize(("ending", "status"), [("pass", 0), ("import os; os._exit(7)", 7)], ids=["unwound", "left"])
def test_a_service_that_leaves_is_told(tmp_path: Path, ending: str, status: int) -> None:
    """A service leaves with its connections open, and nothing is unwound then."""
    (tmp_path / "spinning.py").write_text(f"{SPUN}\n{ending}\n", encoding="utf-8")
    environ = os.environ | {
        "SETTLE_PROFILE_MODULE": "spinning", "SETTLE_PROFILE_DIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
    }

    done = subprocess.run([sys.executable, "-m", "settle.bench.profiling"], env=environ, check=False, timeout=60)

    assert done.returncode == status
    assert "spinning.py" in (tmp_path / "spinning.txt").read_text(encoding="utf-8")
