"""What is saved is what is loaded, through real batches on a real PostgreSQL."""

from datetime import datetime

import asyncpg
import pytest

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, Route, SurplusPolicy
from services.credit_ledger.store import TABLES, reads
from services.credit_ledger.store.accounts import load_merchant_shares, save_merchant_shares
from services.credit_ledger.wire import CODEC
from services.kernel.messages import Message, Op
from services.kernel.shares import share_keys
from services.runtime.ground.migrations import list_migrations
from services.runtime.ground.writing import write
from settlement.credit_ledger.v1 import effects_pb2
from settlement.saga.v1 import saga_pb2
from tests.services.batches import check_saved
from tests.services.credit_ledger.conftest import MIGRATIONS
from tests.services.credit_ledger.ledger import Ledger, Refused

ACCOUNT, ORDER, SHOP = "acc_1", "ord_1", "m1"
TERMS = CreditTerms(instalment_count=12, fee_ppm=5_000)


async def opened(ledger: Ledger, **options: object) -> None:
    """An account with a limit of 5000.00 and 100.00 in the wallet."""
    await ledger.ask(ACCOUNT, commands.OpenAccount(ACCOUNT, "c1", 500_000, **options))  # type: ignore[arg-type]
    await ledger.ask(ACCOUNT, commands.FundWallet(ACCOUNT, 10_000))


async def shipped(ledger: Ledger, tenders: Tenders, terms: CreditTerms = TERMS, reference: str = "") -> None:
    """An order that was placed and shipped."""
    body = commands.AuthorizeTenders(
        account_id=ACCOUNT, order_id=ORDER, customer_id="c1", merchant_id=SHOP, tenders=tenders, terms=terms,
        payment_reference=reference,
    )
    assert (await ledger.command(body)).verdict == saga_pb2.VERDICT_DONE
    captured = await ledger.command(commands.CaptureTenders(ACCOUNT, ORDER, SHOP, tenders))
    assert captured.verdict == saga_pb2.VERDICT_DONE


async def test_every_row_of_a_purchase_and_its_refund_comes_back_as_it_was_saved(ledger: Ledger) -> None:
    """Account, agreement, share, log, leg and reference survive the round trip through PostgreSQL."""
    await opened(ledger)
    tenders = Tenders(120_000, 4_000, 5_000, 1_000)

    body = commands.AuthorizeTenders(
        account_id=ACCOUNT, order_id=ORDER, customer_id="c1", merchant_id=SHOP, tenders=tenders, terms=TERMS,
        payment_reference="pay-1",
    )
    await ledger.command(body)
    await check_saved(ledger.connection, TABLES, ledger.effects, CODEC)
    await ledger.command(commands.CaptureTenders(ACCOUNT, ORDER, SHOP, tenders))
    await check_saved(ledger.connection, TABLES, ledger.effects, CODEC)
    await ledger.pass_time(days=40)
    await ledger.ask(ACCOUNT, commands.Repay(ACCOUNT, 10_600, "BANK"))
    await check_saved(ledger.connection, TABLES, ledger.effects, CODEC)
    reply = await ledger.command(
        commands.RefundTenders(ACCOUNT, ORDER, SHOP, "rfd_1", Tenders(40_000, 1_000, 2_000, 300))
    )
    await check_saved(ledger.connection, TABLES, ledger.effects, CODEC)

    effect = effects_pb2.CreditEffect.FromString(reply.result)
    assert reply.result_type == "settlement.credit_ledger.v1.CreditEffect"
    assert effect.principal_refunded_minor == 40_000
    assert len(effect.instalments) == 12
    assert sum(change.refunded_now_minor for change in effect.instalments) == 40_000
    assert [(moved.name, moved.amount_minor) for moved in reply.moved] == [
        ("BANKCARD", 2_000), ("COUPON", 300), ("CREDIT", 40_000), ("WALLET", 1_000)
    ]


