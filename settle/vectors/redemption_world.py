"""One redemption case's own world: its customer, account, channel and card, and what they are called on the wire."""

import string
from collections.abc import Mapping
from random import Random
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from google.protobuf.timestamp_pb2 import Timestamp

from settle.client.calls import call
from settle.client.engine import Engine
from settle.client.requests import WAIT, money
from settle.vectors.scenario import Json
from settlement.card_redemption.v1 import card_service_pb2, channel_pb2, channel_service_pb2, redemption_pb2
from settlement.card_redemption.v1 import redemption_service_pb2 as pb
from settlement.credit_ledger.v1 import credit_service_pb2

OPERATOR, SECOND = "operator-a", "operator-b"
ISSUER = "OTHER"
RECORDING = "SCREEN_RECORDING:vectors"
FIRST_FACE_MINOR = 1
"""A card that is redeemed for nothing: after it the cap of the first redemption is lifted, and no account has moved."""


class RedemptionWorld:
    """Makes what a case presupposes by public calls, and asks for redemptions in its channel."""

    def __init__(self, engine: Engine, policies: Json) -> None:
        self.engine = engine
        self.policies = policies
        self._token = uuid4().hex[:16]
        self._random = Random(self._token)
        self.customer_id, self.account_id = f"customer-{self._token}", f"acc_v{self._token}"
        self._cards = 0

    def request_id(self, *parts: object) -> str:
        """The id that these parts always give."""
        return str(uuid5(NAMESPACE_URL, "/".join((self._token, *map(str, parts)))))

    def channel_name(self, name: str) -> str:
        """The case's own channel: two cases may want other terms of the same one at a time."""
        return f"{name}_{self._token.upper()}"

    async def open_account(self, wallet_minor: int) -> int:
        """The customer's account with this much in its wallet; answers its version."""
        opening = credit_service_pb2.OpenAccountRequest(
            request_id=self.request_id("open"), account_id=self.account_id, customer_id=self.customer_id,
            limit=money(100), bill_day=5, due_day=15,
        )
        await call(self.engine.credit.OpenAccount, opening)
        if wallet_minor:
            funding = credit_service_pb2.FundWalletRequest(
                request_id=self.request_id("fund"), account_id=self.account_id, amount=money(wallet_minor)
            )
            await call(self.engine.credit.FundWallet, funding)
        asked = credit_service_pb2.GetCreditAccountRequest(account_id=self.account_id)
        version: int = (await call(self.engine.credit.GetCreditAccount, asked)).account.version
        return version

    async def publish(self, name: str, rate_ppm: int, commission_ppm: int = 0) -> None:
        """Put the case's channel in force, led by hand: proposed by one operator, approved by another."""
        document = _document(self.channel_name(name), name, self.policies, rate_ppm, commission_ppm)
        proposal = channel_service_pb2.ProposeChannelPolicyRequest(
            request_id=self.request_id("propose", name), document=document.encode(), operator_id=OPERATOR
        )
        channel = (await call(self.engine.channels.ProposeChannelPolicy, proposal)).channel
        approval = channel_service_pb2.ApproveChannelPolicyRequest(
            request_id=self.request_id("approve", name), channel=channel.channel,
            proposal=channel.proposal.number, operator_id=SECOND,
        )
        await call(self.engine.channels.ApproveChannelPolicy, approval)

    async def lift_first_cap(self) -> None:
        """Have one redemption completed, so that the next may be of any face (RD-23)."""
        await self.publish("FIRST", rate_ppm=1)
        code = await self.issue_card(FIRST_FACE_MINOR)
        order = await self.submit("FIRST", code, FIRST_FACE_MINOR)
        await self.verified(order, FIRST_FACE_MINOR)
        await self.advance(order.redemption_id, "settle")
        await self.advance(order.redemption_id, "complete")

    async def issue_card(self, face_minor: int) -> str:
        """A card of ours with this value; answers its code."""
        self._cards += 1
        code = self.new_code()
        request = card_service_pb2.IssueCardRequest(
            request_id=self.request_id("issue", self._cards), customer_id=self.customer_id, face=money(face_minor),
            code=code,
        )
        await call(self.engine.cards.IssueCard, request)
        return code

    def new_code(self) -> str:
        """A code that nobody had before."""
        return "".join(self._random.choices(string.ascii_uppercase + string.digits, k=16))

    async def submit(
        self, name: str, code: str, declared_minor: int, *, issuer: str = "", to: str = "WALLET",
        deadline: Timestamp | None = None, schedule: Timestamp | None = None, agreement_id: str = "",
    ) -> redemption_pb2.Redemption:
        """A redemption in the case's channel, accepted now."""
        self._cards += 1
        request = pb.PrepareRedemptionRequest(
            request_id=self.request_id("prepare", self._cards), customer_id=self.customer_id, code=code,
            issuer=issuer, verification_code="123456" if issuer else "", declared=money(declared_minor),
            channel=self.channel_name(name), method=_METHODS[to], instrument="" if to == "WALLET" else "bank-1",
            account_id=self.account_id, condition_deadline=deadline, schedule_time=schedule, agreement_id=agreement_id,
        )
        token = (await call(self.engine.redemptions.PrepareRedemption, request)).token
        confirmed = pb.ConfirmRedemptionRequest(
            request_id=self.request_id("confirm", self._cards), token=token, wait_timeout=WAIT
        )
        answer = await call(self.engine.redemptions.ConfirmRedemption, confirmed)
        return answer.redemption  # type: ignore[no-any-return]  # a generated message

    async def verified(self, order: redemption_pb2.Redemption, face_minor: int) -> redemption_pb2.Redemption:
        """Let the verification begin, and the provider find this face."""
        await self.engine.provider.find(order.card_id, face_minor)
        await self.advance(order.redemption_id, f"verify-{order.version}")
        return await self.once(order.redemption_id, redemption_pb2.REDEMPTION_STATE_VERIFIED)

    async def begun(self, order: redemption_pb2.Redemption) -> None:
        """Let the verification begin, and the provider hold its report."""
        await self.engine.provider.hold(order.card_id)
        await self.advance(order.redemption_id, "verify")

    async def advance(self, redemption_id: str, step: str, to: str = "") -> redemption_pb2.Redemption:
        """Let it take its next step; a payout goes where the case says."""
        request = pb.AdvanceRedemptionRequest(
            request_id=self.request_id("advance", redemption_id, step), redemption_id=redemption_id,
            operator_id=OPERATOR, wait_timeout=WAIT, method=_METHODS.get(to, 0), instrument=_INSTRUMENTS.get(to, ""),
        )
        answer: redemption_pb2.Redemption = (await call(self.engine.redemptions.AdvanceRedemption, request)).redemption
        return answer

    async def now(self, redemption_id: str) -> redemption_pb2.Redemption:
        """The redemption as it is."""
        request = pb.GetRedemptionRequest(redemption_id=redemption_id)
        answer: redemption_pb2.Redemption = (await call(self.engine.redemptions.GetRedemption, request)).redemption
        return answer

    async def once(self, redemption_id: str, state: int) -> redemption_pb2.Redemption:
        """The redemption once nothing is under way, which is to be in this state."""
        await self.engine.rest()
        found = await self.now(redemption_id)
        if found.state != state:
            raise Unexpected(f"{redemption_id} is {redemption_pb2.RedemptionState.Name(found.state)} {found.reason}")
        return found


