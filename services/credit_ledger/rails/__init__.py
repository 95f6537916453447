"""The ways money leaves the house, one file per family; each is asked only after a decision was committed."""

from collections.abc import Awaitable, Callable, Mapping

import uuid_utils

from services.credit_ledger.domain.model.commands import LegReport, ReportLeg
from services.credit_ledger.domain.model.leg import QueryLeg, Rail, SendLeg
from services.credit_ledger.domain.model.payout_switch import WakePayouts
from services.credit_ledger.domain.model.reconciliation import CompareRail
from services.credit_ledger.rails.bank_card import BankCardRail
from services.credit_ledger.rails.comparing import comparing
from services.credit_ledger.rails.rail import PaymentRail
from services.credit_ledger.rails.waking import finding
from services.kernel.messages import Message
from services.runtime.ground import metrics
from services.runtime.ground.postgres import Reading
from services.runtime.ground.settings import Settings
from services.runtime.ground.tls import Certificates

_ABSENT = (LegReport.ABSENT, "the rail never heard of it")

Perform = Callable[[object], Awaitable[Message | None]]


def perform(settings: Settings, reading: Reading) -> Perform:
    """What a process does with the actions of legs, of the daily comparison and of the switch of payouts: legs of both
    families go to the acquirer that SETTLE_ACQUIRER_TARGET names."""
    acquirer = BankCardRail(settings.target("acquirer"), certificates=Certificates.of(settings))
    pay, compare = performing({Rail.CARD: acquirer, Rail.PAYOUT: acquirer}), comparing(acquirer, reading)
    find = finding(reading)

    async def act(action: object) -> Message | None:
        if isinstance(action, CompareRail):
            return await compare(action)
        return await (find(action) if isinstance(action, WakePayouts) else pay(action))

    return act


def performing(rails: Mapping[Rail, PaymentRail]) -> Perform:
    """Send or ask, then report back to the account. A query that finds nothing sends, under the same key, unless it is
    only to ask (PM-7)."""

    async def act(action: object) -> Message | None:
        if isinstance(action, QueryLeg):
            leg = action.leg
            answer = await rails[leg.rail].query(leg.leg_id)
            if answer is None:
                answer = _ABSENT if action.only_ask else await rails[leg.rail].send(leg)
        elif isinstance(action, SendLeg):
            leg = action
            answer = await rails[leg.rail].send(leg)
        else:
            return None
        metrics.RAIL_ANSWERS.labels(leg.rail.value, answer[0].value).inc()
        report = ReportLeg(leg.account_id, leg.leg_id, *answer)
        return Message(id="", key=leg.account_id, body=report, fresh_id=uuid_utils.uuid7().hex)

    return act