async def test_the_views_spread_what_the_rows_hold(ledger: Ledger) -> None:
    """People and the auditor read instalments and holds as rows."""
    await opened(ledger)
    await shipped(ledger, Tenders(120_000, 4_000))
    await ledger.pass_time(days=40)

    row = await ledger.connection.fetchrow(
        "select count(*), sum(principal_minor), sum(outstanding_minor), count(*) filter (where billed) from instalments"
    )
    lines = await ledger.connection.fetch("select order_id, no, principal_minor, fee_minor from statement_lines")
    held = await ledger.connection.fetch("select tender, authorized_minor, captured_minor from holds order by tender")
    assert tuple(row or ()) == (12, 120_000, 120_000, 2)
    assert [tuple(line) for line in lines] == [
        (ORDER, 1, 10_000, 600), (ORDER, 1, 10_000, 600), (ORDER, 2, 10_000, 600)
    ]
    assert [tuple(tender) for tender in held if tender[1]] == [("CREDIT", 120_000, 120_000), ("WALLET", 4_000, 4_000)]


async def test_the_books_sum_to_zero_and_agree_with_the_account(ledger: Ledger) -> None:
    """The projection of the entries is the account's own figures."""
    await opened(ledger)
    await shipped(ledger, Tenders(120_000, 4_000, 0, 500))
    await ledger.pass_time(days=40)
    await ledger.command(commands.RefundTenders(ACCOUNT, ORDER, SHOP, "rfd_1", Tenders(120_000, 4_000, 0, 500)))

    rows = await ledger.connection.fetch("select account, sum(amount_minor)::bigint from entries group by account")
    sums: dict[str, int] = {row[0]: row[1] for row in rows}
    account = await reads.find_account(ledger.connection, ACCOUNT)
    assert account is not None
    assert sum(sums.values()) == 0
    assert (sums["LIM.AVAIL"], sums["LIM.USED"], sums["LIM.HELD"]) == (account.available_minor, account.used_minor, 0)
    assert sums["L.CUST.WALLET"] == -account.wallet_minor == -10_000
    assert sums["L.MERCH.PAY"] == 0


async def test_a_claim_is_stored_and_keeps_others_out(ledger: Ledger) -> None:
    """Between TRY and CONFIRM the account is busy for everybody else (BZ-2)."""
    await opened(ledger)
    await shipped(ledger, Tenders(120_000))
    body = commands.RefundTenders(ACCOUNT, ORDER, SHOP, "rfd_1", Tenders(120_000))

    tried = await ledger.command(body, "saga_t", Op.TRY)
    effects = (await ledger.run(Message("call-busy", ACCOUNT, commands.FundWallet(ACCOUNT, 1)))).effects
    await check_saved(ledger.connection, TABLES, ledger.effects, CODEC)

    assert tried.verdict == saga_pb2.VERDICT_DONE
    assert len(effects.busy) == 1
    confirmed = await ledger.command(body, "saga_t", Op.CONFIRM)
    assert effects_pb2.CreditEffect.FromString(confirmed.result).agreement_state == 5  # SETTLED_EARLY
    await check_saved(ledger.connection, TABLES, ledger.effects, CODEC)


async def test_a_payment_reference_serves_one_order(ledger: Ledger) -> None:
    """A second order with it is refused, and finds it stored (OP-4)."""
    await opened(ledger)
    first = commands.AuthorizeTenders(
        account_id=ACCOUNT, order_id=ORDER, customer_id="c1", merchant_id=SHOP, tenders=Tenders(0, 0, 5_000),
        terms=TERMS, payment_reference="pay-1",
    )
    second = commands.AuthorizeTenders(
        account_id=ACCOUNT, order_id="ord_2", customer_id="c1", merchant_id=SHOP, tenders=Tenders(0, 0, 5_000),
        terms=TERMS, payment_reference="pay-1",
    )

    await ledger.command(first)
    refused = await ledger.command(second)

    assert (refused.verdict, refused.reason) == (saga_pb2.VERDICT_REFUSED, "PAYMENT_REFERENCE_USED")


