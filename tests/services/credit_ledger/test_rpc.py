"""What callers of the credit ledger's three services see, over real batches on a real PostgreSQL."""

import pytest

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms
from services.kernel.errors import Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from services.kernel.messages import Message, Op
from settlement.common.v1 import instalment_pb2, money_pb2
from settlement.credit_ledger.v1 import account_pb2, leg_pb2, statement_pb2
from settlement.credit_ledger.v1 import adjustment_service_pb2 as adjustment_pb
from settlement.credit_ledger.v1 import credit_service_pb2 as pb
from settlement.credit_ledger.v1 import statement_service_pb2 as statement_pb
from tests.services.credit_ledger.desk import Desk
from tests.services.credit_ledger.ledger import Ledger

ACCOUNT, SHOP = "acc_1", "m1"
TERMS = CreditTerms(instalment_count=12, fee_ppm=5_000)


def cny(minor: int) -> money_pb2.Money:
    """Fen."""
    return money_pb2.Money(minor_units=minor, currency_code="CNY")


@pytest.fixture
async def desk(ledger: Ledger) -> Desk:
    """A desk with one account: limit 5000.00, wallet 100.00."""
    desk = Desk(ledger)
    request = pb.OpenAccountRequest(
        request_id=desk.request_id(), account_id=ACCOUNT, customer_id="c1", limit=cny(500_000)
    )
    await desk.credit.OpenAccount(request, desk.context)
    await desk.credit.FundWallet(
        pb.FundWalletRequest(request_id=desk.request_id(), account_id=ACCOUNT, amount=cny(10_000)), desk.context
    )
    return desk


async def buy(desk: Desk, order_id: str, tenders: Tenders, terms: CreditTerms = TERMS, reference: str = "") -> None:
    """An order that was placed and shipped."""
    ledger = desk.ledger
    await ledger.command(commands.AuthorizeTenders(
        account_id=ACCOUNT, order_id=order_id, customer_id="c1", merchant_id=SHOP, tenders=tenders, terms=terms,
        payment_reference=reference,
    ))
    await ledger.command(commands.CaptureTenders(ACCOUNT, order_id, SHOP, tenders))


async def shown(desk: Desk, min_version: int = 0) -> account_pb2.CreditAccount:
    """The account as its owner sees it."""
    request = pb.GetCreditAccountRequest(account_id=ACCOUNT, min_version=min_version)
    return (await desk.credit.GetCreditAccount(request, desk.context)).account


async def test_an_account_shows_its_limits_and_what_is_due(desk: Desk) -> None:
    """Figures add up: granted = available + held + used; due is what is billed and unpaid."""
    await buy(desk, "ord_1", Tenders(120_000, 4_000))
    await desk.ledger.pass_time(days=20)

    account = await shown(desk)

    assert account.granted_limit.minor_units == 500_000
    assert (account.available_limit.minor_units, account.used_limit.minor_units) == (380_000, 120_000)
    assert (account.due.minor_units, account.fee_due.minor_units) == (10_600, 600)
    assert account.wallet.minor_units == 6_000


async def test_an_unknown_account_and_a_version_that_never_comes_are_refused(desk: Desk) -> None:
    """Reads have stable reasons too."""
    desk.context.seconds = 0.15

    with pytest.raises(Aborted, match="STALE_VERSION"):
        await shown(desk, min_version=99)
    with pytest.raises(NotFound, match="ACCOUNT_NOT_FOUND"):
        await desk.credit.GetCreditAccount(pb.GetCreditAccountRequest(account_id="acc_none"), desk.context)


async def test_a_repayment_answers_how_it_was_spent(desk: Desk) -> None:
    """Late fee, fee, principal; the rest is credit balance, which can be paid out by a leg."""
    await buy(desk, "ord_1", Tenders(120_000))
    await desk.ledger.pass_time(days=5)

    repaid = await desk.credit.Repay(
        pb.RepayRequest(request_id=desk.request_id(), account_id=ACCOUNT, amount=cny(11_000)), desk.context
    )
    paid_out = await desk.credit.PayOutCreditBalance(
        pb.PayOutCreditBalanceRequest(request_id=desk.request_id(), account_id=ACCOUNT, amount=cny(400)), desk.context
    )
    legs = await desk.credit.ListLegs(
        pb.ListLegsRequest(account_id=ACCOUNT, state=leg_pb2.LEG_STATE_PENDING), desk.context
    )

    assert [use.amount_minor for use in repaid.uses] == [600, 10_000]
    assert (repaid.credit_balance_minor, repaid.limit_restored_minor) == (400, 10_000)
    assert paid_out.credit_balance_minor == 0
    assert [(leg.leg_id, leg.amount.minor_units) for leg in legs.legs] == [(paid_out.leg_id, 400)]


