"""Codes are opened from their envelopes just before they are sent, and shown to nobody on the way."""

from dataclasses import replace
from datetime import UTC, datetime

from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Kind
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.states import RedemptionState
from services.card_redemption.providers.codes import SealedCodes
from services.card_redemption.store.redemptions import save_redemptions
from services.card_redemption.vault import Vault
from services.kernel.secret import Secret
from services.runtime.ground.postgres import open_pool
from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import write
from tests.services.card_redemption.ledger import CardLedger
from tests.services.card_redemption.test_codes import CODE, issue
from tests.services.reading import reading

AT = datetime(2026, 3, 6, 2, tzinfo=UTC)
ORDER = RedemptionOrder(
    id="rdm_1", card_id="crd_1", customer_id="cus_1", account_id="acc_1",
    terms=ChannelPolicy("TRIAL", Kind.THIRD_PARTY, 940_000), declared_minor=10_000, face_minor=10_000,
    entry=EntryChannel.APP, method=PayoutMethod.BANK_CARD, instrument="bank-1", state=RedemptionState.VERIFYING,
    accepted_at=AT, updated_at=AT,
)


async def test_both_codes_are_opened_for_their_order(cards: CardLedger) -> None:
    """The 16 characters of the card, and the 6 digits that came with the submission; neither shows itself."""
    vault = Vault.of(cards.settings)
    await issue(cards, code=CODE)
    sealed = replace(ORDER, verification_code=vault.sealed(Secret("424242"), "rdm_1"))
    await write(cards.connection, *save_redemptions([sealed], {}))

    codes = await SealedCodes(vault, reading(cards.settings.dsn)).codes_of("crd_1", "rdm_1")

    assert [code.reveal() for code in codes] == [CODE, "424242"]
    assert CODE not in repr(codes)


async def test_digits_that_were_erased_are_none(cards: CardLedger) -> None:
    """After the verification nobody has them any more (RD-1)."""
    await issue(cards, code=CODE)
    await write(cards.connection, *save_redemptions([ORDER], {}))

    code, digits = await SealedCodes(Vault.of(cards.settings), reading(cards.settings.dsn)).codes_of("crd_1", "rdm_1")

    assert (code.reveal(), digits.reveal()) == (CODE, "")


async def test_one_connection_serves_all_verifications(cards: CardLedger) -> None:
    """Each opened one of its own, with a process of PostgreSQL behind it: of the service's CPU four tenths."""
    await issue(cards, code=CODE)
    await write(cards.connection, *save_redemptions([ORDER], {}))
    pool = await open_pool(cards.settings)
    served: set[int] = set()

    class Noting(Vault):
        async def code_of(self, connection: Connection, card_id: str) -> Secret:
            served.add(await connection.fetchval("select pg_backend_pid()"))
            return await super().code_of(connection, card_id)

    codes = SealedCodes(Noting.of(cards.settings), pool.actions.acquire)
    opened = {(await codes.codes_of("crd_1", "rdm_1"))[0].reveal() for _ in range(5)}
    await pool.close()

    assert (opened, len(served)) == ({CODE}, 1)