async def test_a_flash_refund_waits_and_is_completed_by_hand(ledger: Ledger) -> None:
    """The waiting refund, its exception and the adjustment are stored."""
    await opened(ledger)
    await shipped(ledger, Tenders(30_000), CreditTerms(route=Route.FLASH))
    await ledger.command(commands.RefundTenders(ACCOUNT, ORDER, SHOP, "rfd_1", Tenders(30_000)))
    await check_saved(ledger.connection, TABLES, ledger.effects, CODEC)
    await ledger.pass_time(hours=25)
    with pytest.raises(Refused, match="CHANNEL_TIMEOUT"):
        await ledger.ask(ACCOUNT, commands.ConfirmFlashRefund(ACCOUNT, ORDER))

    await ledger.ask(ACCOUNT, commands.AdjustRefund(
        account_id=ACCOUNT, order_id=ORDER, maker="ann", checker="bob", evidence=("order page", "bill page"),
        reason="late",
    ))
    await check_saved(ledger.connection, TABLES, ledger.effects, CODEC)

    (adjustment,) = await reads.list_adjustments(ledger.connection, ACCOUNT, "", "", 10)
    assert (adjustment.maker, adjustment.checker, adjustment.refund_id) == ("ann", "bob", "rfd_1")


async def test_lifo_and_reversal_keep_their_rows(ledger: Ledger) -> None:
    """Repayments, given-back parts and a reversal survive the round trip."""
    await opened(ledger, surplus_policy=SurplusPolicy.LIFO)
    await shipped(ledger, Tenders(30_000), CreditTerms(instalment_count=3))
    await ledger.pass_time(days=40)
    await ledger.ask(ACCOUNT, commands.Repay(ACCOUNT, 10_000, "CARD1"))
    await ledger.ask(ACCOUNT, commands.Repay(ACCOUNT, 20_000, "CARD2"))

    await ledger.command(commands.RefundTenders(ACCOUNT, ORDER, SHOP, "rfd_1", Tenders(30_000)))
    await check_saved(ledger.connection, TABLES, ledger.effects, CODEC)
    legs = await reads.list_legs(ledger.connection, ACCOUNT, "", "", 10)
    assert sum(leg.amount_minor for leg in legs) > 0
    await ledger.command(commands.RefundTenders(ACCOUNT, ORDER, SHOP, "rfd_0", Tenders()))

    log = await reads.list_operations(ledger.connection, ACCOUNT, 2**40, 100)
    assert [operation.number for operation in log] == list(range(len(log), 0, -1))


async def test_a_reversal_restores_the_agreement(ledger: Ledger) -> None:
    """The replay reads operations that were stored (P24)."""
    await opened(ledger)
    await shipped(ledger, Tenders(30_000), CreditTerms(instalment_count=3))
    (before,) = await reads.list_agreements(ledger.connection, ACCOUNT, "", "", 10)
    await ledger.command(commands.RefundTenders(ACCOUNT, ORDER, SHOP, "rfd_1", Tenders(12_345)))

    reply = await ledger.command(commands.ReverseRefund(ACCOUNT, ORDER, SHOP, "rfd_1"))
    await check_saved(ledger.connection, TABLES, ledger.effects, CODEC)

    (after,) = await reads.list_agreements(ledger.connection, ACCOUNT, "", "", 10)
    assert reply.verdict == saga_pb2.VERDICT_DONE
    assert (after.plans, after.refunded, after.state) == (before.plans, before.refunded, before.state)


@pytest.mark.parametrize("kept", [None, b'[0,[],"a shape of before"]'])
async def test_a_reversal_over_operations_of_before_reads_the_whole_log(ledger: Ledger, kept: bytes | None) -> None:
    """What was kept by nobody, or in another shape, is not needed (findings: proto_fold)."""
    await opened(ledger)
    await shipped(ledger, Tenders(30_000), CreditTerms(instalment_count=3))
    (before,) = await reads.list_agreements(ledger.connection, ACCOUNT, "", "", 10)
    await ledger.command(commands.RefundTenders(ACCOUNT, ORDER, SHOP, "rfd_1", Tenders(12_345)))
    await ledger.connection.execute("alter table operations disable trigger operations_append_only")
    await ledger.connection.execute("update operations set before = $1", kept)
    await ledger.connection.execute("alter table operations enable trigger operations_append_only")

    reply = await ledger.command(commands.ReverseRefund(ACCOUNT, ORDER, SHOP, "rfd_1"))

    (after,) = await reads.list_agreements(ledger.connection, ACCOUNT, "", "", 10)
    assert reply.verdict == saga_pb2.VERDICT_DONE
    assert (after.plans, after.refunded, after.state) == (before.plans, before.refunded, before.state)