async def test_instalments_are_paged_and_filtered(desk: Desk) -> None:
    """A page counts orders, not rows; a state leaves rows out."""
    for number in range(3):
        await buy(desk, f"ord_{number}", Tenders(12_000), CreditTerms(instalment_count=3))

    first = await desk.credit.ListInstalments(pb.ListInstalmentsRequest(account_id=ACCOUNT, page_size=2), desk.context)
    second = await desk.credit.ListInstalments(
        pb.ListInstalmentsRequest(account_id=ACCOUNT, page_size=2, page_token=first.next_page_token), desk.context
    )
    billed = await desk.credit.ListInstalments(
        pb.ListInstalmentsRequest(account_id=ACCOUNT, state=instalment_pb2.INSTALMENT_STATE_BILLED), desk.context
    )

    assert [(row.order_id, row.no) for row in first.instalments] == [(f"ord_{o}", n) for o in (0, 1) for n in (1, 2, 3)]
    assert [row.order_id for row in second.instalments] == ["ord_2"] * 3
    assert second.next_page_token == ""
    assert list(billed.instalments) == []
    with pytest.raises(InvalidArgument, match="INVALID_PAGE_TOKEN"):
        await desk.credit.ListInstalments(pb.ListInstalmentsRequest(account_id=ACCOUNT, page_token="?"), desk.context)


async def test_movements_have_a_reason_and_their_settlement(desk: Desk) -> None:
    """Every change is a line with its reason and a link (MA-4)."""
    await buy(desk, "ord_1", Tenders(12_000))
    refund = commands.RefundTenders(ACCOUNT, "ord_1", SHOP, "rfd_1", Tenders(2_000))
    await desk.ledger.command(refund, "saga_r")

    listed = await desk.credit.ListMovements(pb.ListMovementsRequest(account_id=ACCOUNT, page_size=2), desk.context)
    older = await desk.credit.ListMovements(
        pb.ListMovementsRequest(account_id=ACCOUNT, page_token=listed.next_page_token), desk.context
    )
    refunds = await desk.credit.ListMovements(
        pb.ListMovementsRequest(account_id=ACCOUNT, kind="REFUND_TENDERS", settlement_id="saga_r"), desk.context
    )

    assert [row.kind for row in listed.movements] == ["REFUND_TENDERS", "CAPTURE_TENDERS"]
    assert [row.kind for row in older.movements] == ["AUTHORIZE_TENDERS", "FUND_WALLET", "OPEN_ACCOUNT"]
    (row,) = refunds.movements
    assert (row.order_id, row.reference, row.settlement_id) == ("ord_1", "rfd_1", "saga_r")
    assert "退款" in row.reason
    assert {figure.name: figure.amount_minor for figure in row.figures} == {"available": 2_000, "used": -2_000}


async def test_journals_are_listed_after_a_version(desk: Desk) -> None:
    """A follower asks for what is new."""
    version = (await shown(desk)).version
    await buy(desk, "ord_1", Tenders(12_000))

    page = await desk.credit.ListJournals(
        pb.ListJournalsRequest(root_id=ACCOUNT, after_version=version, page_size=2), desk.context
    )
    rest = await desk.credit.ListJournals(
        pb.ListJournalsRequest(root_id=ACCOUNT, after_version=version, page_token=page.next_page_token), desk.context
    )

    journals = [*page.journals, *rest.journals]
    assert [journal.op for journal in journals] == ["authorize", "capture", "capture"]
    assert {sum(line.amount_minor for line in journal.lines) for journal in journals} == {0}
    assert all(journal.settlement_id for journal in journals)


async def test_a_preview_is_what_the_refund_then_does(desk: Desk) -> None:
    """The same figures, and nothing kept by asking (U1)."""
    await buy(desk, "ord_1", Tenders(120_000, 4_000))
    before = await shown(desk)
    request = pb.PreviewRefundRequest(
        account_id=ACCOUNT, order_id="ord_1", merchant_id=SHOP, credit_minor=30_000, wallet_minor=1_000
    )

    preview = (await desk.credit.PreviewRefund(request, desk.context)).preview
    assert await shown(desk) == before
    reply = await desk.ledger.command(
        commands.RefundTenders(
            account_id=ACCOUNT, order_id="ord_1", merchant_id=SHOP, refund_id="rfd_1", tenders=Tenders(30_000, 1_000),
            expected_account_version=preview.account_version,
        )
    )

    done = type(preview.effect).FromString(reply.result)
    assert list(done.instalments) == list(preview.effect.instalments)
    assert list(done.steps) == list(preview.effect.steps)
    assert done.limit_restored_minor == preview.effect.limit_restored_minor == 30_000


