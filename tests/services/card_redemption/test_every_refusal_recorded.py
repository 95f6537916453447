"""Whatever is asked of cards and refused, by the door, by a method, by a decision or because of its id, leaves exactly
one attempt on the permanent record; none holds a code (RD-31)."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from services.access import ACCESS, CUSTOMER
from services.card_redemption.__main__ import SERVICE
from services.card_redemption.rpc.refused import METHODS as RECORDED
from services.card_redemption.rpc.refused import keep_refused
from services.card_redemption.store.owners import OWNERS
from services.kernel.access import Caller
from services.kernel.errors import SettlementError
from services.runtime.identity.door import Door
from services.runtime.rpc.calls import Calls, Unary
from services.runtime.rpc.refusals import keeping
from tests.access.contract import ABSENT, METHODS, OWN, VALUES, request, subject
from tests.services.card_redemption.ledger import CardLedger, EndlessContext

CODE = VALUES["code"]
ELSE = "somebody-else"


class Case(NamedTuple):
    """A method, who calls it in which role, and whether he names somebody else as the one who acts."""

    method: str
    role: str
    misnamed: bool = False


class KnownCaller:
    """Takes the first part of a token for the name of a role: the subject is whoever plays it."""

    async def caller(self, token: str, header: str = "") -> Caller:
        """Somebody in that role."""
        role = token.partition(".")[0]
        return Caller(subject(role), frozenset({role}))


class Metadata(EndlessContext):
    """A call with a token, and with that of a second person."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self.role = role

    def invocation_metadata(self) -> Any:  # Any: pairs, where the original has none
        """Both tokens."""
        return ("authorization", f"Bearer {self.role}.a.b"), ("second-authorization", "Bearer finance_maker.a.b")


def commands() -> Iterator[str]:
    """Every command of the card service, by its full name."""
    for name, method in METHODS.items():
        if name.startswith(RECORDED) and "request_id" in method.input_type.fields_by_name:
            yield name


def cases() -> list[Case]:
    """What is not there, by the widest role and by a customer; and by somebody who names another."""
    found = []
    for method in commands():
        row = ACCESS.rows[method]
        roles = [row.roles[0], *([CUSTOMER] if CUSTOMER in row.roles[1:] else [])]
        for role in roles:
            named = ACCESS.filled(row, role, frozenset(METHODS[method].input_type.fields_by_name))
            found += [Case(method, role), *([Case(method, role, misnamed=True)] if named else [])]
    return found


def unary(cards: CardLedger, name: str) -> Unary:
    """A method behind its door, with everything around it."""
    verifier, nobody, edge = KnownCaller(), None, cards
    door = Door(ACCESS, verifier, OWNERS, cards.read, nobody)  # type: ignore[arg-type]  # stand-ins
    calls = Calls(cards.settings)
    calls.door, calls.keep = door, keeping(keep_refused, cards.clock, cards.read)
    service, _, method = name[1:].rpartition("/")
    servicer: Any = next(  # Any: one of the servicers
        built for build in SERVICE.servicers
        if (built := build(edge)).__class__.__mro__[1].__name__ == f"{service.rpartition('.')[2]}Servicer"  # type: ignore[arg-type]  # a ledger for an edge
    )
    return Unary(calls, name, getattr(servicer, method), door.gate(name))


async def told(cards: CardLedger, case: Case, asked: Any) -> str:  # Any: a request of the method
    """The reason for which it is refused; "" if it is done."""
    try:
        context: Any = Metadata(case.role)
        await unary(cards, case.method).answer(asked, context, lambda answer: answer)
    except SettlementError as error:
        return error.reason
    return ""


async def kept(cards: CardLedger, request_id: str) -> list[tuple[str, str]]:
    """What the record has of a request: outcome and reason, nothing with a code in it."""
    rows = await cards.connection.fetch("select * from attempts where request_id = $1 order by id", request_id)
    assert CODE not in str(rows)
    return [(row["outcome"], row["reason"]) for row in rows]


def asked(cards: CardLedger, case: Case, whose: str = ABSENT) -> Any:  # Any: as above
    """A valid request that nobody made yet."""
    made: Any = request(case.method, ACCESS.rows[case.method], case.role, whose)
    made.request_id = cards.request_id()
    if case.misnamed:
        filled = ACCESS.filled(ACCESS.rows[case.method], case.role, frozenset(made.DESCRIPTOR.fields_by_name))
        setattr(made, filled[0], ELSE)
    return made


async def test_every_refusal_leaves_one_attempt(cards: CardLedger) -> None:
    """Of every command, in each role that matters; what is done leaves one, too."""
    wrong, reasons = [], set()
    for case in cases():
        made = asked(cards, case)
        reason = await told(cards, case, made)
        found = await kept(cards, made.request_id)
        reasons.add(reason)
        done = len(found) == 1 and found[0][1] == "" and found[0][0] in ("DONE", "DRAFTED")
        if not (done if reason == "" else found == [("DENIED", reason)]):
            wrong.append((case, reason, found))

    assert wrong == []
    assert {"ACTOR_MISMATCH", "CARD_NOT_FOUND", "REDEMPTION_NOT_FOUND", "DRAFT_INVALID", "CODE_REJECTED"} <= reasons


async def test_an_id_that_another_request_has_leaves_an_attempt(cards: CardLedger) -> None:
    """The second body under it is not looked at, but that it was tried is kept."""
    wrong = []
    for case in cases():
        if case.misnamed or case.role == CUSTOMER:
            continue
        first, second = asked(cards, case), asked(cards, case, OWN)
        second.request_id = first.request_id
        if first == second:
            continue
        await told(cards, case, first)
        before = len(await kept(cards, first.request_id))
        reason = await told(cards, case, second)
        found = (await kept(cards, first.request_id))[before:]
        if reason != "REQUEST_ID_REUSED" or found != [("DENIED", reason)]:
            wrong.append((case, reason, found))

    assert wrong == []


async def test_what_is_not_well_formed_leaves_none(cards: CardLedger) -> None:
    """It says nothing that could be kept."""
    case = Case(f"{RECORDED}CardService/CloseCard", CUSTOMER)
    made = asked(cards, case)
    made.card_id = "no card \x00"

    assert await told(cards, case, made) == "INVALID_ARGUMENT"
    assert await cards.connection.fetchval("select count(*) from attempts") == 0


@pytest.mark.parametrize("field", ["token", "quote", "code"])
async def test_forged_papers_and_codes_that_are_none_are_on_record(cards: CardLedger, field: str) -> None:
    """With who showed them, as far as that is known, and never with what they were."""
    name, reason = {
        "token": ("RedemptionService/ConfirmRedemption", "DRAFT_INVALID"),
        "quote": ("RedemptionService/PrepareRedemption", "QUOTE_INVALID"),
        "code": ("CardService/IssueCard", "INVALID_ARGUMENT"),
    }[field]
    case = Case(f"{RECORDED}{name}", "platform")
    made = asked(cards, case)
    setattr(made, field, "NO-CODE" if field == "code" else b"f" * 80)

    assert await told(cards, case, made) == reason

    (row,) = await cards.connection.fetch("select * from attempts")
    assert (row["outcome"], row["reason"]) == ("DENIED", reason)
    assert row["actor"] == getattr(made, "customer_id", subject("platform"))
    assert "NO-CODE" not in str(row)


