"""The methods of CardService over a real database."""

import pytest

from services.card_redemption.domain.commands import DepositCard, ReturnDeposit
from services.kernel.errors import Aborted, AlreadyExists, InvalidArgument, NotFound
from settlement.card_redemption.v1 import card_pb2
from settlement.card_redemption.v1 import card_service_pb2 as pb
from settlement.common.v1 import money_pb2
from tests.services.card_redemption.ledger import CardLedger, EndlessContext


async def _issue(cards: CardLedger, card_id: str = "", customer: str = "cus_1", face: int = 10_000) -> card_pb2.Card:
    request = pb.IssueCardRequest(
        request_id=cards.request_id(), card_id=card_id, customer_id=customer,
        face=money_pb2.Money(minor_units=face, currency_code="CNY"),
    )
    return (await cards.service.IssueCard(request, cards.context)).card


async def test_an_issued_card_can_be_read(cards: CardLedger) -> None:
    """All of it, under the id that the engine chose."""
    issued = await _issue(cards)

    read = (await cards.service.GetCard(pb.GetCardRequest(card_id=issued.card_id), cards.context)).card

    assert read == issued
    assert issued.card_id.startswith("crd_")
    assert (issued.state, issued.balance.minor_units, issued.version) == (card_pb2.CARD_STATE_ACTIVE, 10_000, 1)


async def test_an_id_serves_one_card(cards: CardLedger) -> None:
    """Another request for the same id is refused."""
    await _issue(cards, "crd_1")

    with pytest.raises(AlreadyExists, match="CARD_EXISTS"):
        await _issue(cards, "crd_1", "cus_2")


@pytest.mark.parametrize("face", [0, -1])
async def test_a_card_is_worth_something(cards: CardLedger, face: int) -> None:
    """Nothing is written for nonsense."""
    with pytest.raises(InvalidArgument, match="INVALID_AMOUNT"):
        await _issue(cards, "crd_1", face=face)
    with pytest.raises(NotFound, match="CARD_NOT_FOUND"):
        await cards.service.GetCard(pb.GetCardRequest(card_id="crd_1"), cards.context)


async def test_a_version_that_does_not_come_is_stale(cards: CardLedger) -> None:
    """The read waits for it as long as the call may take."""
    await _issue(cards, "crd_1")
    cards.context = EndlessContext(0.15)

    with pytest.raises(Aborted, match="STALE_VERSION"):
        await cards.service.GetCard(pb.GetCardRequest(card_id="crd_1", min_version=2), cards.context)


async def test_a_customers_cards_come_in_pages(cards: CardLedger) -> None:
    """Each once, nobody else's."""
    for name in ("crd_a", "crd_b", "crd_c"):
        await _issue(cards, name)
    await _issue(cards, "crd_x", "cus_2")

    first = await cards.service.ListCards(pb.ListCardsRequest(customer_id="cus_1", page_size=2), cards.context)
    rest = await cards.service.ListCards(
        pb.ListCardsRequest(customer_id="cus_1", page_size=2, page_token=first.next_page_token), cards.context
    )

    assert [card.card_id for card in (*first.cards, *rest.cards)] == ["crd_a", "crd_b", "crd_c"]
    assert rest.next_page_token == ""


async def test_journals_come_in_posting_order(cards: CardLedger) -> None:
    """Page by page, after a version, of one order."""
    await _issue(cards, "crd_1")
    await cards.command(DepositCard("crd_1", "ord_1", "cus_1", "mer_1", 3_000))
    await cards.command(ReturnDeposit("crd_1", "ord_1", "mer_1", 3_000))
    token, ops = "", []
    while True:
        request = pb.ListJournalsRequest(root_id="crd_1", page_size=1, page_token=token)
        page = await cards.service.ListJournals(request, cards.context)
        ops += [journal.op for journal in page.journals]
        token = page.next_page_token
        if not token:
            break
    later = await cards.service.ListJournals(pb.ListJournalsRequest(root_id="crd_1", after_version=2), cards.context)
    request = pb.ListJournalsRequest(root_id="crd_1", order_id="ord_1")
    of_order = await cards.service.ListJournals(request, cards.context)

    assert ops == ["card_issue", "deposit", "deposit_return"]
    assert [journal.op for journal in later.journals] == ["deposit_return"]
    assert [[(line.account, line.sub, line.amount_minor) for line in j.lines] for j in of_order.journals] == [
        [("L.GIFTCARD", "crd_1", 3_000), ("L.DEPOSIT", "ord_1", -3_000)],
        [("L.DEPOSIT", "ord_1", 3_000), ("L.GIFTCARD", "crd_1", -3_000)],
    ]


@pytest.mark.parametrize("token", ["x", "1.", "-1.2", "1.99999", "9223372036854775808.0", "1.2.3"])
async def test_a_foreign_page_token_is_refused(cards: CardLedger, token: str) -> None:
    """Before the database is asked."""
    with pytest.raises(InvalidArgument, match="INVALID_PAGE_TOKEN"):
        await cards.service.ListJournals(pb.ListJournalsRequest(root_id="crd_1", page_token=token), cards.context)