async def test_a_preview_waits_for_a_claim_and_says_busy_in_the_end(desk: Desk) -> None:
    """What a saga decides next would make it stale."""
    await buy(desk, "ord_1", Tenders(120_000))
    await desk.ledger.command(
        commands.RefundTenders(ACCOUNT, "ord_1", SHOP, "rfd_1", Tenders(1_000)), "saga_t", Op.TRY
    )
    desk.context.seconds = 0.15

    request = pb.PreviewRefundRequest(account_id=ACCOUNT, order_id="ord_1", merchant_id=SHOP, credit_minor=1)
    with pytest.raises(Exception, match="ACCOUNT_BUSY"):
        await desk.credit.PreviewRefund(request, desk.context)
    assert (await shown(desk)).pending_settlement_id == "saga_t"


async def test_statements_are_cut_listed_and_stand_as_they_are_paid(desk: Desk) -> None:
    """The document stays; what is due of it falls (SC-2)."""
    await buy(desk, "ord_1", Tenders(120_000))
    await desk.ledger.pass_time(days=3)
    cut = await desk.statements.CutStatement(
        statement_pb.CutStatementRequest(request_id=desk.request_id(), account_id=ACCOUNT, bill_date="2026-03-05"),
        desk.context,
    )
    await desk.credit.Repay(
        pb.RepayRequest(request_id=desk.request_id(), account_id=ACCOUNT, amount=cny(600)), desk.context
    )

    request = statement_pb.GetStatementRequest(account_id=ACCOUNT, bill_date="2026-03-05")
    shown_now = (await desk.statements.GetStatement(request, desk.context)).statement
    listed = await desk.statements.ListStatements(
        statement_pb.ListStatementsRequest(account_id=ACCOUNT), desk.context
    )

    assert (cut.statement.amount.minor_units, shown_now.amount.minor_units, shown_now.due.minor_units) == (
        10_600, 10_600, 10_000
    )
    assert shown_now.state == statement_pb2.STATEMENT_STATE_PARTIALLY_PAID
    assert [line.no for line in shown_now.lines] == [1]
    assert [row.bill_date for row in listed.statements] == ["2026-03-05"]
    with pytest.raises(NotFound, match="STATEMENT_NOT_FOUND"):
        await desk.statements.GetStatement(
            statement_pb.GetStatementRequest(account_id=ACCOUNT, bill_date="2026-02-05"), desk.context
        )


async def test_a_reader_just_after_midnight_sees_the_statement(desk: Desk) -> None:
    """The cut is made when somebody looks, however late its timer is (SC-6)."""
    await buy(desk, "ord_1", Tenders(120_000))
    desk.ledger.now = desk.ledger.now.replace(day=5, hour=0)

    account = await shown(desk)
    listed = await desk.statements.ListStatements(statement_pb.ListStatementsRequest(account_id=ACCOUNT), desk.context)

    assert (account.due.minor_units, account.last_bill_date) == (10_600, "2026-03-05")
    assert [row.amount.minor_units for row in listed.statements] == [10_600]


async def test_the_nightly_run_cuts_what_is_due_and_goes_on_where_it_stood(desk: Desk) -> None:
    """Bounded calls; a second run finds nothing, and the same call again counts what it had cut the first time."""
    for number in range(3):
        account_id = f"acc_n{number}"
        opening = pb.OpenAccountRequest(
            request_id=desk.request_id(), account_id=account_id, customer_id="c1", limit=cny(100_000)
        )
        await desk.credit.OpenAccount(opening, desk.context)
        tenders, order_id = Tenders(12_000), f"ord_n{number}"
        held = commands.AuthorizeTenders(account_id, order_id, "c1", SHOP, tenders=tenders, terms=TERMS)
        await desk.ledger.command(held)
        await desk.ledger.command(commands.CaptureTenders(account_id, order_id, SHOP, tenders))
    desk.ledger.now = desk.ledger.now.replace(day=6)

    run = statement_pb.RunStatementsRequest(request_id=desk.request_id(), bill_date="2026-03-05", accounts_max=2)
    first = await desk.statements.RunStatements(run, desk.context)
    following = statement_pb.RunStatementsRequest(
        request_id=desk.request_id(), bill_date="2026-03-05", after_account_id=first.next_account_id
    )
    second = await desk.statements.RunStatements(following, desk.context)
    following.request_id, following.after_account_id = desk.request_id(), ""
    again = await desk.statements.RunStatements(following, desk.context)

    repeated = await desk.statements.RunStatements(run, desk.context)
    following.request_id = run.request_id
    with pytest.raises(AlreadyExists, match="REQUEST_ID_REUSED"):
        await desk.statements.RunStatements(following, desk.context)

    assert repeated == first
    assert (first.accounts_cut, second.accounts_cut, again.accounts_cut) == (2, 1, 0)
    assert (first.next_account_id, second.next_account_id) == ("acc_n1", "")
    with pytest.raises(FailedPrecondition, match="BILL_DATE_AHEAD"):
        await desk.statements.RunStatements(
            statement_pb.RunStatementsRequest(request_id=desk.request_id(), bill_date="2026-04-05"), desk.context
        )


