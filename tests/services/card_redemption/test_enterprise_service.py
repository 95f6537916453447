"""The methods of EnterpriseService over a real database: what comes back is what was saved, and whose it is."""

from typing import Any

import pytest

from services.card_redemption.domain.enterprise.agreement import AgreedTerms
from services.card_redemption.domain.enterprise.commands import DrawAgreement
from services.card_redemption.rpc.enterprise_service import EnterpriseServicer
from services.card_redemption.store import TABLES
from services.kernel.decision import Known
from services.kernel.effects import ToLoad
from services.kernel.errors import InvalidArgument, NotFound, PermissionDenied
from services.kernel.messages import Message
from services.runtime.ground.tables import load
from settlement.card_redemption.v1 import enterprise_pb2
from settlement.card_redemption.v1 import enterprise_service_pb2 as pb
from settlement.common.v1.money_pb2 import Money
from tests.services.card_redemption.ledger import CardLedger
from tests.services.card_redemption.test_enterprise import TERMS
from tests.services.card_redemption.world import NOW

RDM = "rdm_" + "0" * 32


def service(cards: CardLedger) -> EnterpriseServicer:
    """The methods, over the ledger."""
    edge: Any = cards
    return EnterpriseServicer(edge)


def terms(**fields: Any) -> enterprise_pb2.AgreementTerms:
    """Terms as an operator writes them."""
    known: dict[str, Any] = {
        "signed_date": "2026-03-06", "document": "agreement-7", "qualification": "licence-9",
        "annual_purchase": Money(minor_units=50_000_001, currency_code="CNY"),
    }
    return enterprise_pb2.AgreementTerms(**known | fields)


async def propose(cards: CardLedger, **fields: Any) -> enterprise_pb2.Agreement:
    """Propose an agreement of cus_1."""
    request = pb.ProposeAgreementRequest(
        request_id=cards.request_id(), agreement_id="agr_1", customer_id="cus_1", operator_id="ann",
        terms=terms(**fields),
    )
    return (await service(cards).ProposeAgreement(request, cards.context)).agreement


async def approve(cards: CardLedger, operator: str = "bob") -> enterprise_pb2.Agreement:
    """Approve what was proposed first."""
    request = pb.ApproveAgreementRequest(
        request_id=cards.request_id(), agreement_id="agr_1", proposal=1, operator_id=operator
    )
    return (await service(cards).ApproveAgreement(request, cards.context)).agreement


async def test_an_agreement_comes_back_as_it_was_saved(cards: CardLedger) -> None:
    """What was left out is an hour, and 500,000.00; decisions read what is in force, without a lock."""
    proposed = await propose(cards)
    with pytest.raises(PermissionDenied, match="FOUR_EYES"):
        await approve(cards, "ann")
    approved = await approve(cards)

    assert proposed.proposal.number == 1
    assert not proposed.HasField("terms")
    assert (approved.number, approved.proposed_by, approved.approved_by) == (1, "ann", "bob")
    assert (approved.terms.edit_cutoff_seconds, approved.terms.alert_above.minor_units) == (3_600, 50_000_000)
    known = Known()
    await load(cards.connection, TABLES, ToLoad(rows={AgreedTerms: {"agr_1"}}), known)
    assert known.find(AgreedTerms, "agr_1") == AgreedTerms("agr_1", "cus_1", 1, TERMS)
    request = pb.GetAgreementRequest(agreement_id="agr_1", customer_id="cus_1", min_version=2)
    assert (await service(cards).GetAgreement(request, cards.context)).agreement == approved
    listed = await service(cards).ListAgreements(pb.ListAgreementsRequest(customer_id="cus_1"), cards.context)
    assert list(listed.agreements) == [approved]


@pytest.mark.parametrize(("fields", "reason"), [
    ({"signed_date": "06.03.2026"}, "INVALID_ARGUMENT"), ({"until_date": "20260306"}, "INVALID_ARGUMENT"),
    ({"edit_cutoff_seconds": 3_599}, "VALUE_OUT_OF_BOUNDS"), ({"edit_cutoff_seconds": -1}, "VALUE_OUT_OF_BOUNDS"),
    ({"edit_cutoff_seconds": 2**62}, "VALUE_OUT_OF_BOUNDS"), ({"document": " x"}, "VALUE_OUT_OF_BOUNDS"),
    ({"qualification": "аудит"}, "VALUE_OUT_OF_BOUNDS"),
])
async def test_terms_that_cannot_be_meant_are_refused_and_on_record(
    cards: CardLedger, fields: dict[str, Any], reason: str
) -> None:
    """Dates, cut-offs and papers (RD-31)."""
    with pytest.raises(InvalidArgument, match=reason):
        await propose(cards, **fields)

    assert await cards.connection.fetchval("select reason from attempts where kind = 'PROPOSE_AGREEMENT'") == reason


async def test_a_batch_says_what_became_of_each(cards: CardLedger) -> None:
    """Nobody's redemption is none of this agreement; another's batch is not shown."""
    await propose(cards)
    await approve(cards)
    request = pb.RevokeBatchRequest(
        request_id=cards.request_id(), agreement_id="agr_1", customer_id="cus_1", redemption_ids=[RDM]
    )
    batch = (await service(cards).RevokeBatch(request, cards.context)).batch

    assert [item.result for item in batch.items] == [enterprise_pb2.REVOCATION_RESULT_DENY_NOT_FOUND]
    read = pb.GetRevocationBatchRequest(agreement_id="agr_1", batch_id=batch.batch_id, customer_id="cus_1")
    assert (await service(cards).GetRevocationBatch(read, cards.context)).batch == batch
    read.customer_id = "cus_2"
    with pytest.raises(NotFound, match="AGREEMENT_NOT_FOUND"):
        await service(cards).GetRevocationBatch(read, cards.context)
    read.customer_id, read.batch_id = "cus_1", "bat_" + "0" * 32
    with pytest.raises(NotFound, match="BATCH_NOT_FOUND"):
        await service(cards).GetRevocationBatch(read, cards.context)
    with pytest.raises(NotFound, match="AGREEMENT_NOT_FOUND"):
        await service(cards).GetAgreement(pb.GetAgreementRequest(agreement_id="agr_2"), cards.context)


async def test_what_is_redeemed_is_told_with_its_alert(cards: CardLedger) -> None:
    """Both leave as events of the agreement."""
    await propose(cards, alert_above=Money(minor_units=7, currency_code="CNY"))
    await approve(cards)
    await cards.run(Message("m1", "agr_1", DrawAgreement("agr_1", RDM, 8, NOW), "m1", caller="card_redemption/crd_1"))

    told = await cards.connection.fetch("select type from events where aggregate_id = 'agr_1' order by sequence")
    assert [row["type"].rpartition(".")[2] for row in told] == [
        "AgreementProposed", "AgreementApproved", "AgreementDrawn", "RedeemedAmountAlert",
    ]
