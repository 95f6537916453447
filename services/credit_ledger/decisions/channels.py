"""What recycling channels remit: inputs of a channel, of no account (P29)."""

from datetime import datetime

from services.credit_ledger.domain.channels.remittances import received
from services.credit_ledger.domain.model.amounts import positive
from services.credit_ledger.domain.model.channel import RecyclingChannel, Remittance, remittance_id
from services.credit_ledger.domain.model.effects import RemittanceEffect
from services.credit_ledger.domain.model.redemption_events import RemittanceReceived
from services.credit_ledger.domain.model.redemptions import ReceiveRemittance
from services.kernel.decision import Decision, Done, Event, Known, Wanted, rule
from services.kernel.errors import AlreadyExists
from services.kernel.messages import Message, Op
from services.kernel.money import balance
from services.kernel.participant import saga_of


def _receive(known: Known, body: ReceiveRemittance, message: Message, now: datetime) -> Decision:
    """Book what the bank has, once under a name (REMITTANCE_EXISTS). A TRY claims nothing: nobody asks by one."""
    saga, amount = saga_of(message), positive(body.amount_minor)
    channel = known.find(RecyclingChannel, message.key) or RecyclingChannel(message.key, version=0)
    if saga.op is Op.CANCEL:
        return Decision()
    after, journals = received(channel, amount, saga.saga_id)
    named = Remittance(remittance_id(channel.id, body.reference), channel.id, after.sequence)
    taken = known.find(Remittance, named.id) is not None
    if saga.op is not Op.CONFIRM:
        if taken:
            raise AlreadyExists("REMITTANCE_EXISTS", f"{channel.id} remitted {body.reference} before")
        balance(after.received_minor, what=f"what {channel.id} has remitted")
    outcome = Done(RemittanceEffect(channel.id, amount, after.received_minor, now), (("REMITTANCE", amount),))
    if saga.op is Op.TRY:
        return Decision(outcome)
    fact = RemittanceReceived(channel.id, body.reference, amount)
    changes = (after,) if taken else (after, named)
    return Decision(outcome, changes, journals, (Event(channel.id, after.sequence, fact),))


def _wants(body: ReceiveRemittance, message: Message) -> Wanted:
    return (RecyclingChannel, message.key), (Remittance, remittance_id(message.key, body.reference))


CHANNELS = (rule(ReceiveRemittance, _wants, _receive),)
"""By the type of the body."""
