"""Reflection under both of its names (grpc.reflection.v1 and v1alpha), whose messages are the same bytes.

The library serves v1alpha alone, and its pool does not know in which file a method stands; so `describe` of a method
would fail.
"""

from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import add_ServerReflectionServicer_to_server

OLD, NEW = "grpc.reflection.v1alpha", "grpc.reflection.v1"
SERVICES = (f"{OLD}.ServerReflection", f"{NEW}.ServerReflection")


class Symbols:
    """The descriptors of this process as the library asks for them: messages and services, and what they hold."""

    def __init__(self, pool: descriptor_pool.DescriptorPool) -> None:
        self._pool = pool

    def __getattr__(self, name: str) -> Any:  # Any: whatever else the library asks of its pool
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:
        """The file of a symbol; that of a method is the file of its service. KeyError for none."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            service, _, method = symbol.rpartition(".")
            found = self._pool.FindServiceByName(service)
            if method not in found.methods_by_name:
                raise
            return found.file


def add_reflection(names: Sequence[str], server: Any) -> None:  # Any: what takes the handlers of generated code
    """Serve the descriptors of these services, and of reflection itself."""
    pool = descriptor_pool.Default()
    _know_the_new_name(pool)
    servicer = reflection.aio.ReflectionServicer([*names, *SERVICES], Symbols(pool))
    add_ServerReflectionServicer_to_server(servicer, _BothNames(server))


class _BothNames:
    """Registers each handler under the new name too."""

    def __init__(self, server: Any) -> None:  # Any: as above
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """The same handlers come again by name, below."""

    def add_registered_method_handlers(self, _service: str, handlers: dict[str, Any]) -> None:  # Any: grpc has no type
        """Register them twice."""
        for service in SERVICES:
            self._server.add_registered_method_handlers(service, handlers)


def _know_the_new_name(pool: descriptor_pool.DescriptorPool) -> None:
    """Make the descriptors of v1 from those of v1alpha: they differ in the package alone."""
    try:
        pool.FindServiceByName(SERVICES[1])
    except KeyError:
        file = FileDescriptorProto()
        reflection_pb2.DESCRIPTOR.CopyToProto(file)
        _rename(file)
        pool.AddSerializedFile(file.SerializeToString())


def _rename(file: FileDescriptorProto) -> None:
    file.name, file.package = "grpc/reflection/v1/reflection.proto", NEW
    old, new = f".{OLD}.", f".{NEW}."
    for message in file.message_type:
        for field in message.field:
            if field.type_name:
                field.type_name = field.type_name.replace(old, new)
    for service in file.service:
        for method in service.method:
            method.input_type = method.input_type.replace(old, new)
            method.output_type = method.output_type.replace(old, new)
