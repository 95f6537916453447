"""`endpoints.json`: where the engine of a data folder is, and whether what it names still runs."""

import json
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from settle.local import children, folder
from settle.local.folder import ENDPOINTS
from settle.local.postgres import DATABASES
from settle.local.refusals import NoEngine, WrongFolder
from settle.local.secured import context_of


def read_endpoints(data: Path) -> dict[str, Any] | None:
    """What the last run wrote, or None if it wrote nothing of use; its `pid` is 0 after an orderly end."""
    if not folder.exists(data):
        return None
    try:
        if not (data / ENDPOINTS).is_file():  # a pipe of that name would be read for ever
            return None
        said: Any = json.loads((data / ENDPOINTS).read_text(encoding="utf-8"))  # Any: the values of a JSON file
    except PermissionError as error:
        raise WrongFolder(f"{data / ENDPOINTS} cannot be read: {error.strerror}") from error
    except (OSError, ValueError, RecursionError):
        return None
    return said if _shaped(said) else None


def _shaped(said: Any) -> bool:  # Any: the values of a JSON file
    """Whether it is of the form that we write; somebody may have edited it."""
    if not isinstance(said, dict) or not isinstance(said.get("pid"), int):
        return False
    services, processes = said.get("services", {}), said.get("processes", [])
    if not isinstance(services, dict) or not isinstance(processes, list):
        return False
    texts = [(service, name) for service in services.values() for name in ("target", "dsn")]
    texts += [(process, name) for process in processes for name in ("name", "began")]
    numbered = all(_holds(process, "pid", int) for process in processes)
    return numbered and all(_holds(entry, name, str) for entry, name in texts)


def _holds(entry: Any, name: str, kind: type) -> bool:  # Any: the values of a JSON file
    return isinstance(entry, dict) and isinstance(entry.get(name), kind)


def engine_of(data: Path) -> dict[str, Any]:  # Any: the values of a JSON file
    """What the last run wrote of all its services; raises `NoEngine` where none ever ran."""
    said = read_endpoints(data)
    if said is None or not set(DATABASES) <= set(said.get("services", {})):
        raise NoEngine(f"there is no engine in {data}; `settle up` starts one")
    return said


def supervised(said: Mapping[str, Any]) -> bool:  # Any: the values of a JSON file
    """Whether the process that wrote this still runs: who else would bring back what crashes?"""
    return children.alive(said["pid"], said.get("began", ""))


def running_engine(data: Path) -> dict[str, Any]:  # Any: the values of a JSON file
    """What the engine that runs on this data wrote; raises `NoEngine` if none does."""
    said = engine_of(data)
    if not said["pid"] and (held := folder.holder(data)):
        raise NoEngine(f"{held.what} in {data} is starting or stopping (process {held.pid}); try again")
    if not any(children.alive(process["pid"], process["began"]) for process in said.get("processes", [])):
        raise NoEngine(f"no engine runs in {data}; `settle up` starts it")
    return said


def write_endpoints(data: Path, said: Mapping[str, Any]) -> None:
    """Replace the file as a whole: a reader never sees a half. Its owner alone reads it: a DSN may hold a password."""
    with NamedTemporaryFile("w", encoding="utf-8", dir=data, prefix=f"{ENDPOINTS}.", delete=False) as part:  # 0600
        part.write(json.dumps(said, indent=2))
    Path(part.name).replace(data / ENDPOINTS)


def targets_of(endpoints: Mapping[str, Any]) -> dict[str, str]:  # Any: the values of a JSON file
    """The address of each service, for `open_channel`; of several processes all of theirs in one."""
    found = {name: processes_of(endpoints, name) for name in DATABASES}
    return {name: joined(*addresses) for name, addresses in found.items()}


def joined(one: str, *more: str) -> str:
    """Several addresses of a service as one target of gRPC."""
    return f"ipv4:{','.join([one, *more])}" if more else one


def sandboxes_of(endpoints: Mapping[str, Any]) -> dict[str, str]:  # Any: the values of a JSON file
    """The address of each sandbox that runs beside the services."""
    return {name: endpoints[name]["target"] for name in ("acquirer", "verifier") if name in endpoints}


def processes_of(endpoints: Mapping[str, Any], service: str) -> list[str]:  # Any: the values of a JSON file
    """The addresses of each process of a service."""
    return [
        process["target"] for name, process in endpoints["services"].items() if name.partition("-")[0] == service
    ]


def dsns_of(endpoints: Mapping[str, Any]) -> dict[str, str]:  # Any: the values of a JSON file
    """Where each service's database is."""
    return {name: endpoints["services"][name]["dsn"] for name in DATABASES}


def acquirer_of(endpoints: Mapping[str, Any]) -> str:  # Any: the values of a JSON file
    """The address of the acquirer, empty if the file names none."""
    said = endpoints.get("acquirer", {})
    return str(said.get("target", "")) if isinstance(said, dict) else ""


def gateway_of(endpoints: Mapping[str, Any]) -> str:  # Any: the values of a JSON file
    """The URL of the gateway, empty if the file names none."""
    said = endpoints.get("gateway", {})
    return str(said.get("url", "")) if isinstance(said, dict) else ""


def serving(target: str, seconds: float = 1.0, tls: Mapping[str, str] | None = None) -> bool:
    """Whether who is there says that it serves: gRPC's health service, or /readyz of a URL. `tls` is what the engine
    says of it."""
    return (_ready if target.startswith(("http://", "https://")) else _healthy)(target, seconds, tls)


def tls_of(endpoints: Mapping[str, Any]) -> Mapping[str, str]:  # Any: the values of a JSON file
    """Which files a client of this engine needs; empty where it speaks no TLS."""
    return endpoints.get("tls") or {}


def _ready(url: str, seconds: float, tls: Mapping[str, str] | None) -> bool:
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    try:
        handlers += [urllib.request.HTTPSHandler(context=context_of(tls))] if tls else []
    except (OSError, ValueError):  # certificates that are just being replaced: asked again
        return False
    opener = urllib.request.build_opener(*handlers)
    try:
        with opener.open(f"{url}/readyz", timeout=seconds) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False


def _healthy(target: str, seconds: float, tls: Mapping[str, str] | None) -> bool:
    with _channel(target, tls) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=seconds)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _channel(target: str, tls: Mapping[str, str] | None) -> grpc.Channel:
    options = [("grpc.enable_http_proxy", 0)]
    if not tls:
        return grpc.insecure_channel(target, options=options)
    ca, key, certificate = (Path(tls[name]).read_bytes() for name in ("ca", "key", "certificate"))
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(ca, key, certificate), options=options)
