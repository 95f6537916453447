"""What the acquirer's side sees when it sends a chargeback notice, over real batches on a real PostgreSQL (PM-8)."""

import pytest

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.tenders import Tenders
from services.kernel.errors import NotFound
from settlement.credit_ledger.v1 import credit_service_pb2 as pb
from settlement.credit_ledger.v1 import leg_pb2
from tests.services.credit_ledger.desk import Desk
from tests.services.credit_ledger.ledger import Ledger
from tests.services.credit_ledger.test_rpc import ACCOUNT, SHOP, buy, cny, shown


async def test_a_chargeback_notice_names_the_payment_alone(ledger: Ledger) -> None:
    """The account is found by it, and is one version further: a quote of before is stale."""
    desk = Desk(ledger)
    await ledger.ask(ACCOUNT, commands.OpenAccount(ACCOUNT, "c1", 0))
    await buy(desk, "ord_1", Tenders(0, 0, 5_000), reference="pay_1")
    await desk.ledger.command(commands.RefundTenders(ACCOUNT, "ord_1", SHOP, "rfd_1", Tenders(0, 0, 2_000)))
    before = (await shown(desk)).version
    notice = pb.RecordChargebackRequest(
        request_id=desk.request_id(), payment_reference="pay_1", notice_id="cb-1", amount=cny(5_000), reason="fraud"
    )

    done = await desk.credit.RecordChargeback(notice, desk.context)
    notice.payment_reference = "pay_none"
    with pytest.raises(NotFound, match="ORDER_NOT_FOUND"):
        await desk.credit.RecordChargeback(notice, desk.context)
    refused = await desk.ledger.command(
        commands.RefundTenders(ACCOUNT, "ord_1", SHOP, "rfd_2", Tenders(0, 0, 1_000))
    )

    (leg,) = (await desk.credit.ListLegs(pb.ListLegsRequest(account_id=ACCOUNT), desk.context)).legs
    assert (done.account_id, done.order_id, done.kept_minor, list(done.kept_leg_ids)) == (
        ACCOUNT, "ord_1", 2_000, [leg.leg_id],
    )
    assert done.account_version == before + 1
    assert leg.state == leg_pb2.LEG_STATE_EXCEPTION
    assert refused.reason == "PAYMENT_NOT_REFUNDABLE"
