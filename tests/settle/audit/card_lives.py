"""Cards that live beside being spent: activated, shown, given away and taken back, frozen, void; all of it recorded."""

from services.card_redemption.domain.commands import (
    ActivateCard,
    ActivateTransfer,
    FreezeCard,
    IssueCard,
    RevealCode,
    TransferCard,
    UnfreezeCard,
    VoidCard,
    WithdrawTransfer,
)
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.store.sealing import seal
from services.card_redemption.vault import Vault
from services.kernel.secret import Secret
from services.runtime.ground.settings import Settings
from tests.settle.audit.house import House

APP = EntryChannel.APP
VAULT = Vault.of(Settings("card_redemption"))
GIVEN, VOIDED, THAWED = "crd_given", "crd_voided", "crd_thawed"
OWNER, RECEIVER = "cus_giver", "cus_receiver"


async def live(house: House) -> None:
    """Let it all happen, and seal the record."""
    await _given(house)
    await _frozen(house)
    await sealed(house)


async def sealed(house: House) -> None:
    """Chain what was recorded."""
    connection = house.connections["card_redemption"]
    async with connection.transaction():
        await seal(connection, b"")


async def _given(house: House) -> None:
    code = VAULT.sealed_code(Secret("GIVEN0AWAY0CARDS"), GIVEN)
    presented = (GIVEN, code.blind_index, 0)
    fresh = VAULT.new_code(GIVEN)
    offered = TransferCard(GIVEN, OWNER, RECEIVER, OWNER, APP)
    for body in (
        IssueCard(GIVEN, OWNER, 5_000, inactive=True, code=code, actor=OWNER), ActivateCard(*presented, OWNER, APP),
        RevealCode(GIVEN, OWNER, fresh, OWNER, APP), offered, WithdrawTransfer(GIVEN, OWNER, OWNER, APP), offered,
        ActivateTransfer(*presented, RECEIVER, APP), RevealCode(GIVEN, RECEIVER, fresh, RECEIVER, APP),
    ):
        await house.ask("card_redemption", GIVEN, body)


async def _frozen(house: House) -> None:
    for card_id in (VOIDED, THAWED):
        await house.ask("card_redemption", card_id, IssueCard(card_id, OWNER, 7_000, actor=OWNER))
        await house.ask("card_redemption", card_id, FreezeCard(card_id, "case_1", "op_1"))
    await house.ask("card_redemption", VOIDED, VoidCard(VOIDED, "alice", "bob"))
    await house.ask("card_redemption", THAWED, UnfreezeCard(THAWED, "case_1", "op_1"))
    await house.ask("card_redemption", THAWED, FreezeCard(THAWED, "case_2", "op_1"))
