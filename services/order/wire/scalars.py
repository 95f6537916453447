"""The enumerations of the order service, its units, shares and terms, between the wire and the domain."""

from collections.abc import Iterable

from services.kernel.saga import BranchState, Phase
from services.order.domain.credit_terms import NEVER_FREE, CreditTerms, PlanKind, Route, Strategy
from services.order.domain.deductions import Deduction
from services.order.domain.lines import LineAmount, LineQuantity, LineValue
from services.order.domain.merchant_settlement import MerchantSettlementState
from services.order.domain.states import BankStep, DeductionState, Kind, OrderState, RefundState, ReturnState
from services.order.domain.tenders import Share, TenderType
from services.runtime.ground.scalars import Enumeration, Words, money_field
from settlement.common.v1 import tender_pb2
from settlement.credit_ledger.v1 import effects_pb2, leg_pb2
from settlement.order.v1 import after_sale_service_pb2, events_pb2, merchant_service_pb2, order_pb2, settlement_pb2

TENDERS = Enumeration(TenderType, tender_pb2.TenderType)
PLANS = Enumeration(PlanKind, tender_pb2.PlanType)
STRATEGIES = Enumeration(Strategy, tender_pb2.RefundStrategy, unspecified=Strategy.PROPORTIONAL)
ROUTES = Enumeration(Route, tender_pb2.CreditRoute, unspecified=Route.DIRECT)
ORDER_STATES = Enumeration(OrderState, order_pb2.OrderState)
RETURN_STATES = Enumeration(ReturnState, after_sale_service_pb2.ReturnState)
REFUND_STATES = Enumeration(RefundState, effects_pb2.RefundState)
BANK_STEPS = Enumeration(
    BankStep, leg_pb2.LegStep, unshown=(BankStep.SETTLED, BankStep.SETTLED_BY_HAND, BankStep.REROUTED)
)
"""The ends that are notices and events of their own are no steps on the wire."""
DEDUCTION_STATES = Enumeration(DeductionState, after_sale_service_pb2.DeductionState)
KINDS = Enumeration(Kind, settlement_pb2.SettlementKind)
PHASES = Enumeration(Phase, settlement_pb2.SettlementState)
BRANCH_STATES = Enumeration(BranchState, settlement_pb2.BranchState)
MERCHANT_SETTLEMENT_STATES = Enumeration(MerchantSettlementState, merchant_service_pb2.MerchantSettlementState)
CANCEL_REASONS = Words(order_pb2.CancelReason)
RETURN_REASONS = Words(after_sale_service_pb2.ReturnReason)
DEDUCTION_REASONS = Words(after_sale_service_pb2.DeductionReason)
DISPUTE_PARTIES = Words(after_sale_service_pb2.DisputeParty)


def units(quantities: Iterable[LineQuantity | LineValue]) -> list[order_pb2.LineQuantity]:
    """How many units of which lines, as the wire says it."""
    return [order_pb2.LineQuantity(line_id=each.id, quantity=each.quantity) for each in quantities]


def quantities(wire: Iterable[order_pb2.LineQuantity]) -> tuple[LineQuantity, ...]:
    """Units by line, read."""
    return tuple(LineQuantity(each.line_id, each.quantity) for each in wire)


def line_amounts(wire: Iterable[order_pb2.LineAmount]) -> tuple[LineAmount, ...]:
    """Money by line, read."""
    return tuple(LineAmount(each.line_id, each.amount.minor_units) for each in wire)


def deduction_messages(deductions: Iterable[Deduction]) -> list[after_sale_service_pb2.Deduction]:
    """What is deducted, by line."""
    return [
        after_sale_service_pb2.Deduction(
            line_id=each.line_id, amount=money_field(each.amount_minor),
            reason=DEDUCTION_REASONS.to_wire[each.reason],
            evidence=each.evidence, note=each.note,
        )
        for each in deductions
    ]


def deductions_of(wire: Iterable[after_sale_service_pb2.Deduction]) -> tuple[Deduction, ...]:
    """What is deducted, read."""
    return tuple(
        Deduction(
            line_id=each.line_id, amount_minor=each.amount.minor_units, reason=DEDUCTION_REASONS.from_wire[each.reason],
            evidence=tuple(each.evidence), note=each.note,
        )
        for each in wire
    )


def tender_amounts(shares: Iterable[Share]) -> list[events_pb2.TenderAmount]:
    """Shares of tenders, for events."""
    return [events_pb2.TenderAmount(type=TENDERS.to_wire[s.type], amount_minor=s.amount_minor) for s in shares]


def tender_shares(shares: Iterable[Share]) -> list[settlement_pb2.TenderShare]:
    """Shares of tenders, for settlements."""
    return [
        settlement_pb2.TenderShare(type=TENDERS.to_wire[s.type], amount=money_field(s.amount_minor)) for s in shares
    ]


def terms_message(terms: CreditTerms) -> tender_pb2.CreditTerms:
    """The terms of a CREDIT tender."""
    return tender_pb2.CreditTerms(
        plan=PLANS.to_wire[terms.plan], instalment_count=terms.instalment_count,
        fee_ppm=terms.fee_ppm, defer_months=terms.defer_months, flat_fee_minor=terms.flat_fee_minor,
        term_days=terms.term_days, free_days=terms.free_days,
        strategy=STRATEGIES.to_wire[terms.strategy],
        route=ROUTES.to_wire[terms.route],
    )


def terms_of(wire: tender_pb2.CreditTerms) -> CreditTerms:
    """The terms of a CREDIT tender, read; what is absent has its default."""
    return CreditTerms(
        plan=PLANS.from_wire[wire.plan],
        instalment_count=wire.instalment_count or 1, fee_ppm=wire.fee_ppm, defer_months=wire.defer_months or 1,
        flat_fee_minor=wire.flat_fee_minor, term_days=wire.term_days or 1,
        free_days=wire.free_days if wire.HasField("free_days") else NEVER_FREE,
        strategy=STRATEGIES.from_wire[wire.strategy],
        route=ROUTES.from_wire[wire.route],
    )
