"""Codes that are canaries, sung along every way of a redemption: providers that find, refuse, contradict themselves and
do not answer, codes submitted twice and by strangers, over HTTP too, and rows that cannot be read."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import grpc

from settle.client.engine import Engine
from settle.client.requests import WAIT, fresh, money
from settle.client.tokens import HEADER, Tokens
from settle.local.endpoints import dsns_of, gateway_of, sandboxes_of, targets_of
from settlement.card_redemption.v1 import channel_pb2
from settlement.card_redemption.v1 import redemption_service_pb2 as pb

BEGIN = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
"""The clock is only turned forward: what a service does at its start is due by the present."""
DIGITS = "739184"
"""A verification code that a redeemer gives; it is looked for where no other digit or letter stands beside it."""
CHANNEL, FACE = "DUIDUI", 9_000
"""A channel whose cards are verified at once."""
FAULTS: Mapping[str, Mapping[str, int]] = {
    "FOUND": {}, "REFUSED": {"refused_ppm": 1_000_000}, "TWOFACED": {"contradicts_ppm": 1_000_000},
    "TIMEOUTA": {"timeout_done_ppm": 1_000_000}, "TIMEOUTB": {"timeout_undone_ppm": 1_000_000},
    "SILENT": {"unavailable_ppm": 1_000_000},
}
"""How the provider behaves, by a name that its code has."""
BROKEN = "update redemption_orders set payouts = '{\"x\": 1}' where customer_id = $1"
MENDED = "update redemption_orders set payouts = '[]' where customer_id = $1"


def code_of(name: str) -> str:
    """The canary of this name: 16 signs."""
    return f"CANARY7{name:0<9}"[:16]


class Chorus:
    """Sings on a running engine under the manual clock; `said` is all that anybody answered."""

    def __init__(self, running: Mapping[str, Any]) -> None:  # Any: the values of a JSON file
        self.running, self.said = running, list[str]()
        self.tokens = Tokens.of(running)
        self.engine = Engine(targets_of(running), sandboxes_of(running), self.tokens)
        self.codes = [code_of(name) for name in (*FAULTS, "TWICE", "BROKEN", "HTTP", "HTTPX")]
        self.now = BEGIN

    async def sing(self) -> None:
        """Every way, one after the other."""
        await self.engine.set_clock(self.now)
        for name, faults in FAULTS.items():
            await self.engine.provider.fail(**faults)
            await self._submitted(code_of(name))
            await self._pass(timedelta(seconds=1))
        await self.engine.provider.fail()
        await self._pass(timedelta(minutes=10))
        await self._twice()
        await self._broken()
        await asyncio.to_thread(self._over_http)
        await self.engine.rest()
        await self.engine.close()

    async def _pass(self, time: timedelta) -> None:
        self.now += time
        await self.engine.set_clock(self.now)
        await asyncio.sleep(0)

    async def _submitted(self, code: str, customer: str = "cus_1", times: int = 1) -> None:
        """Prepared and confirmed, so many times."""
        tokens = []
        for _ in range(times):
            prepared = await self._call(self.engine.redemptions.PrepareRedemption, pb.PrepareRedemptionRequest(
                customer_id=customer, code=code, verification_code=DIGITS, declared=money(FACE), channel=CHANNEL,
                issuer="OTHER", method=channel_pb2.PAYOUT_METHOD_JD_BALANCE,
            ))
            tokens += [prepared.token] if prepared is not None else []
        await self._pass(timedelta(seconds=3))
        for token in tokens:
            await self._call(self.engine.redemptions.ConfirmRedemption, pb.ConfirmRedemptionRequest(
                token=token, wait_timeout=WAIT
            ))

    async def _twice(self) -> None:
        """By its customer and by a stranger, while it is being redeemed."""
        code = code_of("TWICE")
        await self.engine.provider.fail(timeout_undone_ppm=1_000_000)
        await self._submitted(code, times=2)
        await self._submitted(code, "cus_2")
        await self.engine.provider.fail()
        await self._pass(timedelta(minutes=2))

    async def _broken(self) -> None:
        """A row that nobody can read: what is asked of it is set aside with whatever could be said of it."""
        cards = await asyncpg.connect(dsns_of(self.running)["card_redemption"])
        await self.engine.provider.fail(unavailable_ppm=1_000_000)
        await self._submitted(code_of("BROKEN"), "cus_3")
        await cards.execute(BROKEN, "cus_3")
        listed = await cards.fetch("select id from redemption_orders where customer_id = 'cus_3'")
        for row in listed:
            await self._call(self.engine.redemptions.ReportFraud, pb.ReportFraudRequest(
                redemption_id=row["id"], reporter="police"
            ))
            await self._call(self.engine.redemptions.GetRedemption, pb.GetRedemptionRequest(redemption_id=row["id"]))
        await cards.execute(MENDED, "cus_3")
        await cards.close()
        await self.engine.provider.fail()
        await self._pass(timedelta(minutes=2))

    async def _call(self, method: Any, request: Any) -> Any:  # Any: of as many methods as there are
        if "request_id" in request.DESCRIPTOR.fields_by_name:
            request.request_id = fresh()
        try:
            answer = await method(request, timeout=20)
        except grpc.aio.AioRpcError as error:
            self.said.append(f"{error.code()} {error.details()} {error.trailing_metadata()}")
            return None
        self.said.append(str(answer))
        return answer

    def _over_http(self) -> None:
        """Well and badly formed, and refused."""
        code, bad = code_of("HTTP"), code_of("HTTPX")
        good = {
            "customerId": "cus_4", "code": code, "verificationCode": DIGITS, "channel": CHANNEL, "issuer": "OTHER",
            "declared": {"minorUnits": FACE, "currencyCode": "CNY"}, "method": "PAYOUT_METHOD_JD_BALANCE",
        }
        for body in (
            good, good | {"channel": "NOWHERE"}, good | {"code": {"value": bad}}, good | {"code": bad * 5},
            good | {"declared": {"minorUnits": -1, "currencyCode": "CNY"}}, good | {"code": f"{bad}\n"},
        ):
            self._post("/v1/redemptions:prepare", json.dumps(body))
        self._post("/v1/redemptions:prepare", json.dumps(good)[:-1] + ',"code":"' + bad)
        self._post("/v1/cards:activate", json.dumps({"customerId": "cus_4", "code": code}))
        self._post("/v1/cards:activateTransfer", json.dumps({"receiverId": "cus_4", "code": code}))

    def _post(self, path: str, body: str) -> None:
        request = urllib.request.Request(gateway_of(self.running) + path, body.encode(), {
            "Content-Type": "application/json", "Idempotency-Key": str(uuid4()),
            **({HEADER: f"Bearer {self.tokens.token('customer', subject='cus_4')}"} if self.tokens else {}),
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        })
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                self.said.append(answer.read().decode())
        except urllib.error.HTTPError as error:
            self.said.append(f"{error.code} {error.headers} {error.read().decode()}")
