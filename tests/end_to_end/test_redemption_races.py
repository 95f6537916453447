"""One code, two processes of every service, 200 calls at once: submissions, cancellations and the verification meet,
and each redemption has one outcome with one set of postings (OP-5, RD-1, RD-20)."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from settle.audit import auditor, telling
from settle.client.calls import Rejected, call
from settle.client.customer import Customer
from settle.client.desk import Desk
from settle.client.engine import Engine
from settle.client.recycler import ISSUER, VERIFICATION_CODE
from settle.client.requests import WAIT, fresh, money
from settle.client.tokens import Tokens
from settle.local.endpoints import acquirer_of, dsns_of, sandboxes_of
from settle.local.stack import LocalStack
from settle.local.verifier.book import EVERY_CARD
from settlement.card_redemption.v1 import channel_pb2
from settlement.card_redemption.v1 import redemption_service_pb2 as pb

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(400)]

SERVICES = ("order", "credit_ledger", "card_redemption")
BEGIN = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
"""The clock is only turned forward: what a service does at its start is due by the present."""
CODES, FACE, FEE, PAYOUT = 3, 9_900, 500, 9_108
FIRST, LATER, STRANGERS, CANCELS = 60, 40, 20, 80
"""So many submissions race at first, then so many more, some by others, with so many cancellations: 200 of a code."""
VERIFIED = timedelta(seconds=181)
ACCEPTED = "accepted"
DUPLICATES = {"CODE_IN_REDEMPTION", "CODE_USED", "CODE_REJECTED", "TOO_MANY_CODES"}
LATE = {"REDEMPTION_STATE", "VERIFICATION_STARTED"}
_JOURNALS = """
select order_id, op, count(*) count from journals where order_id like 'rdm_%' group by order_id, op
"""


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    """Every service twice, under the manual clock."""
    folder = Path(tempfile.mkdtemp(prefix="settle-races-"))
    try:
        with LocalStack(folder, clock="manual", processes=2, durable=False) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def both(stack: LocalStack) -> AsyncIterator[tuple[Engine, Engine]]:
    """The engine by its first processes, and by its second ones; afterwards the books are audited."""
    first = {name: stack.seats[name].target for name in SERVICES}
    second = {name: stack.seats[f"{name}-2"].target for name in SERVICES}
    tokens = Tokens.of(stack.endpoints)
    engines = Engine(first, sandboxes_of(stack.endpoints), tokens), Engine({**first, **second}, tokens=tokens)
    await engines[0].provider.find(EVERY_CARD, FACE)
    yield engines
    for engine in engines:
        await engine.close()
    report = await auditor.audit(dsns_of(stack.endpoints), strict=True, acquirer=acquirer_of(stack.endpoints))
    assert report.clean, telling.as_text(report)


class Race:
    """One code, what both processes are asked about it, and a stranger who gave no wrong code of another race."""

    def __init__(self, both: tuple[Engine, Engine], code: str) -> None:
        self.both, self.code, self.customer, self.stranger = both, code, Customer.new(), Customer.new()

    async def drafts(self, count: int, customer_id: str = "") -> list[bytes]:
        """So many drafts of the code."""
        return list(await asyncio.gather(*(
            self._draft(customer_id or self.customer.customer_id, number) for number in range(count)
        )))

    async def _draft(self, customer_id: str, number: int) -> bytes:
        request = pb.PrepareRedemptionRequest(
            request_id=fresh(), customer_id=customer_id, code=self.code, issuer=ISSUER, channel="SUHUISHOU",
            verification_code=VERIFICATION_CODE, declared=money(FACE),
            account_id=self.customer.account_id if customer_id == self.customer.customer_id else "",
            method=channel_pb2.PAYOUT_METHOD_JD_BALANCE,
        )
        return bytes((await call(self.both[number % 2].redemptions.PrepareRedemption, request)).token)

    def confirmed(self, tokens: list[bytes]) -> list[Awaitable[str]]:
        """All of these submitted, through both."""
        return [
            _answered(self.both[number % 2].redemptions.ConfirmRedemption, pb.ConfirmRedemptionRequest(
                request_id=fresh(), token=token, wait_timeout=WAIT
            )) for number, token in enumerate(tokens)
        ]

    def cancelled(self, redemption_id: str) -> list[Awaitable[str]]:
        """Cancellations of one redemption, each a request of its own, through both."""
        return [
            _answered(self.both[number % 2].redemptions.RequestCancel, pb.RequestCancelRequest(
                request_id=fresh(), redemption_id=redemption_id, customer_id=self.customer.customer_id,
                wait_timeout=WAIT,
            )) for number in range(CANCELS)
        ]


async def _answered(method: object, request: object) -> str:
    try:
        await call(method, request)
    except Rejected as rejected:
        return rejected.reason
    return ACCEPTED


async def test_one_code_has_one_outcome(stack: LocalStack, both: tuple[Engine, Engine]) -> None:
    """Whoever wins: the card is paid for once or given back for one fee; nobody is told two things."""
    for number in range(CODES):
        await _race(stack, both, Race(both, f"RACE{uuid4().hex[:12]}".upper()), BEGIN + number * timedelta(hours=1))

    cards, credit = [await asyncpg.connect(dsns_of(stack.endpoints)[name]) for name in SERVICES[:0:-1]]
    states = {row["id"]: row["state"] for row in await cards.fetch("select id, state from redemption_orders")}
    completed = [row["count"] for row in await cards.fetch(
        "select count(*) from redemption_orders where state = 'COMPLETED' group by card_id"
    )]
    posted: dict[str, Counter[str]] = {}
    for connection in (cards, credit):
        for row in await connection.fetch(_JOURNALS):
            posted.setdefault(row["order_id"], Counter())[row["op"]] += row["count"]
        await connection.close()

    expected = {
        "COMPLETED": {"settle": 1, "payout": 1}, "CANCELLED": {"cancel_fee": 1}, "FAILED_RETRYABLE": {},
    }
    assert {key: dict(posted.get(key, {})) for key in states} == {key: expected[state] for key, state in states.items()}
    assert set(completed) <= {1}


async def _race(stack: LocalStack, both: tuple[Engine, Engine], race: Race, now: datetime) -> None:
    await both[0].set_clock(now)
    await Desk(both[0], race.customer).open_account(0, FEE, 0)
    drafts = await race.drafts(FIRST + LATER)
    strange = await race.drafts(STRANGERS, race.stranger.customer_id)
    await both[0].set_clock(now + timedelta(seconds=3))

    first = Counter(await asyncio.gather(*race.confirmed(drafts[:FIRST])))
    assert first == {ACCEPTED: 1, "CODE_IN_REDEMPTION": FIRST - 1}
    listed = pb.ListRedemptionsRequest(customer_id=race.customer.customer_id)
    (order,) = (await call(both[1].redemptions.ListRedemptions, listed)).redemptions
    cancels, later, strangers, _ = await asyncio.gather(
        asyncio.gather(*race.cancelled(order.redemption_id)), asyncio.gather(*race.confirmed(drafts[FIRST:])),
        asyncio.gather(*race.confirmed(strange)), both[1].set_clock(now + timedelta(seconds=3) + VERIFIED),
    )
    await _rest(both)
    await both[0].set_clock(now + 3 * VERIFIED)
    await _rest(both)

    told = (await call(both[0].redemptions.ListRedemptions, listed)).redemptions
    taken_back = sum(each.redemption_id == order.redemption_id and each.cancel_fee.minor_units == FEE for each in told)
    again = (*later, *strangers).count(ACCEPTED)
    assert Counter(cancels)[ACCEPTED] == taken_back
    assert set(cancels) <= {ACCEPTED, *LATE}
    assert again <= taken_back
    assert set(later) <= {ACCEPTED, *DUPLICATES}
    his_own = {"CODE_IN_REDEMPTION"} if ACCEPTED in strangers else set()  # he was the first once it was given back
    assert set(strangers) <= {ACCEPTED, "CODE_REJECTED", "TOO_MANY_CODES", *his_own}
    account = await Desk(both[0], race.customer).account()
    paid = sum(each.payout.minor_units for each in told if each.settle_time.seconds)
    assert account.wallet.minor_units == FEE - FEE * taken_back + paid


async def _rest(both: tuple[Engine, Engine]) -> None:
    for engine in both:
        await engine.rest()
