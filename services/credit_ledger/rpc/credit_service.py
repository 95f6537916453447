"""CreditService: set-up, repayments, late fees, merchants. Every command goes to the lane of its account."""

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.account import LATE_FEE_PPM_PER_DAY
from services.credit_ledger.rpc.account_views import AccountViews
from services.credit_ledger.store import reads
from services.credit_ledger.wire.scalars import ACCOUNT_STATES, SURPLUS_POLICIES
from services.kernel.calendar import business_date
from services.kernel.ids import derived
from services.kernel.shares import first_share
from services.runtime.ground.scalars import date_from_wire
from services.runtime.rpc.calls import Context
from settlement.credit_ledger.v1 import credit_service_pb2 as pb
from settlement.credit_ledger.v1 import credit_service_pb2_grpc as rpc


class CreditServicer(AccountViews, rpc.CreditServiceServicer):
    """The commands of CreditService; `AccountViews` has its reads."""

    async def OpenAccount(self, request: pb.OpenAccountRequest, context: Context) -> pb.OpenAccountResponse:
        """Open an account with its first limit (P1)."""
        account_id = request.account_id or derived("acc", request.request_id)
        late = request.late_fee_ppm_per_day if request.HasField("late_fee_ppm_per_day") else LATE_FEE_PPM_PER_DAY
        body = commands.OpenAccount(
            account_id=account_id, customer_id=request.customer_id, limit_minor=request.limit.minor_units,
            bill_day=request.bill_day or 5, due_day=request.due_day or 15,
            surplus_policy=SURPLUS_POLICIES.from_wire[request.surplus_policy], late_fee_ppm_per_day=late,
        )
        return pb.OpenAccountResponse(account=await self.edge.ask(context, request, key=account_id, body=body))

    async def GrantLimit(self, request: pb.GrantLimitRequest, context: Context) -> pb.GrantLimitResponse:
        """Grant another limit (P1)."""
        body = commands.GrantLimit(request.account_id, request.limit.minor_units)
        return pb.GrantLimitResponse(account=await self.edge.ask(context, request, key=body.account_id, body=body))

    async def FundWallet(self, request: pb.FundWalletRequest, context: Context) -> pb.FundWalletResponse:
        """Put money into a wallet."""
        body = commands.FundWallet(request.account_id, request.amount.minor_units)
        return pb.FundWalletResponse(account=await self.edge.ask(context, request, key=body.account_id, body=body))

    async def SetAccountState(
        self, request: pb.SetAccountStateRequest, context: Context
    ) -> pb.SetAccountStateResponse:
        """Suspend, close or reactivate an account (DOMAIN 2.3)."""
        body = commands.SetAccountState(request.account_id, ACCOUNT_STATES.from_wire[request.state], request.reason)
        return pb.SetAccountStateResponse(account=await self.edge.ask(context, request, key=body.account_id, body=body))

    async def Repay(self, request: pb.RepayRequest, context: Context) -> pb.RepayResponse:
        """Take a repayment and say how it was spent (P9)."""
        body = commands.Repay(request.account_id, request.amount.minor_units, request.instrument or "BANK")
        response: pb.RepayResponse = await self.edge.ask(context, request, key=body.account_id, body=body)
        return response

    async def PayOutCreditBalance(
        self, request: pb.PayOutCreditBalanceRequest, context: Context
    ) -> pb.PayOutCreditBalanceResponse:
        """Pay credit balance out to an instrument (P16)."""
        body = commands.PayOutCreditBalance(
            request.account_id, request.amount.minor_units, request.instrument or "BANK"
        )
        response: pb.PayOutCreditBalanceResponse = await self.edge.ask(context, request, key=body.account_id, body=body)
        return response

    async def AccrueLateFees(self, request: pb.AccrueLateFeesRequest, context: Context) -> pb.AccrueLateFeesResponse:
        """Charge late fees through a date (P20)."""
        through = date_from_wire(request.through) if request.through else business_date(await self.edge.now())
        body = commands.AccrueLateFees(request.account_id, through)
        response: pb.AccrueLateFeesResponse = await self.edge.ask(context, request, key=body.account_id, body=body)
        return response

    async def WaiveLateFees(self, request: pb.WaiveLateFeesRequest, context: Context) -> pb.WaiveLateFeesResponse:
        """Waive the late fees of an account (P20, FE-6)."""
        body = commands.WaiveLateFees(request.account_id, request.reason)
        done = await self.edge.ask(context, request, key=body.account_id, body=body)
        return pb.WaiveLateFeesResponse(
            account_id=done.account_id, account_version=done.account_version, amount_minor=done.amount_minor
        )

    async def ConfirmFlashRefund(
        self, request: pb.ConfirmFlashRefundRequest, context: Context
    ) -> pb.ConfirmFlashRefundResponse:
        """Confirm that the flash network has paid a refund (P21, PM-1)."""
        body = commands.ConfirmFlashRefund(request.account_id, request.order_id)
        return pb.ConfirmFlashRefundResponse(
            effect=await self.edge.ask(context, request, key=body.account_id, body=body)
        )

    async def ChargeOffAgreement(
        self, request: pb.ChargeOffAgreementRequest, context: Context
    ) -> pb.ChargeOffAgreementResponse:
        """Write off the principal of an agreement (P25)."""
        body = commands.ChargeOff(request.account_id, request.order_id, request.reason)
        return pb.ChargeOffAgreementResponse(
            effect=await self.edge.ask(context, request, key=body.account_id, body=body)
        )

    async def RecordChargeback(
        self, request: pb.RecordChargebackRequest, context: Context
    ) -> pb.RecordChargebackResponse:
        """Take a chargeback notice of the acquirer, and find whose payment it is about (PM-8)."""
        async with self.edge.read() as connection:
            account_id, order_id = await reads.payer_of(connection, request.payment_reference)
        body = commands.RecordChargeback(
            account_id=account_id, order_id=order_id, payment_reference=request.payment_reference,
            notice_id=request.notice_id, amount_minor=request.amount.minor_units, reason=request.reason,
        )
        response: pb.RecordChargebackResponse = await self.edge.ask(context, request, key=account_id, body=body)
        return response

    async def SettleMerchant(self, request: pb.SettleMerchantRequest, context: Context) -> pb.SettleMerchantResponse:
        """Pay a merchant what we owe it, less what it owes us (A25)."""
        body = commands.SettleMerchant(request.merchant_id, request.amount.minor_units, request.before_netting)
        key = first_share(request.merchant_id)
        response: pb.SettleMerchantResponse = await self.edge.ask(context, request, key=key, body=body)
        return response
