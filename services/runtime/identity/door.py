"""What a call passes before its method sees it: who it is, whether they may, whom its fields name, whose the thing is.

In this order: the token (UNAUTHENTICATED), the role (PERMISSION_DENIED), the fields that name actors (ACTOR_MISMATCH),
and, for those who see only their own and those who command nothing of it, the owner of the thing. "Not yours" and "not
there" are one answer: the same look into the database, the same status, reason and text. Nobody decides about himself
(FOUR_EYES), nor with another who would: the same look tells.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.message import Message

from services.kernel.access import Access, Caller, Row
from services.kernel.errors import Defect, NotFound, PermissionDenied
from services.kernel.people import same_person
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.ground.together import Together
from services.runtime.identity.bearer import HEADER, SECOND_HEADER, refuse, token_in, values_of
from services.runtime.identity.keys import Keys
from services.runtime.identity.tokens import Demands, Verifier

Metadata = Iterable[tuple[str, str | bytes]]
Look = Callable[[], AbstractAsyncContextManager[Connection]]
"""A connection for one look."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """How the owners of one kind of thing are found: `query` answers a column for each bound role, of the thing whose
    id is `asked.id`, a text; what is not theirs, or not there, is `reason`, and is called `noun`."""

    reason: str
    noun: str
    query: str


    def finder(self, look: Look) -> Together[Mapping[str, str | None]]:
        """Finds owners by ids, for all calls that are looking for some of this kind at the same time."""
        query = f"select asked.id, owners.* from unnest($1::text[]) asked(id), lateral ({self.query} limit 1) owners"

        async def find(ids: Sequence[str]) -> Mapping[str, Mapping[str, str | None]]:
            async with look() as connection:
                rows = [dict(row) for row in await connection.fetch(query, ids)]
            return {row.pop("id"): row for row in rows}

        return Together(find)


class Door:
    """The policy at work in one process. `owners` are the kinds of things that it can look up."""

    def __init__(
        self, access: Access, verifier: Verifier, owners: Mapping[str, Ownership], look: Look, keys: Keys
    ) -> None:
        self.access = access
        self.keys = keys
        self.verifier = verifier
        self.owners = owners
        self.finders = {kind: ownership.finder(look) for kind, ownership in owners.items()}

    def gate(self, method: str) -> "Gate":
        """The gate of a method, by its full name; a `Defect` for one without a row: it is not served."""
        row = self._row(method)
        if row.about is not None and row.about.kind not in self.owners:
            raise Defect(f"{method} is about a {row.about.kind}, whose owner nobody here can find")
        service, _, name = method[1:].rpartition("/")
        request = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name].input_type
        return Gate(self, row, frozenset(field.name for field in request.fields))

    def check_open(self, method: str) -> None:
        """A `Defect` unless everybody may call the method, which is a library's and passes no gate."""
        if not self._row(method).open:
            raise Defect(f"{method} is not open to everybody, and nobody stands before it")

    def _row(self, method: str) -> Row:
        row = self.access.rows.get(method)
        if row is None:
            raise Defect(f"{method} has no row in the policy (services/access.py), so it is not served")
        return row