class Unexpected(ValueError):
    """The engine did something else than a case presupposes."""


_METHODS: dict[str, Any] = {  # Any: numbers of a generated enum
    "WALLET": channel_pb2.PAYOUT_METHOD_JD_BALANCE, "BANK": channel_pb2.PAYOUT_METHOD_BANK_CARD,
}
_INSTRUMENTS = {"BANK": "bank-1"}


_SPECIAL: Mapping[str, list[str]] = {
    "SELF": ["asked_by: SUPPORT"], "ESCROW": ["settlement: ON_CONDITION"],
    "ENTERPRISE": ["settlement: SCHEDULED", "demands: [AGREEMENT]"],
    "MOU": ["window_seconds: 86400", "asked_by: ENTERPRISE", "demands: [AGREEMENT]"],
}
"""What the page says of a channel in words, or has no channel for."""


def _document(channel: str, name: str, policies: Json, rate_ppm: int, commission_ppm: int) -> str:
    """The terms of a channel as operators write them."""
    said = policies["channels"].get(name, {"kind": "SELF", "window_s": None})
    fee = said.get("fee", {"type": "NONE"})
    lines = [f"name: {name}", f"kind: {said['kind']}", f"rate_ppm: {rate_ppm}", "by_hand: true"]
    lines += [f"commission_ppm: {commission_ppm}"] if commission_ppm else []
    if said.get("window_s") is not None:
        lines += [f"window_seconds: {said['window_s']}"]
    lines += ["only_unverified: true"] if said.get("needs_unverified") else []
    lines += ["review_within_seconds: 86400"] if said.get("manual_review") else []
    lines += _SPECIAL.get(name, [])
    lines += [f"fee: {{flat_minor: {fee['fen']}}}"] if fee["type"] == "FLAT" else []
    lines += [f"fee: {{share_ppm: {fee['ppm']}}}"] if fee["type"] == "PCT_FACE" else []
    if name == "COOLING":
        lines += [f"limits: {{cancelled_daily_minor: {policies['cooling_daily_cap_fen']}}}"]
    return f"channels:\n  {channel}:\n" + "".join(f"    {line}\n" for line in lines)