@pytest.mark.parametrize("table", ["operations", "statements", "adjustments", "journals", "events"])
async def test_what_is_append_only_refuses_changes(ledger: Ledger, table: str) -> None:
    """Triggers keep history as it was (SC-2, MA-3, RD-31)."""
    await test_a_flash_refund_waits_and_is_completed_by_hand(ledger)
    await shipped_again(ledger)

    with pytest.raises(asyncpg.RestrictViolationError):
        await ledger.connection.execute(f"delete from {table}")


async def shipped_again(ledger: Ledger) -> None:
    """Another order and a statement over it."""
    tenders = Tenders(10_000)
    await ledger.command(commands.AuthorizeTenders(
        account_id=ACCOUNT, order_id="ord_9", customer_id="c1", merchant_id=SHOP, tenders=tenders, terms=TERMS
    ))
    await ledger.command(commands.CaptureTenders(ACCOUNT, "ord_9", SHOP, tenders))
    await ledger.pass_time(days=40)


async def test_a_merchant_is_paid_over_all_shares(ledger: Ledger) -> None:
    """The shares of a merchant are found by its id and settled together (A25)."""
    await opened(ledger)
    await shipped(ledger, Tenders(30_000))

    done = await ledger.ask(share_keys(SHOP)[0], commands.SettleMerchant(SHOP, 20_000))

    assert (done.amount_minor, done.payable_minor) == (20_000, 10_000)
    assert await reads.merchant_balance(ledger.connection, SHOP) == (10_000, 0)


@pytest.mark.parametrize(("receivable", "shown"), [(30_000, (0, 0)), (29_999, (1, 0)), (30_001, (0, 1))])
async def test_a_merchants_balance_is_net_over_all_its_shares(
    ledger: Ledger, receivable: int, shown: tuple[int, int]
) -> None:
    """N5: what one share owes the merchant pays for what it owes another, so nobody sees both at once (OP-3)."""
    owing, owed, *_ = share_keys(SHOP)
    for key, body in (
        (owing, MerchantShare(owing, SHOP, payable_minor=30_000)),
        (owed, MerchantShare(owed, SHOP, receivable_minor=receivable)),
    ):
        (made,) = await load_merchant_shares(ledger.connection, [key])
        await write(ledger.connection, *save_merchant_shares([body], {key: made.version}))

    assert await reads.merchant_balance(ledger.connection, SHOP) == shown


async def test_the_result_of_a_call_names_the_new_version(ledger: Ledger) -> None:
    """A caller that reads with `min_version` of its own write sees it."""
    await opened(ledger)

    shown = await ledger.ask(ACCOUNT, commands.GrantLimit(ACCOUNT, 700_000))

    account = await reads.find_account(ledger.connection, ACCOUNT)
    assert isinstance(account, CreditAccount)
    assert shown.version == account.version


async def test_a_shipment_that_was_scheduled_by_days_is_marked(ledger: Ledger) -> None:
    """The migration notes it as a fact of the shipment's operation, of that alone, and the log is append-only again."""
    ledger.now = datetime.fromisoformat("2026-01-31T10:00:00+08:00")
    await opened(ledger, bill_day=30, due_day=31)
    await shipped(ledger, Tenders(120_000))
    await ledger.connection.execute("""
        update agreements
        set plans = replace(plans::text, '"2026-02-28","2026-03-31"', '"2026-02-28","2026-02-28"')::json
    """)
    migration = next(each for each in list_migrations([MIGRATIONS]) if each.version.endswith("0006_due_by_days"))

    await ledger.connection.execute(migration.sql)

    log = await reads.list_operations(ledger.connection, ACCOUNT, 2**40, 100)
    marked = [row.kind for row in log if row.facts.due_by_days]
    assert marked == ["CaptureTenders"]
    with pytest.raises(asyncpg.RestrictViolationError):
        await ledger.connection.execute("update operations set reference = 'x'")
