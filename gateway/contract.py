"""What is served: every method of the services that has an HTTP rule, with the messages that it takes and gives.

Every service serves `OperationsService` for itself; over HTTP the path names it: `/v1/order/operations/sagas`.
"""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

import settlement

SERVICES = ("order", "credit_ledger", "card_redemption")
"""Who serves something; each has an address of its own."""
ROOT = Path(settlement.__path__[0])
"""Where the generated code of the contract is."""
_OPERATIONS = "settlement.operations.v1"
_VERBS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Method:
    """One way to call one method: `verb` and `template` over HTTP, `path` over gRPC, at the service `peer`. `has_body`
    says that the body is the whole request."""

    verb: str
    template: str
    has_body: bool
    peer: str
    descriptor: MethodDescriptor

    @property
    def path(self) -> str:
        """The method as gRPC calls it."""
        return f"/{self.descriptor.containing_service.full_name}/{self.descriptor.name}"

    @property
    def streams(self) -> bool:
        """Whether it answers again and again."""
        return bool(self.descriptor.server_streaming)

    @property
    def request(self) -> type[Message]:
        """What it takes."""
        return message_class(self.descriptor.input_type)

    @property
    def response(self) -> type[Message]:
        """What it gives."""
        return message_class(self.descriptor.output_type)


@cache
def message_class(descriptor: Descriptor) -> type[Message]:
    """The class of a message."""
    made: type[Message] = GetMessageClass(descriptor)
    return made


@cache
def methods() -> tuple[Method, ...]:
    """All that is served, in the order of the contract."""
    return tuple(method for service in _services() for method in _methods_of(service))


def files(pattern: str) -> Iterator[FileDescriptor]:
    """The files of the contract whose generated modules have such a path below its root."""
    for path in sorted(ROOT.glob(pattern)):
        name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
        yield importlib.import_module(name).DESCRIPTOR


def _services() -> Iterator[ServiceDescriptor]:
    for file in files("*/v1/*_service_pb2.py"):
        yield from file.services_by_name.values()


def _methods_of(service: ServiceDescriptor) -> Iterator[Method]:
    for peer in _peers(service):
        for descriptor in service.methods:
            rule = descriptor.GetOptions().Extensions[annotations_pb2.http]
            for verb in _VERBS:
                if template := getattr(rule, verb):
                    yield Method(
                        verb=verb.upper(), template=_of_peer(template, service, peer), has_body=rule.body == "*",
                        peer=peer, descriptor=descriptor,
                    )


def _peers(service: ServiceDescriptor) -> tuple[str, ...]:
    package = service.file.package
    if package == _OPERATIONS:
        return SERVICES
    return tuple(name for name in SERVICES if package == f"settlement.{name}.v1")


def _of_peer(template: str, service: ServiceDescriptor, peer: str) -> str:
    if service.file.package != _OPERATIONS:
        return template
    return template.replace("/v1/operations/", f"/v1/{peer}/operations/", 1)
