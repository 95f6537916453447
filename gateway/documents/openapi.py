"""The whole document: every method under its path, with parameters, body, answers and how refusals look."""

from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.calling import SECONDS_MIN, TIMEOUT
from gateway.contract import Method, methods
from gateway.documents import access
from gateway.documents.bounds import Schema
from gateway.documents.comments import comment, first_sentence
from gateway.documents.schemas import Schemas, is_required
from gateway.reading import REQUEST_ID
from gateway.refusals import JSON
from gateway.shapes import TAG
from gateway.templates import variables_of

_ABOUT = (
    "Cancels and returns of orders that were paid by credit, wallet, gift card and bank card, as one atomic settlement."
    " Amounts are minor units (fen). A call that changes something is safe to repeat under the same Idempotency-Key, a"
    " UUID: the same request gets the stored answer. Errors are a google.rpc.Status with one ErrorInfo and its reason."
)
_KEY: Schema = {
    "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "format": "uuid"},
    "description": "The request id, if the body does not have it as `requestId`.",
}
_TIMEOUT: Schema = {
    "name": TIMEOUT, "in": "header", "schema": {"type": "number", "minimum": SECONDS_MIN, "maximum": 9_999},
    "description": "How many seconds the call may take.",
}
_KNOWN_TAG: Schema = {
    "name": "If-None-Match", "in": "header", "schema": {"type": "string"},
    "description": "The ETag of what the caller has: 304 if it is still so.",
}
_SEEN_TAG: Schema = {
    "name": "If-Match", "in": "header", "schema": {"type": "string", "pattern": f"^{TAG}$"},
    "description": "The ETag of what the path names, as the caller has seen it: 412, and nothing is done, if it is"
    " another by the time that the call is decided.",
}
_STATUS: Schema = {
    "type": "object", "description": "google.rpc.Status: why a call was refused.",
    "required": ["code", "message", "details"],
    "properties": {
        "code": {"type": "integer", "description": "The code of gRPC."},
        "message": {"type": "string", "description": "For people."},
        "details": {
            "type": "array", "items": {"type": "object", "required": ["@type"], "additionalProperties": True},
            "description": "One google.rpc.ErrorInfo with `reason`, and what helps beside it.",
        },
    },
}


@cache
def document() -> Schema:
    """The document of all that is served."""
    schemas, paths = Schemas(), dict[str, Schema]()
    for method in methods():
        paths.setdefault(method.template, {})[method.verb.lower()] = _operation(method, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Settlement engine", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": told} for name, told in _tags().items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.found.items())) | {"Status": _STATUS},
            "responses": {"Refusal": _refusal()},
            "securitySchemes": access.SCHEMES,
        },
        "security": access.SECURITY,
    }


def _tags() -> dict[str, str]:
    services = {_tag(method): method.descriptor.containing_service.full_name for method in methods()}
    return {name: comment(full_name) for name, full_name in services.items()}


def _tag(method: Method) -> str:
    name: str = method.descriptor.containing_service.name
    return f"{name} ({method.peer})" if name == "OperationsService" else name


def _operation(method: Method, schemas: Schemas) -> Schema:
    told = comment(method.descriptor.full_name)
    takes: Descriptor = method.descriptor.input_type
    variables = variables_of(method.template)
    operation: Schema = {
        "operationId": f"{method.peer}_{method.descriptor.containing_service.name}_{method.descriptor.name}",
        "tags": [_tag(method)], "summary": first_sentence(told), "description": f"{told}\n\n{access.told(method.path)}",
        "parameters": [*_in_path(takes, variables, schemas), *_beside(method, variables, schemas)],
        "responses": _responses(method, schemas),
    }
    if method.has_body:
        body = {"schema": schemas.body(takes, variables, {REQUEST_ID, *access.by_token(method.path)})}
        operation["requestBody"] = {"required": True, "content": {JSON: body}}
    return operation


def _in_path(takes: Descriptor, variables: list[str], schemas: Schemas) -> list[Schema]:
    return [
        {
            "name": name, "in": "path", "required": True, "description": comment(takes.fields_by_name[name].full_name),
            "schema": schemas.value(takes.fields_by_name[name]),
        }
        for name in variables
    ]


def _beside(method: Method, variables: list[str], schemas: Schemas) -> list[Schema]:
    """The headers, and the query where there is no body."""
    takes: Descriptor = method.descriptor.input_type
    fields = [] if method.has_body else [field for field in takes.fields if field.name not in variables]
    headers = [_KEY] if REQUEST_ID in takes.fields_by_name else []
    headers += [] if method.streams else [_TIMEOUT]
    headers += access.headers(method.path)
    headers += [_KNOWN_TAG] if _is_shown(method) else []
    headers += [_SEEN_TAG] if REQUEST_ID in takes.fields_by_name and variables else []
    return [*(_in_query(field, schemas) for field in fields), *headers]


def _in_query(field: FieldDescriptor, schemas: Schemas) -> Schema:
    value = schemas.value(field)
    return {
        "name": field.json_name, "in": "query", "required": is_required(field), "description": comment(field.full_name),
        "schema": {"type": "array", "items": value} if field.is_repeated else value,
    }


def _responses(method: Method, schemas: Schemas) -> Schema:
    unchanged = {"304": {"description": "It is as the caller has it."}} if _is_shown(method) else {}
    return {"200": _answer(method, schemas), **unchanged, "default": {"$ref": "#/components/responses/Refusal"}}


def _is_shown(method: Method) -> bool:
    """Whether its answer may have an ETag."""
    return method.verb == "GET" and not method.streams


def _answer(method: Method, schemas: Schemas) -> Schema:
    gives: Descriptor = method.descriptor.output_type
    shape = schemas.reference(gives)
    told = comment(gives.full_name) or "The answer."
    if method.streams:
        told += " Server-sent events: each `message` has one answer, `end` is the last, `error` has a Status."
        return {"description": told, "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    return {"description": told, "content": {JSON: {"schema": shape}}}


def _refusal() -> Schema:
    told = "Refused; nothing was changed. 429 and 503 say in Retry-After when to come again."
    return {"description": told, "content": {JSON: {"schema": {"$ref": "#/components/schemas/Status"}}}}