async def test_a_merchant_is_settled_with_and_its_balance_read(desk: Desk) -> None:
    """What is paid falls off the balance, and is posted on the root of its shares (A25)."""
    await buy(desk, "ord_1", Tenders(30_000, 0, 0, 500))

    done = await desk.credit.SettleMerchant(
        pb.SettleMerchantRequest(request_id=desk.request_id(), merchant_id=SHOP, amount=cny(30_500)), desk.context
    )
    balance = await desk.credit.GetMerchantBalance(pb.GetMerchantBalanceRequest(merchant_id=SHOP), desk.context)
    journals = await desk.credit.ListJournals(pb.ListJournalsRequest(root_id=balance.root_ids[0]), desk.context)

    assert (done.paid_minor, balance.payable_minor) == (30_500, 0)
    assert [journal.op for journal in journals.journals] == ["merchant_settle"]


async def test_two_people_and_two_papers_adjust_a_refund(desk: Desk) -> None:
    """One person or one paper is not enough (MA-1, MA-3)."""
    def request(maker: str, evidence: list[str]) -> adjustment_pb.AdjustRefundRequest:
        return adjustment_pb.AdjustRefundRequest(
            request_id=desk.request_id(), account_id=ACCOUNT, order_id="ord_1", maker=maker, checker="bob",
            evidence=evidence, reason="late",
        )

    with pytest.raises(Exception, match="FOUR_EYES"):
        await desk.adjustments.AdjustRefund(request("bob", ["a", "b"]), desk.context)
    with pytest.raises(Exception, match="EVIDENCE_REQUIRED"):
        await desk.adjustments.AdjustRefund(request("ann", ["a"]), desk.context)
    listed = await desk.adjustments.ListAdjustments(
        adjustment_pb.ListAdjustmentsRequest(account_id=ACCOUNT), desk.context
    )
    assert list(listed.adjustments) == []


async def test_two_people_post_a_journal_that_customer_and_finance_can_read(desk: Desk) -> None:
    """A record with its lines, and a movement with its reason (P22, MA-4)."""
    await buy(desk, "ord_1", Tenders(120_000))
    version = (await shown(desk)).version
    line = adjustment_pb.AdjustmentLine
    request = adjustment_pb.PostAdjustmentRequest(
        request_id=desk.request_id(), account_id=ACCOUNT, order_id="ord_1", case_id="case-7", maker="ann",
        checker="bob",
        evidence=["order page", "bill page"], reason="charged twice", effective_date=desk.ledger.now.date().isoformat(),
        lines=[line(account="I.FEE.INST", amount_minor=500), line(account="L.CUST.WALLET", amount_minor=-500)],
    )

    first = (await desk.adjustments.PostAdjustment(request, desk.context)).adjustment
    listed = await desk.adjustments.ListAdjustments(
        adjustment_pb.ListAdjustmentsRequest(account_id=ACCOUNT, order_id="ord_1"), desk.context
    )
    journals = await desk.credit.ListJournals(
        pb.ListJournalsRequest(root_id=ACCOUNT, after_version=version), desk.context
    )
    movements = await desk.credit.ListMovements(pb.ListMovementsRequest(account_id=ACCOUNT, page_size=1), desk.context)

    assert list(listed.adjustments) == [first]
    assert (first.case_id, first.effective_date, list(first.lines)) == (
        "case-7", request.effective_date, list(request.lines)
    )
    assert [row.op for row in journals.journals] == ["manual_adjust"]
    (movement,) = movements.movements
    assert (movement.kind, movement.reference, movement.order_id) == ("POST_ADJUSTMENT", first.adjustment_id, "ord_1")
    assert movement.reason.endswith("charged twice")
    assert [(figure.name, figure.amount_minor) for figure in movement.figures] == [("wallet", 500)]
    assert (await shown(desk)).wallet.minor_units == 10_500


