"""Everything that the domain says or hears has a place on the wire, and comes out as it went in."""

import dataclasses
import inspect
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from services.credit_ledger.domain.log.inputs import INPUTS, OF_SAGAS
from services.credit_ledger.domain.model import commands, effects, events, redemption_events, redemptions
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import NEVER_FREE, CreditTerms, PlanKind, Route, Strategy
from services.credit_ledger.wire import CODEC
from services.credit_ledger.wire import redemptions as redemptions_wire
from services.credit_ledger.wire.commands import COMMANDS
from services.kernel.errors import Undecodable
from services.runtime.ground.scalars import instant_from_wire, instant_to_wire
from settlement.common.v1 import tender_pb2
from settlement.credit_ledger.v1 import commands_pb2 as pb

WRAPPED = {effects.Step}
"""Parts of results, not results."""


def dataclasses_of(module: object) -> list[type]:
    """The dataclasses that a module defines."""
    found = [member for _, member in inspect.getmembers(module, inspect.isclass) if dataclasses.is_dataclass(member)]
    return [member for member in found if member.__module__ == getattr(module, "__name__", "")]


@pytest.mark.parametrize(
    "kind", [
        *dataclasses_of(events), *dataclasses_of(redemption_events),
        *(kind for kind in dataclasses_of(effects) if kind not in WRAPPED),
    ]
)
def test_every_fact_and_every_result_has_a_message(kind: type) -> None:
    """A decision can never fail for want of a message."""
    assert kind in CODEC._by_domain


def test_every_command_of_a_saga_has_a_reader() -> None:
    """Every input that sagas send is read under its own name, and so are those of merchants' shares and channels."""
    read = {entry.domain: entry.message.DESCRIPTOR.name for entry in (*COMMANDS, *redemptions_wire.COMMANDS)}
    of_no_account = {commands.PayGiftCardShare, commands.ClawBackFromMerchant, redemptions.ReceiveRemittance}

    assert {row.body for row in OF_SAGAS} == set(read) - of_no_account
    assert all(kind.__name__ == name for kind, name in read.items())


def test_every_logged_input_has_a_reason_for_the_customer() -> None:
    """No movement without words (MA-4)."""
    assert [row.kind for row in INPUTS if row.logged and not (row.reason_zh and row.reason_en)] == []


@given(st.integers(0, 7_258_118_400_000_000))
def test_instants_keep_their_microseconds(microseconds: int) -> None:
    """TRY and CONFIRM must see the very same instant (OP-1)."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)

    stamp = instant_to_wire(moment)

    assert stamp is not None
    assert instant_from_wire(stamp) == moment
    assert instant_from_wire(Timestamp(seconds=stamp.seconds, nanos=stamp.nanos + 999)) == moment


def test_a_command_is_read_as_it_was_written() -> None:
    """All fields of the widest command."""
    terms = tender_pb2.CreditTerms(
        plan=tender_pb2.PLAN_TYPE_DEFERRED, defer_months=2, flat_fee_minor=600, term_days=30, free_days=7,
        strategy=tender_pb2.REFUND_STRATEGY_EQUAL, route=tender_pb2.CREDIT_ROUTE_FLASH,
    )
    written = pb.AuthorizeTenders(
        account_id="acc_1", order_id="ord_1", customer_id="c1", merchant_id="m1", credit_minor=1, wallet_minor=2,
        bank_minor=3, coupon_minor=4, payment_reference="p1", terms=terms,
    )

    body = CODEC.decode("settlement.credit_ledger.v1.AuthorizeTenders", written.SerializeToString())

    assert body == commands.AuthorizeTenders(
        account_id="acc_1", order_id="ord_1", customer_id="c1", merchant_id="m1", tenders=Tenders(1, 2, 3, 4),
        terms=CreditTerms(
            plan=PlanKind.DEFERRED, instalment_count=1, fee_ppm=0, defer_months=2, flat_fee_minor=600, term_days=30,
            free_days=7, strategy=Strategy.EQUAL, route=Route.FLASH,
        ), payment_reference="p1",
    )


def test_absent_terms_get_their_defaults() -> None:
    """Absent free days mean never; 0 means the day of shipment."""
    plan = tender_pb2.PLAN_TYPE_INSTALMENT

    absent = pb.AuthorizeTenders(terms=tender_pb2.CreditTerms(plan=plan))
    same_day = pb.AuthorizeTenders(terms=tender_pb2.CreditTerms(plan=plan, free_days=0))

    read = [
        CODEC.decode("settlement.credit_ledger.v1.AuthorizeTenders", m.SerializeToString()) for m in (absent, same_day)
    ]
    assert [body.terms.free_days for body in read] == [NEVER_FREE, 0]  # type: ignore[attr-defined]  # both authorize


def test_a_pin_of_a_quote_is_read_with_its_end() -> None:
    """Version and end travel with the command (U1)."""
    end = datetime(2026, 3, 5, tzinfo=UTC) + timedelta(microseconds=1)
    written = pb.RefundTenders(
        account_id="acc_1", order_id="ord_1", refund_id="rfd_1", expected_account_version=7,
        quote_valid_until=instant_to_wire(end),
    )

    body = CODEC.decode("settlement.credit_ledger.v1.RefundTenders", written.SerializeToString())

    assert isinstance(body, commands.RefundTenders)
    assert (body.expected_account_version, body.quote_valid_until) == (7, end)


def test_a_command_without_a_plan_type_is_poison() -> None:
    """What no sender of ours writes is set aside with a reason, not guessed."""
    written = pb.AuthorizeTenders(account_id="acc_1", terms=tender_pb2.CreditTerms())

    with pytest.raises(Undecodable, match="INVALID_CONTENT"):
        CODEC.decode("settlement.credit_ledger.v1.AuthorizeTenders", written.SerializeToString())
