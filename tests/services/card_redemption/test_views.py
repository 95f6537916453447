"""Whoever reads this book with SQL finds each place of its lists under its name."""


from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.tender import CardRefund, CardTender
from services.card_redemption.domain.disputes.appealing import Asked
from services.card_redemption.domain.disputes.case import Dispute
from services.card_redemption.domain.disputes.evidence import Paper
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.disputes.living import opened
from services.card_redemption.domain.enterprise.agreement import Agreement
from services.card_redemption.domain.enterprise.batch import RevocationBatch, RevocationItem
from services.card_redemption.domain.recycling.enterprise import Revocation
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.store import TABLES
from services.kernel.calendar import WorkingCalendar
from services.runtime.ground.writing import write
from tests.services.card_redemption.disputing import FULL, accepted
from tests.services.card_redemption.ledger import CardLedger
from tests.services.card_redemption.world import NOW
from tests.services.list_views import ListView

REFUND = CardRefund(refund_id="rfd_1", amount_minor=3, uncovered_minor=2)
PAPERS = ListView("dispute_papers", Paper._fields, frozenset({"dispute_id", "card_id"}))
REFUNDS = ListView("card_tender_refunds", CardRefund._fields, frozenset({"order_id", "card_id"}))

ITEM = RevocationItem("rdm_1", "crd_1", Revocation.REVOKED, 7)
ITEMS = ListView("revocation_items", RevocationItem._fields, frozenset({"batch_id", "agreement_id"}))


async def test_what_was_given_back_is_read_by_name(cards: CardLedger) -> None:
    """Whoever adds a field to a refund adds it to the view."""
    save = {table.kind: table.save for table in TABLES}
    await write(cards.connection, *save[GiftCard]([GiftCard("crd_1", "cus_1", 10, 10, NOW)], {}))
    await write(cards.connection, *save[CardTender]([CardTender(
        order_id="ord_1", card_id="crd_1", merchant_id="mer_1", deposited_minor=5, captured_minor=5, refunds=(REFUND,),
    )], {}))

    await REFUNDS.check_columns(cards.connection)
    assert await REFUNDS.rows(cards.connection) == [REFUND._asdict()]


async def test_what_became_of_a_batch_is_read_by_name(cards: CardLedger) -> None:
    """Whoever adds a field to an item adds it to the view."""
    save = {table.kind: table.save for table in TABLES}
    await write(cards.connection, *save[Agreement]([Agreement("agr_1", "cus_1", version=1)], {}))
    await write(cards.connection, *save[RevocationBatch]([RevocationBatch("bat_1", "agr_1", NOW, (ITEM,))], {}))

    await ITEMS.check_columns(cards.connection)
    assert await ITEMS.rows(cards.connection) == [ITEM._asdict()]


async def test_the_papers_of_a_case_are_read_by_name(cards: CardLedger) -> None:
    """Whoever adds a field to a paper adds it to the view."""
    save, order = {table.kind: table.save for table in TABLES}, accepted().order()
    case = opened(
        order, "dsp_1", Asked(DisputeType.MIS_OPERATION, FULL), by="cus_1", now=NOW, calendar=WorkingCalendar()
    )
    await write(cards.connection, *save[GiftCard]([GiftCard("crd_1", "cus_1", 10, 10, NOW)], {}))
    await write(cards.connection, *save[RedemptionOrder]([order], {}))
    await write(cards.connection, *save[Dispute]([case], {}))

    await PAPERS.check_columns(cards.connection)
    assert [row["reference"] for row in await PAPERS.rows(cards.connection)] == ["film 1", "page 1"]
