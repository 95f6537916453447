"""The policy: who may call which method, and of whom it may be. This one table decides; `docs/access.md` shows it.

A method without a row is not served: its service does not start. A row is `row(ROLES, about=FIELD)`:

- the roles that may call it, the widest first. In `PLATFORM`, of the staff and as `AUDITOR` or `SUBSCRIBER` everything
  of the method is open; `CUSTOMER` and `MERCHANT` see and command only what is their own;
- `about`: the field that names the thing, whose owner is looked up (`OWNERS` in each service's `store/owners.py`). What
  is not theirs is answered as what is not there. Lists have none: their filter by owner is the caller; what is
  `shared` is the same for everybody;
- fields that name who acts (`ACTORS`) hold the caller, whatever the method; `plain` are the exceptions;
- nobody decides about himself: whoever is of the staff, or a merchant, commands nothing that is his own, nor as the
  second of two people, in whatever role he calls. So what staff command has its `about` as well, or a field that names
  whom it is about, or is about nobody.

Each command of a stream passes the row of its own method as well.

Customers place no orders and take no repayments: prices, discounts and received money are the platform's to say.
"""

from collections.abc import Mapping

from services.kernel.access import Access, Object, Row

PLATFORM, CUSTOMER, MERCHANT, AGENT, SUPERVISOR = "platform", "customer", "merchant", "agent", "supervisor"
MAKER, CHECKER, AUDITOR = "finance_maker", "finance_checker", "auditor"
OPERATOR, SUBSCRIBER = "operator", "subscriber"
ROLES = (PLATFORM, AGENT, SUPERVISOR, MAKER, CHECKER, OPERATOR, AUDITOR, SUBSCRIBER, CUSTOMER, MERCHANT)
"""From the widest on: who has several acts in the first that a row has."""
BOUND = frozenset({CUSTOMER, MERCHANT})
STAFF = frozenset({AGENT, SUPERVISOR, MAKER, CHECKER, OPERATOR})
IMPARTIAL = STAFF | {MERCHANT}
"""Who commands nothing that is his own."""
READERS = (PLATFORM, AGENT, SUPERVISOR, MAKER, CHECKER, OPERATOR, AUDITOR)
FEEDS = (*READERS, SUBSCRIBER)
"""Who reads single things: also subscribers, who are new or lost their place in a topic."""
SUPPORT = (AGENT, SUPERVISOR)
FINANCE = (MAKER, CHECKER)

ACTORS: Mapping[str, frozenset[str]] = {
    "customer_id": frozenset({CUSTOMER}),
    "receiver_id": frozenset({CUSTOMER}),
    "merchant_id": frozenset({MERCHANT}),
    "operator_id": STAFF,
    "supervisor_id": frozenset({SUPERVISOR}),
    "reporter": STAFF | {CUSTOMER},
    "checker": frozenset({CHECKER}),
}
"""Whom a field of this name names."""
UNFILLED: Mapping[str, frozenset[str]] = {
    "operator_id": frozenset({PLATFORM, CUSTOMER, MERCHANT}), "reporter": frozenset({PLATFORM}),
}
"""Who is no operator may leave the field empty, or name themselves."""
KINDS: Mapping[str, str] = {
    "order_id": "order", "return_id": "return", "settlement_id": "settlement", "account_id": "account",
    "payout_id": "payout", "card_id": "card", "redemption_id": "redemption", "root_id": "root",
    "agreement_id": "agreement",
    "dispute_id": "dispute", "saga_id": "saga", "parked_id": "parked",
}
"""What the fields name by which things are looked up."""


def row(
    *roles: str, about: str = "", plain: tuple[str, ...] = (), reserved: tuple[str, ...] = (),
    shared: bool = False, two_people: bool = False, foretells: bool = False,
) -> Row:
    """A row; with `two_people` the maker's own token comes with the checker's call, and a question that `foretells` a
    command is refused to whom that is."""
    return Row(
        roles=tuple(role for role in ROLES if role in roles), about=Object(KINDS[about], about) if about else None,
        shared=shared, plain=frozenset(plain), reserved=frozenset(reserved),
        second=("maker", MAKER) if two_people else None, foretells=foretells,
    )


OPEN = Row(open=True)

