"""Rotation of keys: all codes get under the newest key, some at a time, while everything else goes on."""

from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel
from services.card_redemption.store.attempts import keep_attempts
from services.card_redemption.store.codes import list_codes_under, save_rewrapped
from services.card_redemption.vault import Vault
from services.runtime.ground.writing import write
from services.runtime.rpc.edge import Edge
from services.runtime.stored import acts
from services.runtime.stored.acts import Act
from settlement.card_redemption.v1 import card_service_pb2 as pb

CODES_AT_ONCE_MAX = 500
ACT = "ROTATE_KEYS"


async def rotate(edge: Edge, vault: Vault, request: pb.RotateKeysRequest) -> pb.RotateKeysResponse:
    """Wrap the keys of all codes that are under an older key anew; a second time there is nothing left to do."""
    count, after = 0, ""
    while True:
        async with edge.read() as connection, connection.transaction():
            codes = await list_codes_under(connection, vault.newest, after, CODES_AT_ONCE_MAX)
            if not codes:
                break
            await save_rewrapped(connection, [vault.rewrapped(code) for code in codes])
        count, after = count + len(codes), codes[-1].blind_index
    await _kept(edge, request, vault.newest)
    return pb.RotateKeysResponse(rewrapped=count, key_version=vault.newest)


async def _kept(edge: Edge, request: pb.RotateKeysRequest, version: int) -> None:
    """Who did it and why."""
    act = Act(request.request_id, ACT, f"key version {version}", request.operator_id, request.reason)
    attempt = Attempt(
        kind=ACT, actor=request.operator_id, channel=EntryChannel.SUPPORT, outcome=AttemptOutcome.DONE,
        request_id=request.request_id,
    )
    async with edge.read() as connection, connection.transaction():
        now = await edge.clock.now(connection)
        if await acts.save(connection, act, now, edge.settings.chain_key):
            await write(connection, keep_attempts([attempt], now))
