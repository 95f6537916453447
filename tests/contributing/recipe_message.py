"""A message: a gift card is handed over to another customer, by a saga's command."""

from tests.contributing.scratch import Scratch

SERVICE = "services/card_redemption"
TEST = "tests/services/card_redemption/test_handing_over.py"

DECISION = '''\
"""Giving a card to another customer."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.decisions.rows import card_of
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.commands import HandOverCard
from services.kernel.decision import Decision, Known, Wanted
from services.kernel.messages import Message


def wants(body: HandOverCard, message: Message) -> Wanted:
    """The card alone."""
    return ((GiftCard, message.key),)


def hand_over(known: Known, body: HandOverCard, message: Message, now: datetime) -> Decision:
    """The card is the other's from now on; what orders took of it stays with them."""
    card = card_of(known, body.card_id)
    return Decision(changes=(replace(card, customer_id=body.customer_id, version=card.version + 1),))
'''

TESTED = '''\
"""A card is handed over, from the bytes of the command to the row."""

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.wire import CODEC
from settlement.card_redemption.v1 import commands_pb2
from tests.services.card_redemption.world import World


def test_a_card_changes_hands() -> None:
    """The version steps, the value stays."""
    world = World()
    sent = commands_pb2.HandOverCard(card_id="crd_1", customer_id="cus_2")
    body = CODEC.decode(sent.DESCRIPTOR.full_name, sent.SerializeToString())

    world.command("crd_1", body)

    card = world.row(GiftCard, "crd_1")
    assert (card.customer_id, card.version, card.balance_minor) == ("cus_2", 2, 10_000)
'''

def follow(copy: Scratch) -> str:
    """Add it; answers its test."""
    copy.insert("protos/settlement/card_redemption/v1/commands.proto", "// Give up this much of what", '''\
// Give a card to another customer. No answer.
message HandOverCard {
  // The card.
  string card_id = 1;
  // Who gets it.
  string customer_id = 2;
}

''')
    copy.insert(f"{SERVICE}/domain/commands.py", "@dataclass(frozen=True, slots=True)\nclass IssueCard", '''\
@dataclass(frozen=True, slots=True)
class HandOverCard:
    """Give a card to another customer."""

    card_id: str
    customer_id: str


''')
    copy.insert(f"{SERVICE}/wire/commands.py", "def clear_merchant_share", '''\
def hand_over_card(m: pb.HandOverCard) -> commands.HandOverCard:
    """Give a card to another customer."""
    return commands.HandOverCard(m.card_id, m.customer_id)


''')
    copy.insert(f"{SERVICE}/wire/codec.py", "    Entry(commands.ClearMerchantShare,", '''\
    Entry(commands.HandOverCard, commands_pb2.HandOverCard, from_wire=read.hand_over_card),
''')
    copy.write(f"{SERVICE}/decisions/handing_over.py", DECISION)
    copy.insert(f"{SERVICE}/decisions/rules.py", "    issuing,\n", "    handing_over,\n")
    copy.insert(f"{SERVICE}/decisions/rules.py", "    IssueCard,\n", "    HandOverCard,\n")
    copy.insert(f"{SERVICE}/decisions/rules.py", "    rule(ClearMerchantShare,", '''\
    rule(HandOverCard, handing_over.wants, handing_over.hand_over),
''')
    copy.write(TEST, TESTED)
    copy.generate()
    return TEST
