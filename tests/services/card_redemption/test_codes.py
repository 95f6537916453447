"""Codes through the methods: made, shown to their owner only, presented, transferred with; never kept in the clear."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from services.card_redemption.domain.codes import WRONG_CODES_MAX
from services.card_redemption.vault import Vault
from services.kernel.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, SettlementError
from services.kernel.secret import Secret
from services.runtime.ground.settings import Settings
from settle.audit import keeping
from settlement.card_redemption.v1 import card_pb2, record_pb2
from settlement.card_redemption.v1 import card_service_pb2 as pb
from settlement.common.v1 import money_pb2
from tests.services.card_redemption.ledger import CardLedger

CODE = "CANARY7C1FABCDEF"
OTHERS = "ZZZZ7C1FABCDEFGH"


async def issue(
    cards: CardLedger, card_id: str = "crd_1", code: str = "", customer: str = "cus_1", *, inactive: bool = False
) -> card_pb2.Card:
    """A card of 100.00."""
    request = pb.IssueCardRequest(
        request_id=cards.request_id(), card_id=card_id, customer_id=customer, code=code, inactive=inactive,
        face=money_pb2.Money(minor_units=10_000, currency_code="CNY"),
    )
    return (await cards.service.IssueCard(request, cards.context)).card


async def reveal(cards: CardLedger, customer: str = "cus_1", request_id: str = "") -> pb.RevealCodeResponse:
    """The code of the card."""
    request = pb.RevealCodeRequest(
        request_id=request_id or cards.request_id(), card_id="crd_1", customer_id=customer,
        channel=record_pb2.ENTRY_CHANNEL_WEB,
    )
    return await cards.service.RevealCode(request, cards.context)


async def activate(cards: CardLedger, code: str, customer: str = "cus_1") -> card_pb2.Card:
    """Activate the card that has this code."""
    request = pb.ActivateCardRequest(request_id=cards.request_id(), customer_id=customer, code=code)
    return (await cards.service.ActivateCard(request, cards.context)).card


async def offer(cards: CardLedger) -> card_pb2.Card:
    """Give the card to cus_2."""
    request = pb.TransferCardRequest(
        request_id=cards.request_id(), card_id="crd_1", customer_id="cus_1", receiver_id="cus_2"
    )
    return (await cards.service.TransferCard(request, cards.context)).card


async def receive(cards: CardLedger, code: str, customer: str = "cus_2") -> card_pb2.Card:
    """Activate what was given."""
    request = pb.ActivateTransferRequest(request_id=cards.request_id(), receiver_id=customer, code=code)
    return (await cards.service.ActivateTransfer(request, cards.context)).card


async def test_a_code_is_made_when_its_owner_first_asks_for_it(cards: CardLedger) -> None:
    """And is the same from then on, with the same verification code."""
    await issue(cards)
    assert await cards.connection.fetchval("select count(*) from card_codes") == 0

    first, second = await reveal(cards), await reveal(cards)

    assert (first.code, first.verification_code) == (second.code, second.verification_code)
    assert (len(first.code), len(first.verification_code), first.code[-4:]) == (16, 6, first.last4)
    assert await cards.connection.fetchval("select count(*) from card_codes") == 1


async def test_a_given_code_is_the_one_that_is_shown(cards: CardLedger) -> None:
    """Under one request id the same for ever."""
    await issue(cards, code=CODE)
    request_id = cards.request_id()

    shown = await reveal(cards, request_id=request_id)

    assert shown.code == CODE
    assert (await cards.connection.fetchval("select type from inbox where message_id = $1", request_id)).endswith(
        "CodeShown"
    )


@pytest.mark.parametrize("code", ["short", CODE + "X", "CANARY7C1FABCDE!"])
async def test_a_given_code_has_16_letters_and_digits(cards: CardLedger, code: str) -> None:
    """And is not repeated in what says so."""
    with pytest.raises(InvalidArgument, match="INVALID_ARGUMENT") as refused:
        await issue(cards, code=code)

    assert code not in str(refused.value)


async def test_no_two_cards_have_one_code(cards: CardLedger) -> None:
    """However it is written."""
    await issue(cards, code=CODE)

    with pytest.raises(AlreadyExists, match="CODE_TAKEN"):
        await issue(cards, "crd_2", code="canary7c-1fab-cdef")

    assert await cards.connection.fetchval("select count(*) from gift_cards") == 1


async def test_only_the_owner_sees_the_code(cards: CardLedger) -> None:
    """To anybody else there is no such card."""
    await issue(cards, code=CODE)

    with pytest.raises(NotFound, match="CARD_NOT_FOUND"):
        await reveal(cards, "cus_2")


async def test_an_inactive_card_is_activated_with_its_code(cards: CardLedger) -> None:
    """Once."""
    issued = await issue(cards, code=CODE, inactive=True)

    active = await activate(cards, CODE.lower())

    assert (issued.state, active.state) == (card_pb2.CARD_STATE_ISSUED, card_pb2.CARD_STATE_ACTIVE)
    with pytest.raises(FailedPrecondition, match="CARD_STATE"):
        await activate(cards, CODE)


async def test_a_transfer_is_activated_with_the_code_by_its_receiver(cards: CardLedger) -> None:
    """Then it has another code, and the old one is as good as unknown."""
    await issue(cards, code=CODE)
    await offer(cards)
    with pytest.raises(FailedPrecondition, match="CARD_STATE"):
        await receive(cards, CODE, "cus_1")

    theirs = await receive(cards, CODE)

    assert (theirs.customer_id, theirs.state) == ("cus_2", card_pb2.CARD_STATE_ACTIVE)
    assert (await reveal(cards, "cus_2")).code != CODE
    with pytest.raises(NotFound, match="CODE_REJECTED"):
        await receive(cards, CODE)


async def test_a_transfer_is_withdrawn_until_it_is_activated(cards: CardLedger) -> None:
    """RD-26."""
    await issue(cards, code=CODE)
    await offer(cards)
    request = pb.WithdrawTransferRequest(request_id=cards.request_id(), card_id="crd_1", customer_id="cus_1")

    back = (await cards.service.WithdrawTransfer(request, cards.context)).card

    assert (back.state, back.receiver_id) == (card_pb2.CARD_STATE_ACTIVE, "")
    with pytest.raises(NotFound, match="CODE_REJECTED"):
        await receive(cards, CODE)


PRESENTED: list[Callable[[CardLedger, str, str], Coroutine[Any, Any, card_pb2.Card]]] = [activate, receive]


@pytest.mark.parametrize("present", PRESENTED)
async def test_a_stranger_learns_nothing_of_a_code(cards: CardLedger, present: Any) -> None:
    """Unknown, another's, used, malformed, empty: one answer, and the same statements were asked for it."""
    await issue(cards, code=CODE, inactive=True)
    await issue(cards, "crd_2", code=OTHERS)
    await cards.connection.execute("update gift_cards set code_number = 2 where id = 'crd_2'")  # a dead code
    answers, asked = [], []

    for number, code in enumerate(["NOBODYS0CODE0000", CODE, OTHERS, "x", "*" * 64, ""]):
        queries: list[str] = []
        with cards.connection.query_logger(lambda record, queries=queries: queries.append(record.query)):
            with pytest.raises(SettlementError) as refused:
                await present(cards, code, f"cus_stranger_{number}")
            await cards.connection.fetchval("select 'the logger has heard of all before'")
        answers.append((type(refused.value), str(refused.value), refused.value.metadata))
        asked.append(queries[: queries.index("COMMIT;") + 1])

    assert answers == [(NotFound, "CODE_REJECTED: this is the code of no card of yours", {})] * 6
    assert asked == [asked[0]] * 6


