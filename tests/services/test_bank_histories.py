"""Random histories of the whole engine: amounts back, goods back, deductions and disputes, reversals, and a bank whose
answers, refusals, bounces and chargebacks come in any order, as records of different topics do (PM-7, PM-8, PR-8, PR-9;
findings: proto_recall, proto_legs, proto_hand).

After every step what the rail paid, less what customers and merchants owe back, is what the engine says was refunded,
and no reader sees SUCCEEDED while the bank has refused.
"""

import os
import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.leg import LegState
from services.order.domain.returns import ReturnCase
from services.order.domain.states import DeductionState, ReturnState
from settlement.credit_ledger.v1 import adjustment_service_pb2 as adjustment
from settlement.order.v1 import after_sale_service_pb2 as sale
from settlement.order.v1 import order_pb2
from settlement.order.v1 import order_service_pb2 as order
from tests.extremes.engine import Engine
from tests.extremes.stage import ACCOUNT, CUSTOMER, money
from tests.lifecycles import is_sound
from tests.services import bank_laws
from tests.services.bank_shop import FIRST, HELD, ORDERS, BankShop
from tests.settle.audit import replays

pytestmark = pytest.mark.timeout(1800)  # a full run takes minutes
HISTORIES = max(int(os.environ.get("SETTLE_HISTORIES", "0")) // 80, 40)
"""One of these is a whole engine's: it takes some hundred times as long as one of the ledger alone."""
NAMES, LINES, PICK = st.sampled_from((FIRST, *ORDERS)), st.sampled_from(("L1", "L1", "L2")), st.integers(0, 5)
DECISIONS = (sale.DISPUTE_DECISION_REJECTED, sale.DISPUTE_DECISION_UPHELD)
REFUSED = {
    "DEDUCTION_EXCEEDS_WORTH", "INSUFFICIENT_CARD_VALUE", "INSUFFICIENT_LIMIT", "INSUFFICIENT_WALLET",
    "NO_REFUND_TO_REVERSE", "ORDER_NOT_SHIPPED", "ORDER_STATE", "PAYMENT_NOT_REFUNDABLE", "QUANTITY_EXCEEDS_BOUGHT",
    "REFUND_EXCEEDS_REMAINING",
}


class Banks(RuleBasedStateMachine):
    """What customers, merchants, support and the bank can do, in any order."""

    def engine(self) -> Engine:
        """The engine that the shop is on."""
        return Engine()

    @initialize(seed=st.integers(0, 2**32))
    def open(self, seed: int) -> None:
        """The orders are with the customer, one amount is on its way back. Topics overtake each other from now on."""
        self.shop = BankShop(self.engine())
        self.shop.engine.pick = random.Random(seed).choice
        self.shop.done(sale.RefundAmountRequest(order_id=FIRST, amount=money(500), line_id="L1"))

    @rule(name=NAMES, line=st.sampled_from(("", "L1", "L2")), amount=st.sampled_from((1, 333, 4_000)))
    def reduce(self, name: str, line: str, amount: int) -> None:
        """Goodwill, or a price reduction."""
        answer = self.shop.ask(sale.RefundAmountRequest(order_id=name, amount=money(amount), line_id=line))
        reason = answer.reason or self.shop.ended(answer.response.settlement.settlement_id)
        assert reason in {"", *REFUSED}

    @rule(name=NAMES, line=LINES, pieces=st.integers(1, 3))
    def send_back(self, name: str, line: str, pieces: int) -> None:
        """Goods go back."""
        assert self.shop.sends_back(name, line, pieces) in {"", *REFUSED}

    @precondition(lambda self: self.waiting(ReturnState.IN_RETURN))
    @rule(pick=PICK, deducted=st.sampled_from((0, 0, 1, 500)))
    def receive(self, pick: int, deducted: int) -> None:
        """The merchant has them: no amount and no chargeback keeps goods out, only a deduction can be too high."""
        cases = self.waiting(ReturnState.IN_RETURN)
        reason = self.shop.receives(cases[pick % len(cases)], deducted)
        assert reason == "" or (deducted and reason == "DEDUCTION_EXCEEDS_WORTH")

    @precondition(lambda self: any(case.deduction_state is DeductionState.TAKEN for case in self.shop.cases()))
    @rule(pick=PICK, upheld=st.booleans())
    def dispute(self, pick: int, upheld: bool) -> None:
        """The customer does not take a deduction, and support decides."""
        cases = [case for case in self.shop.cases() if case.deduction_state is DeductionState.TAKEN]
        case = cases[pick % len(cases)]
        named: dict[str, Any] = {"return_id": case.id, "order_id": case.order_id}
        if self.shop.ask(sale.DisputeDeductionRequest(**named, customer_id=CUSTOMER, evidence=["photo"])).reason:
            return
        self.shop.ask(sale.ResolveDisputeRequest(
            **named, operator_id="op-1", decision=DECISIONS[upheld], reason="looked at it"
        ))

    @rule(pieces=st.integers(1, 2), ships=st.booleans())
    def ship_or_cancel(self, pieces: int, ships: bool) -> None:
        """Some of what has not shipped goes out, or is cancelled."""
        lines = [order_pb2.LineQuantity(line_id="L1", quantity=pieces)]
        if ships:
            answer = self.shop.ask(order.ConfirmShipmentRequest(order_id=HELD, lines=lines))
        else:
            answer = self.shop.ask(order.CancelOrderRequest(
                order_id=HELD, lines=lines, reason=order_pb2.CANCEL_REASON_NOT_WANTED
            ))
        assert answer.reason in {"", "LINE_STATE", "ORDER_CANCELLED", "HOLD_EXPIRED"}

    @precondition(lambda self: self.shop.at_network())
    @rule()
    def network(self) -> None:
        """The flash network confirms, or people do what it did not in time."""
        assert self.shop.network_confirms() == ""

    @rule(name=NAMES)
    def reverse(self, name: str) -> None:
        """The last refund that stands is undone, whatever its leg is by then."""
        answer = self.shop.ask(sale.ReverseRefundRequest(order_id=name))
        reason = answer.reason or self.shop.ended(answer.response.settlement.settlement_id)
        assert reason in {"", *REFUSED}

    @precondition(lambda self: self.shop.sent())
    @rule(pick=PICK, pays=st.booleans(), tells=st.booleans(), closed=st.booleans())
    def decide(self, pick: int, pays: bool, tells: bool, closed: bool) -> None:
        """The rail pays, refuses, or lets bounce; perhaps nobody hears of it yet."""
        leg = self.shop.sent()[pick % len(self.shop.sent())]
        (self.shop.pays if pays else self.shop.refuses)(leg)
        if tells:
            self.shop.tells(leg, closed)

    @precondition(lambda self: self.shop.ended_without_the_rail())
    @rule(pick=PICK, comes_back=st.booleans())
    def contradict(self, pick: int, comes_back: bool) -> None:
        """The rail pays what had ended otherwise, whatever it had said, and perhaps takes it back."""
        ended = self.shop.ended_without_the_rail()
        leg = ended[pick % len(ended)]
        self.shop.contradicts(leg)
        self.the_laws_hold()
        if comes_back:
            self.shop.refuses(leg)
            self.shop.tells(leg)

    @precondition(lambda self: self.shop.sent())
    @rule(pick=PICK, silent=st.booleans())
    def say(self, pick: int, silent: bool) -> None:
        """A report that comes late, or twice, or a time-out."""
        leg = self.shop.sent()[pick % len(self.shop.sent())]
        if silent:
            self.shop.ledger(commands.ReportLeg(ACCOUNT, leg.id, commands.LegReport.UNKNOWN))
        else:
            self.shop.tells(leg)

    @precondition(lambda self: any(leg.state is LegState.EXCEPTION for leg in self.shop.legs()))
    @rule(pick=PICK, retry=st.booleans())
    def by_hand(self, pick: int, retry: bool) -> None:
        """People settle what waits for them, or have the rail asked again."""
        waiting = [leg for leg in self.shop.legs() if leg.state is LegState.EXCEPTION]
        leg = waiting[pick % len(waiting)]
        if retry:
            asked = {"account_id": ACCOUNT, "leg_id": leg.id, "operator_id": "op-1", "reason": "again"}
            assert self.shop.ask(adjustment.RetryLegRequest(**asked)).reason in {"", *REFUSED}
        else:
            assert self.shop.by_hand(leg) == ""

    @rule(name=NAMES, pick=PICK)
    def charge_back(self, name: str, pick: int) -> None:
        """The card holder's bank takes a payment back; mostly nobody does."""
        if not pick:
            self.shop.charge_back(name)

    @rule(amount=st.sampled_from((1, 500, 6_000)))
    def pay_back(self, amount: int) -> None:
        """The customer pays what is owed, or less."""
        self.shop.pays_back(amount)

    @rule()
    def pay_merchants(self) -> None:
        """Refunds after this are the merchant's debt (P23)."""
        self.shop.pays_merchants()

    @rule(step=st.sampled_from((timedelta(seconds=3), timedelta(hours=1), timedelta(days=1), timedelta(days=11))))
    def wait(self, step: timedelta) -> None:
        """Time passes, with all that is due meanwhile."""
        self.shop.engine.turn(self.shop.engine.now + step)

    @invariant()
    def the_laws_hold(self) -> None:
        """Of what is told, of the money, and of what waits."""
        for law in bank_laws.ALL:
            law(self.shop)
        for world in self.shop.engine.worlds.values():
            is_sound(world)

    def teardown(self) -> None:
        """Once the rail has had its last word and people have closed what waits for them, everything is at its end, and
        the auditor finds nothing in it."""
        if hasattr(self, "shop"):
            self.shop.ends()
            self.the_laws_hold()
            bank_laws.every_case_has_ended(self.shop)
            assert not self.shop.engine.faults
            assert replays.faults(self.shop.engine.worlds["order"]) == []

    def waiting(self, state: ReturnState) -> list[ReturnCase]:
        """The return cases in a state."""
        return [case for case in self.shop.cases() if case.state is state]


def test_no_reader_and_no_book_says_what_the_bank_does_not() -> None:
    """Whatever the order of answers, bounces, hands, chargebacks, goods and reversals."""
    run_state_machine_as_test(Banks, settings=settings(
        max_examples=HISTORIES, stateful_step_count=14, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), phases=(Phase.generate, Phase.shrink),
    ))
