"""`endpoints.json`: where the engine of a data folder is, and whether what it names still runs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from settle.local.postgres import DATABASES

FILE = "endpoints.json"


def read_endpoints(data: Path) -> dict[str, Any] | None:
    """What the last run wrote, or None; its `pid` is 0 after an orderly end."""
    try:
        said: dict[str, Any] = json.loads((data / FILE).read_text(encoding="utf-8"))  # Any: the values of a JSON file
    except (OSError, ValueError):
        return None
    return said


def write_endpoints(data: Path, said: Mapping[str, Any]) -> None:
    """Replace the file as a whole: a reader never sees a half."""
    part = data / "endpoints.part"
    part.write_text(json.dumps(said, indent=2), encoding="utf-8")
    part.replace(data / FILE)


def targets_of(endpoints: Mapping[str, Any]) -> dict[str, str]:  # Any: the values of a JSON file
    """The address of each service; of several instances the first."""
    return {name: endpoints["services"][name]["target"] for name in DATABASES}


def dsns_of(endpoints: Mapping[str, Any]) -> dict[str, str]:  # Any: the values of a JSON file
    """Where each service's database is."""
    return {name: endpoints["services"][name]["dsn"] for name in DATABASES}


def serving(target: str, seconds: float = 1.0) -> bool:
    """Whether the gRPC health service there says SERVING."""
    with grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=seconds)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
