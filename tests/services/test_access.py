"""The policy is complete: a row for each method that is served and for no other, each field of a request classified,
and what each role may do written down where people read it."""

import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor

from gateway.contract import files, methods
from services.access import ACCESS, ACTORS, BOUND, IMPARTIAL, KINDS, ROLES
from services.card_redemption.store.owners import OWNERS as CARDS
from services.credit_ledger.store.owners import OWNERS as CREDIT
from services.kernel.access import Row
from services.order.store.owners import OWNERS as ORDERS
from tests.architecture import access_page

SERVED = ("order", "credit_ledger", "card_redemption", "operations")
"""The packages of services; the auditor and the sandboxes are no part of the engine."""
METHODS: dict[str, MethodDescriptor] = {
    f"/{service.full_name}/{method.name}": method
    for package in SERVED for file in files(f"{package}/v1/*_service_pb2.py")
    for service in file.services_by_name.values() for method in service.methods
}
OWNERS = {"order": ORDERS, "credit_ledger": CREDIT, "card_redemption": CARDS}
PLAIN = {
    "request_id", "leg_id", "case_id", "notice_id", "batch_id", "line_id", "aggregate_id", "after_account_id", "actor",
}
"""Fields that name something, but neither who acts nor what is looked up: they are ids within a thing, of operators'
affairs, or filters of those who see everything."""
ABOUT_NOBODY = {
    "ImportCalendar", "ApproveCalendar", "ProposeChannelPolicy", "ApproveChannelPolicy", "RotateKeys", "PausePayouts",
    "ResumePayouts", "StartReconciliation", "RunStatements", "SetClock", "RepublishEvents", "ProposeSwitch",
    "ApproveSwitch",
}
"""What staff command that is about everybody alike, so that there is nobody who must not be the one who decides."""


def _rows() -> list[tuple[str, Row]]:
    return sorted(ACCESS.rows.items())


def _names(method: str) -> set[str]:
    """The fields of a method's request."""
    return {field.name for field in METHODS[method].input_type.fields} if method in METHODS else set()


def test_each_method_of_the_contract_has_a_row() -> None:
    """And each row its method; what is a library's is open to everybody."""
    ours = {method for method, row in _rows() if not method.startswith("/grpc.")}

    assert ours == set(METHODS)
    assert all(row.open and not row.roles for method, row in _rows() if method.startswith("/grpc."))
    assert all(row.roles and not row.open for method, row in _rows() if not method.startswith("/grpc."))


def test_the_page_shows_the_policy() -> None:
    """As it is; `python -m tests.architecture.access_page` writes it."""
    assert access_page.DOCUMENT.read_text(encoding="utf-8") == access_page.page()


@pytest.mark.parametrize(("method", "row"), _rows(), ids=lambda each: each if isinstance(each, str) else "")
def test_who_sees_only_their_own_is_held_to_it(method: str, row: Row) -> None:
    """By the thing's owner, or by a field that names the caller, unless it is the same for everybody."""
    fields = frozenset(_names(method))

    for role in BOUND.intersection(row.roles):
        assert row.shared or row.about is not None or ACCESS.filled(row, role, fields), role
    if row.about is not None:
        peers = {each.peer for each in methods() if each.path == method}
        assert row.about.field in fields
        assert all(row.about.kind in OWNERS[peer] for peer in peers)
    assert row.plain <= fields
    assert row.reserved <= fields
    assert row.second is None or row.second[0] in fields


def test_whom_a_command_is_about_is_known_where_he_must_not_be_who_decides() -> None:
    """By the thing's owner, or by a field; what is about nobody is listed."""
    unknown = {
        method.rpartition("/")[2] for method, row in _rows()
        if "request_id" in _names(method) and row.about is None
        for role in IMPARTIAL.intersection(row.roles) if not ACCESS.parties(row, role, frozenset(_names(method)))
    }

    assert unknown == ABOUT_NOBODY


def test_every_field_that_names_something_is_classified() -> None:
    """A new one is an actor, a thing that is looked up, or plain: who adds it has to say."""
    named = {
        field.name
        for descriptor in METHODS.values() for field in descriptor.input_type.fields
        if field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated and field.name.endswith("_id")
    }

    assert named - ACTORS.keys() - KINDS.keys() - PLAIN == set()


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_something_and_nobody_everything(role: str) -> None:
    """Subscribers read only."""
    allowed = {method for method, row in _rows() if role in row.roles}

    assert 0 < len(allowed) < len(METHODS)
    if role in ("subscriber", "auditor"):
        assert not any("request_id" in _names(method) for method in allowed)


def test_money_that_comes_from_outside_is_the_platform_s_to_say() -> None:
    """No customer and no merchant puts money anywhere, sets a price or a limit."""
    for name in ("PlaceOrder", "FundWallet", "Repay", "GrantLimit", "OpenAccount", "IssueCard", "RecordRemittance"):
        [row] = [row for method, row in _rows() if method.endswith(f"/{name}")]
        assert row.roles == ("platform",)
