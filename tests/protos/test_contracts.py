"""The contracts hold what they promise: reasons, request ids, HTTP rules, and generated code that is current."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from google.api import annotations_pb2

from settlement.common.v1 import error_reason_pb2
from tests.protos.fields import READS, methods

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "protos/gen/settlement"
ERRORS = (
    "InvalidArgument", "NotFound", "AlreadyExists", "FailedPrecondition", "PermissionDenied", "Aborted",
    "ResourceExhausted", "Unavailable", "Internal", "InvalidRequest", "DeadlineExceeded",
)
RAISED = re.compile(rf'\b(?:{"|".join(ERRORS)})\(\s*"([A-Z_]+)"')
BY_KEY = {
    "settlement.order.v1.OrderService.BatchCancelOrders",  # each of its items has a request id
    "settlement.order.v1.OrderStreamService.Exchange",  # each of its commands has a request id
    "settlement.sandbox.v1.AcquirerService.Refund",  # has an idempotency key
    "settlement.sandbox.v1.AcquirerService.BounceRefund",
    "settlement.sandbox.v1.AcquirerService.ConfirmRefund",
    "settlement.sandbox.v1.AcquirerService.SetFaults",
    "settlement.sandbox.v1.VerificationService.Verify",  # has an idempotency key
    "settlement.sandbox.v1.VerificationService.ReleaseCode",
    "settlement.sandbox.v1.VerificationService.SetCardBehaviour",
    "settlement.sandbox.v1.VerificationService.SetVerificationFaults",
}


def test_every_reason_that_code_raises_is_in_the_contract() -> None:
    """A caller can look up each reason it may ever see."""
    known = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name}

    raised = {
        (reason, str(path.relative_to(ROOT)))
        for path in (ROOT / "services").rglob("*.py") for reason in RAISED.findall(path.read_text(encoding="utf-8"))
    }

    assert raised
    assert {entry for entry in raised if entry[0] not in known} == set()


def test_every_mutation_takes_a_request_id() -> None:
    """AIP-155; what else makes a call safe to repeat is named above."""
    changing = (method for method in methods() if not method.name.startswith(READS))
    mutations = [method for method in changing if method.full_name not in BY_KEY]

    assert len(mutations) > 20
    assert [m.full_name for m in mutations if "request_id" not in m.input_type.fields_by_name] == []


def test_every_method_has_an_http_rule() -> None:
    """The gateway transcodes all of the API but streams of requests, which HTTP has no like of."""
    unary = [method for method in methods() if not method.client_streaming]

    assert [m.full_name for m in unary if not m.GetOptions().HasExtension(annotations_pb2.http)] == []


def test_only_files_with_a_service_have_a_module_for_grpc() -> None:
    """Whoever looks for a service finds no empty room."""
    with_service = {f"{Path(method.containing_service.file.name).stem}_pb2_grpc" for method in methods()}

    assert {path.stem for path in GENERATED.rglob("*_pb2_grpc.py")} == with_service
    assert {path.stem for path in GENERATED.rglob("*_pb2_grpc.pyi")} == with_service


def test_generated_code_imports_without_a_warning() -> None:
    """Stubs of the old toolchain run on the new runtime (STACK 1.1)."""
    names = [
        ".".join(path.relative_to(ROOT / "protos/gen").with_suffix("").parts)
        for path in sorted(GENERATED.rglob("*.py"))
    ]

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import importlib\nfor n in {names!r}: importlib.import_module(n)"],
        capture_output=True, text=True, check=False,
    )

    assert done.stderr == ""
    assert done.returncode == 0


def test_protos_are_formatted_linted_unbroken_and_generated_code_is_current() -> None:
    """The check of `protos/generate.py` holds; it needs uv, and the generator in uv's cache or an index."""
    if shutil.which("uv") is None and not (ROOT / ".tools/bin/uv").exists():
        pytest.skip("uv is not here")

    command = [sys.executable, str(ROOT / "protos/generate.py"), "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
