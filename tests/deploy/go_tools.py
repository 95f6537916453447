"""Foreign tools of deployments, built from their Go modules into `.tools/go`, at versions that are named here once."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".tools" / "go"
PROMTOOL = "github.com/prometheus/prometheus/cmd/promtool@v0.316.0"
HELM = "helm.sh/helm/v3/cmd/helm@v3.22.0"
KUBECTL_VALIDATE = "sigs.k8s.io/kubectl-validate@v0.0.4"
KEDA = "github.com/kedacore/keda/v2@v2.21.0"
COMPOSE = "github.com/compose-spec/compose-go/v2@v2.16.2"
"""KEDA for its resource definitions, compose for its schema."""


def tool(package: str) -> str:
    """The program of a package, built if it is not there yet; a test is skipped where there is no Go."""
    program = FOLDER / "bin" / package.partition("@")[0].rpartition("/")[2]
    if not program.exists():
        _go("install", package)
    return str(program)


def module(path: str) -> Path:
    """The folder of a module's files, fetched if they are not there yet."""
    found: str = json.loads(_go("mod", "download", "-json", path))["Dir"]
    return Path(found)


def _go(*arguments: str) -> str:
    if shutil.which("go") is None:
        pytest.skip("there is no Go here")
    environ = os.environ | {"GOBIN": str(FOLDER / "bin"), "GOFLAGS": "-modcacherw"}
    environ |= {"GOTOOLCHAIN": environ.get("GOTOOLCHAIN", "local")}
    done = subprocess.run(["go", *arguments], env=environ, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"go {' '.join(arguments)}\n{done.stderr}"
    return done.stdout
