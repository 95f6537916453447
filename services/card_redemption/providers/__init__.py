"""Who says what cards are worth: one provider for each issuer, asked only after a decision was committed."""

import asyncpg

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.providers.asking import OTHERS, Codes, Perform, performing
from services.card_redemption.providers.own import FindCard, OwnCards
from services.card_redemption.providers.provider import VerificationProvider
from services.card_redemption.providers.remote import RemoteProvider
from services.card_redemption.store.reads import find_card
from services.runtime.ground.settings import Settings
from services.runtime.ground.tls import Certificates

CONNECT_SECONDS = 10.0


def perform(settings: Settings, codes: Codes) -> Perform:
    """What a process does with the questions of redemptions. SETTLE_VERIFIER_TARGET names who is asked about the cards
    of all other issuers; locally it is the sandbox, which may be told what to say of ours too."""
    target = settings.option("verifier_target")
    remote = RemoteProvider(target, certificates=Certificates.of(settings)) if target else None
    local = settings.profile == "local"
    providers: dict[str, VerificationProvider] = {"": OwnCards(_finding(settings.dsn), remote if local else None)}
    if remote is not None:
        providers[OTHERS] = remote
    return performing(providers, codes)


def _finding(dsn: str) -> FindCard:
    """Reads a card on a connection of its own each time: verifications are few."""

    async def find(card_id: str) -> GiftCard | None:
        connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS)
        try:
            return await find_card(connection, card_id)
        finally:
            await connection.close()

    return find