async def test_nobody_tries_codes_for_long(cards: CardLedger) -> None:
    """After some wrong ones even the right one is not looked at, for an hour; others are not touched by it."""
    await issue(cards, code=CODE, inactive=True)
    for _ in range(WRONG_CODES_MAX):
        with pytest.raises(NotFound, match="CODE_REJECTED"):
            await activate(cards, OTHERS)

    for code in (OTHERS, CODE):
        with pytest.raises(FailedPrecondition, match="TOO_MANY_CODES"):
            await activate(cards, code)
    with pytest.raises(NotFound, match="CODE_REJECTED"):
        await activate(cards, OTHERS, "cus_2")
    cards.clock.move(cards.clock.at + timedelta(hours=1))

    assert (await activate(cards, CODE)).state == card_pb2.CARD_STATE_ACTIVE


async def test_codes_that_are_still_looked_at_count_as_wrong(cards: CardLedger) -> None:
    """So many at once gain nothing."""
    service = cards.service
    async with service.presenting.code("cus_1", Secret(CODE)) as first:
        async with service.presenting.code("cus_1", Secret(CODE)) as second:
            assert (first.wrong_before, second.wrong_before) == (0, 1)
    async with service.presenting.code("cus_1", Secret(CODE)) as third:
        assert third.wrong_before == 0


async def test_keys_are_rotated_while_codes_stay_closed(cards: CardLedger) -> None:
    """All codes are under the newest key; what is shown is the same, with the old key gone."""
    await issue(cards, code=CODE)
    await issue(cards, "crd_2", code=OTHERS)
    before = await cards.connection.fetch("select sealed from card_codes order by blind_index")
    old = Settings("card_redemption").keys("card")[1].hex()
    service = cards.service
    service.vault = Vault.of(Settings("card_redemption", environ={"SETTLE_CARD_KEYS": f"1:{old},2:{'ab' * 32}"}))
    request = pb.RotateKeysRequest(request_id=cards.request_id(), operator_id="op_1", reason="yearly")

    done = await service.RotateKeys(request, cards.context)
    again = await service.RotateKeys(request, cards.context)

    assert (done.rewrapped, done.key_version, again) == (2, 2, done)
    assert await cards.connection.fetch("select sealed from card_codes order by blind_index") == before
    assert await cards.connection.fetchval("select count(*) from card_codes where key_version <> 2") == 0
    service.vault = Vault.of(Settings("card_redemption", environ={"SETTLE_CARD_KEYS": f"2:{'ab' * 32}"}))
    request_id = cards.request_id()
    shown = await service.RevealCode(
        pb.RevealCodeRequest(request_id=request_id, card_id="crd_1", customer_id="cus_1"), cards.context
    )
    assert shown.code == CODE
    assert await cards.connection.fetchval("select count(*) from attempts where kind = 'ROTATE_KEYS'") == 1
    assert await cards.connection.fetchval("select operator_id from operator_acts") == "op_1"
    audited = next(check.sql for check in keeping.CHECKS if check.id == "keeping.acts")
    assert await cards.connection.fetch(audited) == []


async def test_the_history_of_a_card_is_all_of_it(cards: CardLedger) -> None:
    """Page by page, as it was told."""
    await issue(cards, code=CODE, inactive=True)
    await activate(cards, CODE)
    await reveal(cards)
    await offer(cards)

    names, token = [], ""
    while True:
        request = pb.ListCardHistoryRequest(card_id="crd_1", page_size=3, page_token=token)
        page = await cards.service.ListCardHistory(request, cards.context)
        names += [(entry.sequence, entry.event.type_url.rpartition(".")[2]) for entry in page.entries]
        if not (token := page.next_page_token):
            break

    assert names == [(1, "CardIssued"), (2, "CardActivated"), (3, "CardCodeRevealed"), (4, "CardTransferOffered")]
