"""Whoever reads this database with SQL finds each place of its lists under its name."""

from datetime import UTC, datetime

import pytest

from services.kernel.saga import Branch, Phase, Run
from services.order.domain.bank_shares import BankShare, Refund
from services.order.domain.lines import Line
from services.order.domain.merchant_settlement import KIND, MerchantPlan
from services.order.domain.order import Order
from services.order.domain.plans import Movement, RefundPlan
from services.order.domain.states import OrderState, RefundState
from services.order.domain.tenders import Coupon, Share, Tender, TenderType
from services.order.store.orders import save_orders
from services.runtime.ground.writing import write
from services.runtime.stored.sagas import save_runs
from tests.services.list_views import ListView
from tests.services.order.shop import Shop

AT = datetime(2026, 1, 2, tzinfo=UTC)
LINE = Line(
    id="L1", quantity=1, unit_price_minor=2, payable_minor=3, shipped=4, cancelled=5, returned=6, returning=7,
    captured_minor=8, returned_minor=9, sku="sku-1", title="a coat", reduced_minor=10,
)
TENDER = Tender(
    type=TenderType.BANKCARD, amount_minor=1, reference="pay-1", captured_minor=2, released_minor=3, refunded_minor=4,
    settled_minor=5,
)
COUPON = Coupon(amount_minor=1, captured_minor=2, released_minor=3, refunded_minor=4)
REFUND = Refund(
    id="rfd_1", settlement_id="saga_1", state=RefundState.SUCCEEDED, amount_minor=1, reversal_id="saga_2",
    confirmed_at=AT, bank_settled_at=AT, rerouted=True, posted=True, manual=True, bank=BankShare.DONE,
    expired=True,
)
MONEY = Movement(
    order_id="ord_1", customer_id="cus_1", merchant_id="mer_1", account_id="acc_1", card_id="crd_1",
    shares=tuple(Share(kind, amount, 100 + amount) for amount, kind in enumerate(TenderType, start=1)), coupon_minor=9,
)

LINES = ListView(
    "order_lines", Line._fields, frozenset({"order_id", "state", "no"}),
    {"id": "line_id", "returning": "returning_units"},
)
TENDERS = ListView("order_tenders", Tender._fields, frozenset({"order_id", "state", "no"}), {"type": "tender"})
COUPONS = ListView("order_coupons", Coupon._fields, frozenset({"order_id", "state"}))
REFUNDS = ListView(
    "order_refunds", [name for name in Refund._fields if name != "news"], frozenset({"order_id"}), {"id": "refund_id"}
)
"""The steps of its bank-card leg are for its timeline alone."""
SHARES = [f"{kind.lower()}_minor" for kind in TenderType]
"""A settlement has a column for what each means of payment carries."""
SETTLEMENTS = ListView(
    "settlements", [name for name in Movement._fields if name != "shares"] + SHARES,
    frozenset({
        "settlement_id", "root", "kind", "phase", "decision", "started_at", "updated_at", "services", "two_phase",
        "digested",
    }),
)


@pytest.mark.parametrize("view", [LINES, TENDERS, COUPONS, REFUNDS, SETTLEMENTS], ids=lambda view: view.name)
async def test_a_view_names_every_place_of_its_list(shop: Shop, view: ListView) -> None:
    """Whoever adds a field to the list adds it to the view."""
    await view.check_columns(shop.connection)


async def test_an_order_is_read_by_name(shop: Shop) -> None:
    """Its lines, tenders, coupon and refunds."""
    await write(shop.connection, *save_orders([Order(
        id="ord_1", customer_id="cus_1", merchant_id="mer_1", account_id="acc_1", state=OrderState.DELIVERED,
        lines=(LINE,), tenders=(TENDER,), placed_at=AT, updated_at=AT, coupon=COUPON, refunds=(REFUND,),
    )], {}))

    for view, stored in ((LINES, LINE), (TENDERS, TENDER), (COUPONS, COUPON), (REFUNDS, REFUND)):
        assert await view.rows(shop.connection) == [{name: getattr(stored, name) for name in view.fields}]


async def test_a_settlement_is_read_by_name(shop: Shop) -> None:
    """Who takes part, and what its plan moves of whom; one with a merchant moves what the card book owes."""
    await write(shop.connection, *save_runs([
        _run("saga_1", "refund", RefundPlan(MONEY, "rfd_1"), "credit_ledger"),
        _run("saga_2", KIND, MerchantPlan("mer_1", 70), "credit_ledger", "card_redemption"),
    ], {}))

    rows = {row["settlement_id"]: row for row in await shop.connection.fetch("select * from settlements")}
    refund, merchant = rows["saga_1"], rows["saga_2"]

    assert {name: refund[name] for name in SHARES} == {f"{s.type.lower()}_minor": s.amount_minor for s in MONEY.shares}
    assert {name: refund[name] for name in Movement._fields if name != "shares"} == {
        name: value for name, value in MONEY._asdict().items() if name != "shares"
    }
    assert (refund["services"], refund["two_phase"]) == (["credit_ledger"], False)
    assert (merchant["services"], merchant["two_phase"]) == (["credit_ledger", "card_redemption"], True)
    assert [merchant[name] for name in (*SHARES, "coupon_minor")] == [0, 0, 70, 0, 0]


def _run(saga_id: str, kind: str, plan: object, *services: str) -> Run:
    return Run(
        id=saga_id, root="ord_1", kind=kind, definition_version=1, phase=Phase.DONE, plan=plan,
        branches=tuple(Branch(service) for service in services), started_at=AT, deadline_at=AT,
    )