class Gate:
    """The door of one method. `fields` are those of its request."""

    def __init__(self, door: Door, row: Row, fields: frozenset[str]) -> None:
        self._door, self._row = door, row
        roles = sorted(door.access.roles)
        self._filled = {role: door.access.filled(row, role, fields) for role in roles}
        self._left = {role: door.access.left(row, role, fields) for role in roles}
        self._parties = {role: door.access.parties(row, role, fields) for role in roles}
        self._bound = {role for role in row.roles if role in door.access.bound}
        self._about_another = door.access.about_another(row, fields)

    async def enter(self, metadata: Metadata) -> "Entered | None":
        """Who calls, and in which role; None where everybody may."""
        if self._row.open:
            return None
        metadata = tuple(metadata)
        verifier = self._door.verifier
        caller = await verifier.caller(token_in(values_of(metadata, HEADER)))
        role = self._row.role_of(caller)
        if role is None:
            raise PermissionDenied("PERMISSION_DENIED", f"this method is for {', '.join(self._row.roles)}")
        second = await self._second(metadata) if self._row.second is not None else ""
        impartial = self._about_another and not caller.roles.isdisjoint(self._door.access.impartial)
        return Entered(caller.subject, role, second, impartial)

    async def _second(self, metadata: Metadata) -> str:
        """The other person, by their own token."""
        assert self._row.second is not None
        wanted = self._row.second[1]
        other: Caller = await self._door.verifier.caller(token_in(values_of(metadata, SECOND_HEADER), SECOND_HEADER))
        if wanted not in other.roles:
            raise refuse(f"{SECOND_HEADER} must be a token of a {wanted}")
        return other.subject

    def name_actors(self, entered: "Entered", request: Message) -> None:
        """Put the caller where the request names who acts; ACTOR_MISMATCH where it names somebody else, once all else
        is put in."""
        own = [*self._filled[entered.role], *(name for name in self._left[entered.role] if getattr(request, name))]
        named = [(name, entered.subject) for name in own]
        if self._row.second is not None:
            named.append((self._row.second[0], entered.second))
        wrong = [name for name, subject in named if _name(request, name, subject) != subject]
        if wrong:
            raise PermissionDenied("ACTOR_MISMATCH", f"{wrong[0]} names somebody else than the token")
        if entered.role in self._bound:
            for name in self._row.reserved:
                if getattr(request, name):
                    raise PermissionDenied("ACTOR_MISMATCH", f"{name} is not for a {entered.role} to say")

    async def check_owner(self, entered: "Entered", request: Message) -> None:
        """The reason of what is not there, unless the thing is the caller's; whoever sees everything passes. FOUR_EYES
        for who would decide about himself: he asks as a customer, if customers may, or another decides."""
        bound = entered.role in self._bound
        owners = await self._owners(request) if bound or entered.impartial else {}
        about = self._row.about
        if bound and about is not None and owners.get(entered.role) != entered.subject:
            ownership = self._door.owners[about.kind]
            raise NotFound(ownership.reason, f"there is no {ownership.noun} {getattr(request, about.field)}")
        if entered.impartial:
            named = [getattr(request, name) for name in self._parties[entered.role]]
            entered.check_impartial([*named, *(name for role, name in owners.items() if role != entered.role)])

    async def _owners(self, request: Message) -> Mapping[str, str | None]:
        """Who owns what the request is about, by the role in which; nobody, where that is not there or it is about
        nothing that has owners."""
        about = self._row.about
        if about is None:
            return {}
        return await self._door.finders[about.kind].find(str(getattr(request, about.field))) or {}


@dataclass(frozen=True, slots=True)
class Entered:
    """Who calls, in which role, the second person where the method takes one, and whether neither may be whom it is
    about."""

    subject: str
    role: str
    second: str
    impartial: bool = False

    def check_impartial(self, parties: Iterable[str | None]) -> None:
        """FOUR_EYES, if who decides may be one of these, however the names are written."""
        deciding = [name for name in (self.subject, self.second) if name]
        if any(same_person(name, party) for name in deciding for party in parties if party):
            raise PermissionDenied("FOUR_EYES", "nobody decides about himself: another has to, or a customer's token")


def _name(request: Any, name: str, subject: str) -> str:  # Any: each request is a type of its own
    """Whom the field names; the subject, where it named nobody."""
    if not getattr(request, name):
        setattr(request, name, subject)
    return str(getattr(request, name))


async def open_door(
    settings: Settings, access: Access | None, owners: Mapping[str, Ownership], look: Look
) -> Door | None:
    """The door of a process, with its keys read; None where no keys are set (`Settings.check_identity`)."""
    if access is None or not settings.identity_jwks:
        return None
    keys = Keys(settings.identity_jwks, production=settings.profile == "production")
    await keys.open()
    demands = Demands(
        issuer=settings.identity_issuer, audience=settings.identity_audience, seconds_max=settings.token_seconds_max,
        leeway_seconds=settings.token_leeway_seconds, roles=access.roles,
    )
    return Door(access, Verifier(keys, demands), owners, look, keys)
