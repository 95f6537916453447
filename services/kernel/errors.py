"""Every error of the engine, as a tree whose leaves carry a stable reason and a gRPC status name.

    SettlementError
    ├── InvalidArgument        the request can never succeed as written
    ├── NotFound               the named thing does not exist (or is not the caller's)
    ├── AlreadyExists          the id is taken by something else
    ├── FailedPrecondition     the thing exists but its state forbids this now
    ├── Unauthenticated        nobody knows who the caller is
    ├── PermissionDenied       the caller may not do this
    ├── Aborted                a concurrent change won; read again and retry
    ├── ResourceExhausted      back-pressure; retry later
    ├── Unavailable            a fault; retry with the same request id
    └── Internal               a defect of ours; the log has it under the correlation id

A rule raises one of these with a `reason` in UPPER_SNAKE; the lane turns it into `Refused`, the edge into a
`google.rpc.Status` with one `ErrorInfo`. Two are not part of the tree: `Defect` says that our own code broke a law,
`Undecodable` that somebody else's bytes did.
"""

from collections.abc import Mapping


class SettlementError(Exception):
    """A refusal with a stable reason; nothing was changed."""

    status = "UNKNOWN"

    def __init__(self, reason: str, detail: str = "", metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.metadata = dict(metadata or {})


class InvalidArgument(SettlementError):
    """The request can never succeed as written."""

    status = "INVALID_ARGUMENT"


class NotFound(SettlementError):
    """The named thing does not exist, or is not the caller's."""

    status = "NOT_FOUND"


class AlreadyExists(SettlementError):
    """The id is taken by something else (a reused `request_id` with another body among them)."""

    status = "ALREADY_EXISTS"


class FailedPrecondition(SettlementError):
    """The state of the thing forbids this now."""

    status = "FAILED_PRECONDITION"


class Unauthenticated(SettlementError):
    """Nobody knows who the caller is: no token, or none that is valid."""

    status = "UNAUTHENTICATED"


class PermissionDenied(SettlementError):
    """The caller may not do this."""

    status = "PERMISSION_DENIED"


class Aborted(SettlementError):
    """A concurrent change won: read again, then retry."""

    status = "ABORTED"


class ResourceExhausted(SettlementError):
    """Back-pressure: retry after the time that the answer names."""

    status = "RESOURCE_EXHAUSTED"


class Unavailable(SettlementError):
    """A fault of ours: retry with the same request id."""

    status = "UNAVAILABLE"


class Internal(SettlementError):
    """A defect of ours stopped the request and nothing was changed; the log has it under `correlation_id`."""

    status = "INTERNAL"


class Undecodable(Exception):
    """What arrived cannot be decided as it is; `reason` is stable and goes with the message when it is set aside."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class Untrusted(Undecodable):
    """Nobody of ours can be shown to have sent it: it is set aside, and nothing waits behind it."""


class Defect(Exception):
    """Our own code broke a law (an unbalanced journal, a skipped version, a confirm that refuses)."""


BY_STATUS: Mapping[str, type[SettlementError]] = {
    kind.status: kind
    for kind in (
        InvalidArgument, NotFound, AlreadyExists, FailedPrecondition, Unauthenticated, PermissionDenied, Aborted,
        ResourceExhausted, Unavailable, Internal,
    )
}
