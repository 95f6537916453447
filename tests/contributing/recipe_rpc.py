"""An RPC: what a gift card is worth, without the card."""

from tests.contributing.scratch import Scratch

PROTO = "protos/settlement/card_redemption/v1/card_service.proto"
METHODS = "services/card_redemption/rpc/card_service.py"
ACCESS = "services/access.py"
TEST = "tests/services/card_redemption/test_card_value.py"

MESSAGES = '''\
// Request of GetCardValue.
message GetCardValueRequest {
  // The card.
  string card_id = 1 [
    (google.api.field_behavior) = REQUIRED,
    (buf.validate.field).string.pattern = "^crd_[A-Za-z0-9_-]{1,60}$"
  ];
}

// Response of GetCardValue.
message GetCardValueResponse {
  // Fen.
  int64 balance_minor = 1;
}

'''

TESTED = '''\
"""What a card is worth, asked over the service's methods."""

import pytest

from services.access import ACCESS
from services.kernel.errors import NotFound
from settlement.card_redemption.v1 import card_service_pb2 as pb
from settlement.common.v1 import money_pb2
from tests.services.card_redemption.ledger import CardLedger


async def test_the_value_of_a_card_is_read(cards: CardLedger) -> None:
    """As it was issued; of no card there is none."""
    face = money_pb2.Money(minor_units=700, currency_code="CNY")
    request = pb.IssueCardRequest(request_id=cards.request_id(), card_id="crd_1", customer_id="cus_1", face=face)
    await cards.service.IssueCard(request, cards.context)

    value = await cards.service.GetCardValue(pb.GetCardValueRequest(card_id="crd_1"), cards.context)

    assert value.balance_minor == 700
    with pytest.raises(NotFound, match="CARD_NOT_FOUND"):
        await cards.service.GetCardValue(pb.GetCardValueRequest(card_id="crd_2"), cards.context)


def test_the_value_is_its_owner_s_to_see() -> None:
    """A customer asks for their own card alone, a merchant for none."""
    row = ACCESS.rows["/settlement.card_redemption.v1.CardService/GetCardValue"]

    assert row.about is not None
    assert ("customer" in row.roles, "merchant" in row.roles) == (True, False)
'''

def follow(copy: Scratch) -> str:
    """Add it; answers its test."""
    copy.insert(PROTO, "  // List the cards of a customer.\n", '''\
  // Read what a card is worth.
  rpc GetCardValue(GetCardValueRequest) returns (GetCardValueResponse) {
    option (google.api.http) = {get: "/v1/cards/{card_id}/value"};
  }
''')
    copy.insert(PROTO, "// Request of ListCards", MESSAGES)
    copy.insert(METHODS, "    async def ListCards", '''\
    async def GetCardValue(self, request: pb.GetCardValueRequest, context: Context) -> pb.GetCardValueResponse:
        """Show what a card is worth."""
        async with self.edge.read() as connection:
            card = await store.find_card(connection, request.card_id)
        if card is None:
            raise NotFound("CARD_NOT_FOUND", f"there is no card {request.card_id}")
        return pb.GetCardValueResponse(balance_minor=card.balance_minor)

''')
    copy.insert(ACCESS, '        "ListCards": row(', '''\
        "GetCardValue": row(*READERS, CUSTOMER, about="card_id"),
''')
    copy.write(TEST, TESTED)
    copy.generate()
    return TEST
