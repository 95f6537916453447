"""The terms of a CREDIT tender on both sides: what the order service accepts, the credit ledger carries out.

No service imports another, and the kernel knows no credit; so each side has a type of its own, and this test holds them
together.
"""

from dataclasses import MISSING, Field, asdict, fields
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.credit_ledger.domain.model import terms as ledger
from services.credit_ledger.wire.commands import terms_of as read_by_ledger
from services.kernel.errors import InvalidArgument
from services.order.domain import credit_terms as order
from services.order.wire.scalars import terms_message, terms_of
from settlement.common.v1 import tender_pb2

AMOUNT_MAX = 2**31 - 1
EDGES = st.sampled_from((-2, -1, 0, 1, 120, 121, 1_000_000, 1_000_001, AMOUNT_MAX))
"""What lies at, and just beyond, a bound."""


def _shape(field: "Field[Any]") -> tuple[str, str, Any]:
    """Name, name of the type and default; an enumeration's member by its value."""
    kind = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", "")
    assert field.default is not MISSING
    return field.name, str(kind), field.default


def test_both_sides_have_the_same_fields_in_the_same_order_with_the_same_defaults() -> None:
    """Positions too, for documents are stored as arrays."""
    ours, theirs = fields(order.CreditTerms), fields(ledger.CreditTerms)
    assert [_shape(field) for field in ours] == [_shape(field) for field in theirs]
    assert asdict(order.CreditTerms()) == asdict(ledger.CreditTerms())


@pytest.mark.parametrize("name", ["PlanKind", "Strategy", "Route"])
def test_both_sides_know_the_same_words(name: str) -> None:
    """A word that only one side knows would be poison to the other."""
    ours: type[StrEnum] = getattr(order, name)
    theirs: type[StrEnum] = getattr(ledger, name)

    assert [(member.name, member.value) for member in ours] == [(member.name, member.value) for member in theirs]


def test_both_sides_have_the_same_bounds() -> None:
    """By name."""
    assert (order.MONTHS_MAX, order.NEVER_FREE) == (ledger.MONTHS_MAX, ledger.NEVER_FREE)


def _refusal(terms: "order.CreditTerms | ledger.CreditTerms") -> str:
    try:
        terms.checked()
    except InvalidArgument as refusal:
        return f"{refusal.reason}: {refusal.detail}"
    return ""


terms_of_order = st.builds(
    order.CreditTerms, plan=st.sampled_from(order.PlanKind), instalment_count=st.integers(1, 120) | EDGES,
    fee_ppm=st.integers(0, 1_000_000) | EDGES, defer_months=st.integers(1, 120) | EDGES,
    flat_fee_minor=st.integers(0, AMOUNT_MAX) | EDGES, term_days=st.integers(1, 3660) | EDGES,
    free_days=st.integers(-1, 3660) | EDGES, strategy=st.sampled_from(order.Strategy),
    route=st.sampled_from(order.Route),
)


@given(terms_of_order)
@settings(max_examples=500, deadline=None)
def test_both_sides_refuse_the_same_terms_for_the_same_reason(accepted: order.CreditTerms) -> None:
    """What the order service lets pass can be authorized."""
    carried_out = ledger.CreditTerms(**{
        name: getattr(ledger, type(value).__name__)(value) if isinstance(value, StrEnum) else value
        for name, value in asdict(accepted).items()
    })

    assert _refusal(accepted) == _refusal(carried_out)


@given(terms_of_order.filter(lambda terms: not _refusal(terms)))
def test_terms_arrive_as_they_were_sent(sent: order.CreditTerms) -> None:
    """Through the contract, on either side."""
    wire = tender_pb2.CreditTerms.FromString(terms_message(sent).SerializeToString())

    assert terms_of(wire) == sent
    assert asdict(read_by_ledger(wire)) == asdict(sent)


@given(
    plan=st.sampled_from((1, 2)), count=st.sampled_from((0, 1, 3)), months=st.sampled_from((0, 1, 2)),
    days=st.sampled_from((0, 1, 30)), free_days=st.none() | st.sampled_from((-1, 0, 7)), strategy=st.integers(0, 4),
    route=st.integers(0, 2),
)
def test_both_sides_give_what_is_absent_the_same_defaults(
    plan: Any, count: int, months: int, days: int, free_days: int | None, strategy: Any, route: Any
) -> None:
    """Zero and absence mean the same wherever the contract is read."""
    wire = tender_pb2.CreditTerms(
        plan=plan, instalment_count=count, defer_months=months, term_days=days, free_days=free_days, strategy=strategy,
        route=route,
    )

    assert asdict(terms_of(wire)) == asdict(read_by_ledger(wire))


def test_neither_side_guesses_a_plan() -> None:
    """The contract demands one."""
    for read in (terms_of, read_by_ledger):
        with pytest.raises(ValueError, match="0 is none of"):
            read(tender_pb2.CreditTerms())


def test_a_new_order_defers_to_one_instalment() -> None:
    """As its contract says; five were taken, and one was made of them (F14)."""
    terms = order.CreditTerms(plan=order.PlanKind.DEFERRED, instalment_count=5)

    with pytest.raises(InvalidArgument, match="a DEFERRED plan has one instalment"):
        terms.placeable()
    assert order.CreditTerms(plan=order.PlanKind.DEFERRED).placeable().checked()