async def test_the_payment_of_a_rejected_order_goes_back_and_is_shown(desk: Desk) -> None:
    """Duplicates send once; the customer sees the reason, and the book the whole way once the acquirer paid (PM-5)."""
    ledger, tenders = desk.ledger, Tenders(600_000, 0, 5_000)
    placing = commands.AuthorizeTenders(
        account_id=ACCOUNT, order_id="ord_1", customer_id="c1", merchant_id=SHOP, tenders=tenders, terms=TERMS,
        payment_reference="pay_1",
    )
    back = commands.ReturnBankDeposit(ACCOUNT, "ord_1", "c1", 5_000, "pay_1")
    assert (await ledger.command(placing, "saga_p")).reason == "INSUFFICIENT_LIMIT"
    version = (await shown(desk)).version

    first, again = [await ledger.command(back, "saga_b") for _ in range(2)]
    (leg,) = (await desk.credit.ListLegs(pb.ListLegsRequest(account_id=ACCOUNT), desk.context)).legs
    await ledger.run(Message("", ACCOUNT, commands.ReportLeg(ACCOUNT, leg.leg_id, commands.LegReport.SETTLED)))

    journals = await desk.credit.ListJournals(
        pb.ListJournalsRequest(root_id=ACCOUNT, after_version=version), desk.context
    )
    movements = await desk.credit.ListMovements(pb.ListMovementsRequest(account_id=ACCOUNT, page_size=1), desk.context)
    assert first == again
    assert (leg.amount.minor_units, leg.reference, leg.order_id) == (5_000, "pay_1", "ord_1")
    assert [row.op for row in journals.journals] == ["deposit", "deposit_return", "card_refund_settled"]
    assert [(row.kind, row.reference) for row in movements.movements] == [("RETURN_BANK_DEPOSIT", leg.leg_id)]


async def test_a_refused_leg_is_retried_and_then_settled_by_hand(desk: Desk) -> None:
    """The same id, the papers, a movement; alone nobody can (PM-6 and MA-4)."""
    ledger, refused = desk.ledger, commands.LegReport.REJECTED
    await ledger.command(commands.ReturnBankDeposit(ACCOUNT, "ord_1", "c1", 5_000, "pay_1"))
    (leg,) = (await desk.credit.ListLegs(pb.ListLegsRequest(account_id=ACCOUNT), desk.context)).legs

    def settling(checker: str) -> adjustment_pb.SettleLegRequest:
        return adjustment_pb.SettleLegRequest(
            request_id=desk.request_id(), account_id=ACCOUNT, leg_id=leg.leg_id, order_id="ord_1", maker="ann",
            checker=checker, evidence=["a", "b"], reason="bank transfer",
        )

    with pytest.raises(FailedPrecondition, match="LEG_STATE"):
        await desk.adjustments.SettleLeg(settling("bob"), desk.context)
    await ledger.run(Message("", ACCOUNT, commands.ReportLeg(ACCOUNT, leg.leg_id, refused)))
    request = adjustment_pb.RetryLegRequest(
        request_id=desk.request_id(), account_id=ACCOUNT, leg_id=leg.leg_id, operator_id="ann", reason="repaired"
    )
    again = (await desk.adjustments.RetryLeg(request, desk.context)).leg
    await ledger.run(Message("", ACCOUNT, commands.ReportLeg(ACCOUNT, leg.leg_id, refused)))
    with pytest.raises(Exception, match="FOUR_EYES"):
        await desk.adjustments.SettleLeg(settling("ann"), desk.context)
    settled = (await desk.adjustments.SettleLeg(settling("bob"), desk.context)).leg

    (adjustment,) = (await desk.adjustments.ListAdjustments(
        adjustment_pb.ListAdjustmentsRequest(account_id=ACCOUNT), desk.context
    )).adjustments
    movements = await desk.credit.ListMovements(pb.ListMovementsRequest(account_id=ACCOUNT, page_size=2), desk.context)
    assert (again.leg_id, again.state) == (leg.leg_id, leg_pb2.LEG_STATE_UNKNOWN)
    assert (settled.leg_id, settled.state) == (leg.leg_id, leg_pb2.LEG_STATE_SETTLED)
    assert (adjustment.order_id, adjustment.refund_id, adjustment.checker) == ("ord_1", leg.leg_id, "bob")
    assert [row.kind for row in movements.movements] == ["SETTLE_LEG", "RETRY_LEG"]
    assert "bank transfer" in movements.movements[0].reason
