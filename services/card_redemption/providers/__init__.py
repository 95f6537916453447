"""Who says what cards are worth: one provider for each issuer, asked only after a decision was committed."""

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.providers.asking import OTHERS, Codes, Perform, performing
from services.card_redemption.providers.own import FindCard, OwnCards
from services.card_redemption.providers.provider import VerificationProvider
from services.card_redemption.providers.remote import RemoteProvider
from services.card_redemption.store.reads import find_card
from services.runtime.ground.postgres import Reading
from services.runtime.ground.settings import Settings
from services.runtime.ground.tls import Certificates


def perform(settings: Settings, codes: Codes, reading: Reading) -> Perform:
    """What a process does with the questions of redemptions. SETTLE_VERIFIER_TARGET names who is asked about the cards
    of all other issuers; locally it is the sandbox, which may be told what to say of ours too."""
    target = settings.option("verifier_target")
    remote = RemoteProvider(target, certificates=Certificates.of(settings)) if target else None
    local = settings.profile == "local"
    providers: dict[str, VerificationProvider] = {"": OwnCards(_finding(reading), remote if local else None)}
    if remote is not None:
        providers[OTHERS] = remote
    return performing(providers, codes)


def _finding(reading: Reading) -> FindCard:
    async def find(card_id: str) -> GiftCard | None:
        async with reading() as connection:
            return await find_card(connection, card_id)

    return find
