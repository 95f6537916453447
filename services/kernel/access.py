"""Who may call what: the words of a policy table, and what one of its rows says of one caller.

A row names the roles that may call a method. Whoever calls in a role that is *bound* sees and commands only what is
their own: the row says by which field of the request the thing is found, and a look into the database whose it is. Who
acts is never the request's to say: fields that name actors hold the caller, or nothing, and then the caller is put in.
And nobody decides about himself: whoever holds an *impartial* role commands nothing that is his own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose token was verified."""

    subject: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Object:
    """What a request is about: a thing of this kind, named by this field."""

    kind: str
    field: str


@dataclass(frozen=True, slots=True)
class Row:
    """One method: `roles` may call it, the widest first; `open` to everybody, even without a token.

    `about` says what is looked up for who sees only their own; it is None where the fields that name actors suffice, as
    in lists, and where what is shown is `shared` by everybody. `plain` are fields that bear an actor's name and name
    somebody else here. `reserved` are fields that a bound caller leaves alone. `second` is a field that names another
    person than the caller, whose own token comes along, with the role that it has to hold. `foretells` marks a question
    whose answer says what a command would do: it is refused to whom the command is.
    """

    roles: tuple[str, ...] = ()
    open: bool = False
    about: Object | None = None
    shared: bool = False
    plain: frozenset[str] = frozenset()
    reserved: frozenset[str] = frozenset()
    second: tuple[str, str] | None = None
    foretells: bool = False

    def role_of(self, caller: Caller) -> str | None:
        """The role in which the caller calls; None if it may not."""
        return next((role for role in self.roles if role in caller.roles), None)


@dataclass(frozen=True, slots=True)
class Access:
    """The whole policy: a row for each method by its full name, `/package.Service/Method`.

    `bound` are the roles that see only their own, `impartial` those that command nothing of their own. `actors` says of
    each field that names one for whom it names the caller, so that it is filled in; in whatever other role it is
    `unfilled` for, it holds the caller or nothing.
    """

    rows: Mapping[str, Row]
    roles: frozenset[str]
    bound: frozenset[str]
    actors: Mapping[str, frozenset[str]]
    unfilled: Mapping[str, frozenset[str]] = field(default_factory=dict)
    impartial: frozenset[str] = frozenset()

    def filled(self, row: Row, role: str, fields: frozenset[str]) -> tuple[str, ...]:
        """Which of a request's fields name the caller in this role."""
        return self._of(self.actors, row, role, fields)

    def left(self, row: Row, role: str, fields: frozenset[str]) -> tuple[str, ...]:
        """Which of a request's fields name the caller in this role, or nobody."""
        return self._of(self.unfilled, row, role, fields)

    def about_another(self, row: Row, fields: frozenset[str]) -> bool:
        """Whether nobody in an impartial role may call it about himself: it commands, or foretells a command, of which
        the request says whom it is about."""
        named = row.about is not None or any(self.parties(row, role, fields) for role in row.roles)
        return bool(self.impartial & {*row.roles} and named and (row.foretells or "request_id" in fields))

    def parties(self, row: Row, role: str, fields: frozenset[str]) -> tuple[str, ...]:
        """Which of a request's fields name an owner, who is not whoever calls in this role."""
        about = {name for name, roles in self.actors.items() if roles <= self.bound}
        return tuple(sorted((fields & about) - {*self.filled(row, role, fields)}))

    @staticmethod
    def _of(
        actors: Mapping[str, frozenset[str]], row: Row, role: str, fields: frozenset[str]
    ) -> tuple[str, ...]:
        named = fields - row.plain - ({row.second[0]} if row.second else set())
        return tuple(sorted(name for name in named if role in actors.get(name, ())))