_TABLE: Mapping[str, Mapping[str, Row]] = {
    "settlement.order.v1.OrderService": {
        "PlaceOrder": row(PLATFORM),
        "ConfirmShipment": row(PLATFORM, MERCHANT, about="order_id"),
        "ConfirmDelivery": row(PLATFORM),
        "CancelOrder": row(PLATFORM, CUSTOMER, AGENT, about="order_id"),
        "ForceCancelOrder": row(*SUPPORT, about="order_id"),
        "BatchCancelOrders": row(PLATFORM),
        "GetOrder": row(*FEEDS, CUSTOMER, MERCHANT, about="order_id"),
        "ListOrders": row(*READERS, CUSTOMER, MERCHANT),
        "QuoteRefund": row(PLATFORM, *SUPPORT, CUSTOMER, MERCHANT, about="order_id"),
        "GetSettlement": row(*FEEDS, CUSTOMER, MERCHANT, about="settlement_id"),
        "ListSettlements": row(*READERS, CUSTOMER, MERCHANT, about="order_id"),
        "WatchSettlement": row(*FEEDS, CUSTOMER, MERCHANT, about="settlement_id"),
        "ExplainSettlement": row(*READERS, CUSTOMER, MERCHANT, about="settlement_id"),
    },
    "settlement.order.v1.AfterSaleService": {
        "RequestReturn": row(PLATFORM, AGENT, CUSTOMER, about="order_id"),
        "ApproveReturn": row(PLATFORM, AGENT, MERCHANT, about="order_id"),
        "RejectReturn": row(PLATFORM, AGENT, MERCHANT, about="order_id"),
        "WithdrawReturn": row(PLATFORM, AGENT, CUSTOMER, about="order_id"),
        "RegisterWaybill": row(PLATFORM, AGENT, CUSTOMER, about="order_id"),
        "ConfirmReceipt": row(PLATFORM, MERCHANT, about="order_id"),
        "RefuseDelivery": row(PLATFORM, AGENT, CUSTOMER, about="order_id"),
        "DisputeReceipt": row(PLATFORM, MERCHANT, about="order_id"),
        "DisputeRejection": row(PLATFORM, AGENT, CUSTOMER, about="order_id"),
        "DisputeDeduction": row(PLATFORM, AGENT, CUSTOMER, about="order_id"),
        "ResolveDispute": row(*SUPPORT, about="order_id"),
        "RefundAmount": row(PLATFORM, *SUPPORT, about="order_id"),
        "ReverseRefund": row(PLATFORM, SUPERVISOR, about="order_id"),
        "GetReturn": row(*FEEDS, CUSTOMER, MERCHANT, about="return_id"),
        "ListReturns": row(*READERS, CUSTOMER, MERCHANT, about="order_id"),
    },
    "settlement.order.v1.MerchantService": {
        "SettleGiftCardShare": row(PLATFORM, CHECKER),
        "GetMerchantSettlement": row(*FEEDS, MERCHANT, about="settlement_id"),
    },
    "settlement.order.v1.OrderStreamService": {
        "Exchange": row(PLATFORM),
    },
    "settlement.credit_ledger.v1.CreditService": {
        "OpenAccount": row(PLATFORM),
        "GetCreditAccount": row(*FEEDS, CUSTOMER, about="account_id"),
        "GrantLimit": row(PLATFORM),
        "FundWallet": row(PLATFORM),
        "SetAccountState": row(PLATFORM, SUPERVISOR, about="account_id"),
        "Repay": row(PLATFORM),
        "PayOutCreditBalance": row(PLATFORM, CUSTOMER, about="account_id"),
        "AccrueLateFees": row(PLATFORM, OPERATOR, about="account_id"),
        "WaiveLateFees": row(PLATFORM, SUPERVISOR, about="account_id"),
        "ConfirmFlashRefund": row(PLATFORM),
        "ChargeOffAgreement": row(PLATFORM, CHECKER, about="account_id"),
        "RecordChargeback": row(PLATFORM),
        "SettleMerchant": row(PLATFORM, CHECKER),
        "GetMerchantBalance": row(*READERS, MERCHANT),
        "PreviewRefund": row(PLATFORM, *SUPPORT),
        "ListInstalments": row(*READERS, CUSTOMER, about="account_id"),
        "ListMovements": row(*READERS, CUSTOMER, about="account_id"),
        "ListJournals": row(*READERS, CUSTOMER, MERCHANT, about="root_id"),
        "ListLegs": row(*READERS, CUSTOMER, about="account_id"),
    },
    "settlement.credit_ledger.v1.StatementService": {
        "CutStatement": row(PLATFORM, OPERATOR, about="account_id"),
        "RunStatements": row(PLATFORM, OPERATOR),
        "ListStatements": row(*READERS, CUSTOMER, about="account_id"),
        "GetStatement": row(*READERS, CUSTOMER, about="account_id"),
    },
    "settlement.credit_ledger.v1.AdjustmentService": {
        "AdjustRefund": row(CHECKER, about="account_id", two_people=True),
        "PostAdjustment": row(CHECKER, about="account_id", two_people=True),
        "RetryLeg": row(OPERATOR, MAKER, about="account_id"),
        "SettleLeg": row(CHECKER, about="account_id", two_people=True),
        "ListAdjustments": row(*READERS),
    },
    "settlement.credit_ledger.v1.PayoutService": {
        "PausePayouts": row(OPERATOR, SUPERVISOR),
        "ResumePayouts": row(OPERATOR, SUPERVISOR),
        "GetPayoutSwitch": row(*READERS),
        "GetPayout": row(*FEEDS, CUSTOMER, about="payout_id"),
        "ListPayouts": row(*READERS, CUSTOMER, about="account_id"),
    },
    "settlement.credit_ledger.v1.ReconciliationService": {
        "StartReconciliation": row(OPERATOR, *FINANCE),
        "GetReconciliation": row(*READERS),
        "ListDifferences": row(*READERS),
    },
    "settlement.card_redemption.v1.CardService": {
        "IssueCard": row(PLATFORM),
        "ActivateCard": row(PLATFORM, CUSTOMER),
        "TransferCard": row(PLATFORM, CUSTOMER, about="card_id", plain=("receiver_id",)),
        "WithdrawTransfer": row(PLATFORM, CUSTOMER, about="card_id"),
        "ActivateTransfer": row(PLATFORM, CUSTOMER),
        "FreezeCard": row(*SUPPORT, about="card_id"),
        "UnfreezeCard": row(*SUPPORT, about="card_id"),
        "VoidCard": row(CHECKER, about="card_id", two_people=True),
        "CloseCard": row(PLATFORM, CUSTOMER, about="card_id"),
        "RevealCode": row(PLATFORM, SUPERVISOR, CUSTOMER, about="card_id"),
        "ListCardHistory": row(*READERS, CUSTOMER, about="card_id"),
        "RotateKeys": row(OPERATOR),
        "GetCard": row(*FEEDS, CUSTOMER, about="card_id"),
        "ListCards": row(*READERS, CUSTOMER),
        "ListJournals": row(*READERS, CUSTOMER, MERCHANT, about="root_id"),
        "GetMerchantBalance": row(*READERS, MERCHANT),
    },
    "settlement.card_redemption.v1.ChannelService": {
        "ProposeChannelPolicy": row(MAKER),
        "ApproveChannelPolicy": row(CHECKER),
        "QuoteRedemption": row(PLATFORM, *SUPPORT, CUSTOMER),
        "GetChannel": row(*FEEDS, CUSTOMER, MERCHANT, shared=True),
        "ListChannels": row(*FEEDS, CUSTOMER, MERCHANT, shared=True),
        "ListChannelVersions": row(*READERS),
    },
    "settlement.card_redemption.v1.CalendarService": {
        "ImportCalendar": row(MAKER),
        "ApproveCalendar": row(CHECKER),
        "GetCalendar": row(*FEEDS, CUSTOMER, MERCHANT, shared=True),
    },
    "settlement.card_redemption.v1.RecordService": {
        "ListAttempts": row(SUPERVISOR, AUDITOR),
    },
    "settlement.card_redemption.v1.RedemptionService": {
        "PrepareRedemption": row(PLATFORM),
        "ConfirmRedemption": row(PLATFORM),
        "CanCancel": row(PLATFORM, AGENT, CUSTOMER, about="redemption_id", reserved=("asker",), foretells=True),
        "RequestCancel": row(PLATFORM, AGENT, CUSTOMER, about="redemption_id", reserved=("asker",)),
        "DecideCancelReview": row(*SUPPORT, about="redemption_id"),
        "InterceptRedemption": row(*SUPPORT, about="redemption_id"),
        "AdvanceRedemption": row(OPERATOR, *SUPPORT, about="redemption_id"),
        "EditSchedule": row(PLATFORM, CUSTOMER, about="redemption_id"),
        "MeetEscrowCondition": row(*SUPPORT, about="redemption_id"),
        "CorrectFace": row(*SUPPORT, about="redemption_id"),
        "AcceptPlatformFault": row(SUPERVISOR, about="redemption_id"),
        "ReportFraud": row(PLATFORM, *SUPPORT, CUSTOMER, about="redemption_id"),
        "DecideFraud": row(SUPERVISOR, about="redemption_id"),
        "IssueVoucher": row(PLATFORM, AGENT, CUSTOMER, about="redemption_id"),
        "UseVoucher": row(PLATFORM, CUSTOMER, about="redemption_id"),
        "RecordChannelFee": row(PLATFORM),
        "RecordRemittance": row(PLATFORM),
        "GetRedemption": row(*FEEDS, CUSTOMER, about="redemption_id"),
        "ListRedemptions": row(*READERS, CUSTOMER),
        "WatchRedemption": row(*FEEDS, CUSTOMER, about="redemption_id"),
    },
    "settlement.card_redemption.v1.EnterpriseService": {
        "ProposeAgreement": row(MAKER, about="agreement_id"),
        "ApproveAgreement": row(CHECKER, about="agreement_id"),
        "RevokeBatch": row(PLATFORM, AGENT, CUSTOMER, about="agreement_id"),
        "GetAgreement": row(*FEEDS, CUSTOMER, about="agreement_id"),
        "ListAgreements": row(*READERS, CUSTOMER),
        "GetRevocationBatch": row(*FEEDS, CUSTOMER, about="agreement_id"),
    },
    "settlement.card_redemption.v1.DisputeService": {
        "CanAppeal": row(PLATFORM, *SUPPORT, CUSTOMER, about="redemption_id", reserved=("complaint",), foretells=True),
        "OpenDispute": row(PLATFORM, *SUPPORT, CUSTOMER, about="redemption_id", reserved=("complaint", "vip_level")),
        "DecideException": row(SUPERVISOR, about="dispute_id"),
        "TriageDispute": row(*SUPPORT, about="dispute_id"),
        "SubmitEvidence": row(PLATFORM, *SUPPORT, CUSTOMER, about="dispute_id"),
        "FreezeForDispute": row(*SUPPORT, about="dispute_id"),
        "DecideDispute": row(SUPERVISOR, about="dispute_id"),
        "EscalateDispute": row(*SUPPORT, about="dispute_id"),
        "GetDispute": row(*FEEDS, CUSTOMER, about="dispute_id"),
        "ListDisputes": row(*READERS, CUSTOMER),
        "ListDisputeQueue": row(*SUPPORT, AUDITOR),
    },
    "settlement.operations.v1.OperationsService": {
        "GetActivity": row(OPERATOR, AUDITOR),
        "SetClock": row(OPERATOR),
        "GetClock": row(*FEEDS),
        "ListSagas": row(OPERATOR, AUDITOR),
        "GetSaga": row(OPERATOR, AUDITOR),
        "RetrySaga": row(OPERATOR, about="saga_id"),
        "AbortSaga": row(OPERATOR, about="saga_id"),
        "ListParked": row(OPERATOR, AUDITOR),
        "RetryParked": row(OPERATOR, about="parked_id"),
        "RepublishEvents": row(OPERATOR),
        "DiscardParked": row(OPERATOR, about="parked_id"),
        "ListSwitches": row(OPERATOR, SUPERVISOR, AUDITOR),
        "ProposeSwitch": row(OPERATOR, SUPERVISOR),
        "ApproveSwitch": row(SUPERVISOR),
    },
    "grpc.health.v1.Health": {"Check": OPEN, "List": OPEN, "Watch": OPEN},
    "grpc.reflection.v1.ServerReflection": {"ServerReflectionInfo": OPEN},
    "grpc.reflection.v1alpha.ServerReflection": {"ServerReflectionInfo": OPEN},
}
"""Health is asked by what starts and stops processes, which has no token; reflection shows what the documents show."""

ACCESS = Access(
    rows={f"/{service}/{method}": each for service, rows in _TABLE.items() for method, each in rows.items()},
    roles=frozenset(ROLES), bound=BOUND, actors=ACTORS, unfilled=UNFILLED, impartial=IMPARTIAL,
)
