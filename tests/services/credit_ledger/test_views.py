"""Whoever reads this book with SQL finds each place of its lists under its name."""

from datetime import UTC, date, datetime

import pytest

from services.credit_ledger.domain.model.agreement import Agreement, Hold, Plan
from services.credit_ledger.domain.model.instalment import Instalment
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.credit_ledger.domain.model.statement import Statement, StatementLine
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms
from services.credit_ledger.store.agreements import save_agreements
from services.credit_ledger.store.documents import save_statements
from services.credit_ledger.store.payments import save_credit_refunds
from services.runtime.ground.writing import write
from tests.services.credit_ledger.ledger import Ledger
from tests.services.list_views import ListView

AT = datetime(2026, 1, 2, tzinfo=UTC)
INSTALMENT = Instalment(
    no=1, bill_date=date(2026, 2, 5), due_date=date(2026, 2, 15), principal_minor=103, fee_initial_minor=4, fee_minor=5,
    paid_minor=6, refunded_minor=7, written_off_minor=8, fee_paid_minor=9, late_minor=10,
    late_through=date(2026, 3, 11), billed=True,
)
LINE = StatementLine(
    order_id="ord_1", no=2, due_date=date(2026, 2, 15), principal_minor=4, fee_minor=5, late_minor=6
)
AUTHORIZED, CAPTURED, RELEASED, REFUNDED = (Tenders(n + 1, n + 2, n + 3, n + 4) for n in (40, 30, 20, 10))

INSTALMENTS = ListView(
    "instalments", Instalment._fields, frozenset({"account_id", "order_id", "shipment", "outstanding_minor"})
)
STATEMENT_LINES = ListView("statement_lines", StatementLine._fields, frozenset({"account_id", "bill_date"}))
REFUND_TENDERS = ListView(
    "credit_refund_tenders", Tenders._fields, frozenset({"refund_id", "account_id", "order_id", "state"})
)
TENDER_NAMES = {
    "CREDIT": "credit_minor", "WALLET": "wallet_minor", "BANKCARD": "bank_minor", "COUPON": "coupon_minor",
}


@pytest.mark.parametrize("view", [INSTALMENTS, STATEMENT_LINES, REFUND_TENDERS], ids=lambda view: view.name)
async def test_a_view_names_every_place_of_its_list(ledger: Ledger, view: ListView) -> None:
    """Whoever adds a field to the list adds it to the view."""
    await view.check_columns(ledger.connection)


async def test_an_agreement_is_read_by_name(ledger: Ledger) -> None:
    """Its instalments, its plans, and what became of each of its tenders."""
    plan = Plan(shipment=3, captured_at=AT, principal_minor=103, flat_fee_minor=0, instalments=(INSTALMENT,))
    hold = Hold(AUTHORIZED, authorized_at=AT, expires_at=AT, captured=CAPTURED, released=RELEASED)
    await write(ledger.connection, *save_agreements([Agreement(
        order_id="ord_1", account_id="acc_1", customer_id="cus_1", merchant_id="mer_1", terms=CreditTerms(), hold=hold,
        refunded=REFUNDED, plans=(plan,),
    )], {}))

    owed = await ledger.connection.fetchrow("select order_id, shipment, outstanding_minor from instalments")
    planned = await ledger.connection.fetchrow("select * from agreement_plans")
    holds = {row["tender"]: row for row in await ledger.connection.fetch("select * from holds")}

    assert await INSTALMENTS.rows(ledger.connection) == [INSTALMENT._asdict()]
    assert owed is not None
    assert tuple(owed) == ("ord_1", 3, INSTALMENT.outstanding_minor)
    assert planned is not None
    assert dict(planned) == {
        "account_id": "acc_1", "order_id": "ord_1", "shipment": 3, "captured_at": AT, "principal_minor": 103,
    }
    assert set(TENDER_NAMES.values()) == set(Tenders._fields)
    for tender, name in TENDER_NAMES.items():
        said = [holds[tender][f"{word}_minor"] for word in ("authorized", "captured", "released", "refunded")]
        assert said == [getattr(part, name) for part in (AUTHORIZED, CAPTURED, RELEASED, REFUNDED)]


async def test_a_refund_through_the_network_is_read_by_name(ledger: Ledger) -> None:
    """What it gives back, by tender."""
    await write(ledger.connection, *save_credit_refunds([CreditRefund(
        id="rfd_1", account_id="acc_1", order_id="ord_1", merchant_id="mer_1", tenders=REFUNDED,
        state=RefundState.PENDING_CHANNEL, accepted_at=AT,
    )], {}))

    assert await REFUND_TENDERS.rows(ledger.connection) == [REFUNDED._asdict()]


async def test_a_statement_is_read_by_name(ledger: Ledger) -> None:
    """Its lines, as they were due."""
    await write(ledger.connection, *save_statements([Statement(
        account_id="acc_1", bill_date=date(2026, 2, 5), due_date=date(2026, 2, 15), cut_at=AT, issued_at=AT,
        amount_minor=15, offset_minor=0, lines=(LINE,), first_operation=1, last_operation=2,
    )], {}))

    assert await STATEMENT_LINES.rows(ledger.connection) == [LINE._asdict()]
