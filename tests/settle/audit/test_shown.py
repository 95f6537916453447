"""What an answer shows is there: but for a switch that nobody moved, of which there is no row."""

from services.credit_ledger.domain.model.payout_switch import PAYOUTS, ResumePayouts
from settle.audit.findings import CREDIT
from tests.settle.audit.breaking import breakable
from tests.settle.audit.filled import BEGIN
from tests.settle.audit.house import house


async def test_payouts_that_nobody_paused_go_on(shared_dsn: str) -> None:
    """They go on as they did: that is answered, and nothing is written."""
    async with house(shared_dsn, "resumed", BEGIN) as world:
        await world.ask(CREDIT, PAYOUTS, ResumePayouts(PAYOUTS, "ops_1", "to be sure"))
        async with breakable(world.dsns) as opened:
            verdict = await opened.asked_all()

    assert not verdict.findings
