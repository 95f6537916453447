"""The newest line of gRPC and protobuf that pyproject allows runs the wire as the one does that we run on.

It has the newer fixes, so whoever wants these installs `requirements/newer.lock`. Its environment is made once, in
`.tools`.
"""

import hashlib
import os
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements/newer.lock"
WIRE = (
    "tests/services/runtime/test_rpc.py", "tests/services/runtime/test_exchange.py",
    "tests/services/runtime/test_arrivals.py", "tests/services/runtime/test_wire.py",
    "tests/services/runtime/test_scalars.py", "tests/protos/test_contracts.py",
)
"""What meets the two libraries most: the edge, streams, bytes that are no message, codecs, generated code."""
BUILD_SECONDS_MAX, RUN_SECONDS_MAX = 300, 300


@pytest.fixture(scope="module")
def newer() -> Path:
    """The Python of an environment with the newer line."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    made, making = ROOT / ".tools" / f"newer-{digest}", ROOT / ".tools" / f"newer-{digest}-{os.getpid()}"
    if not made.exists():
        bootstrap = runpy.run_path(str(ROOT / "bin/bootstrap.py"))
        uv = bootstrap["find_uv"]()
        if uv is None:
            pytest.skip("uv cannot be had here")
        environ = bootstrap["uv_environment"]()
        install = ("pip", "install", "--quiet", "--require-hashes", "--python", str(making), "-r", str(LOCK))
        for command in (("venv", "--quiet", str(making)), install):
            subprocess.run([uv, *command], check=True, env=environ, timeout=BUILD_SECONDS_MAX)
        try:
            making.rename(made)
        except OSError:  # another run was first
            shutil.rmtree(making)
    return made / "bin/python"


def test_the_wire_holds_on_the_newer_line(newer: Path) -> None:
    """The same tests, in an environment of their own."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "protos/gen")))

    versions = subprocess.run(
        [newer, "-c", "import grpc, google.protobuf as p; print(grpc.__version__, p.__version__)"],
        capture_output=True, text=True, check=True, timeout=60,
    )
    done = subprocess.run(
        [newer, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *WIRE], cwd=ROOT, check=False,
        env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, timeout=RUN_SECONDS_MAX,
    )

    assert versions.stdout.split() == ["1.85.1", "7.36.2"]
    assert done.returncode == 0, done.stdout[-4_000:]
