"""The effects of a batch as bytes: what the inbox keeps, what the edge answers, what goes to Kafka,
in the effects' order."""

from dataclasses import dataclass, field
from datetime import datetime

from services.kernel.decision import Refused
from services.kernel.effects import Answer, Effects, SentAcknowledgement, SentCommand, SentReply
from services.runtime.ground.codec import Codec
from services.runtime.ground.records import Outgoing, reply_payload
from services.runtime.lanes.business import Business
from services.runtime.lanes.item import Item
from services.runtime.stored import inbox
from services.runtime.stored.inbox import Answered
from services.runtime.stored.journals import StoredEvent

_NOTHING = ("", b"")


@dataclass(slots=True)
class Encoded:
    """`answered` are the new rows of the inbox by id, `answers` what each waiting call gets, `outgoing` the records."""

    answered: dict[str, Answered] = field(default_factory=dict)
    answers: list[tuple[Item, Answered]] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    outgoing: list[Outgoing] = field(default_factory=list)


def encode(effects: Effects[Item], business: Business, now: datetime) -> Encoded:
    """Encode everything that a batch caused; what cannot be encoded fails the batch."""
    codec, outbound = business.codec, business.outbound
    encoded = Encoded({key: _row(codec, answer) for key, answer in effects.answered.items()})
    for sent in effects.sent:
        if isinstance(sent, SentReply):
            payload = _answered(sent.answer, effects, encoded, codec).outcome
            encoded.outgoing.append(outbound.reply(sent.to, payload, now))
        elif isinstance(sent, SentCommand):
            encoded.outgoing.append(outbound.command(sent.command, sent.root, now))
        elif isinstance(sent, SentAcknowledgement):
            encoded.outgoing.append(outbound.acknowledgement(sent.to, now))
        else:
            event = sent.event
            type_name, payload = codec.encode(event.body)
            encoded.events.append(StoredEvent(
                aggregate_id=event.aggregate_id, sequence=event.sequence, type=type_name, at=now,
                saga_id=sent.saga_id, payload=payload, cause=sent.cause,
            ))
            encoded.outgoing.append(outbound.event(event, type_name, payload, now))
    for item, answer in effects.answers:
        if item.answer is not None:
            encoded.answers.append((item, _answered(answer, effects, encoded, codec)))
    return encoded


def _answered(answer: Answer, effects: Effects[Item], encoded: Encoded, codec: Codec) -> Answered:
    """The answer as it was stored before, as this batch stores it, or (nobody's to keep) as it is."""
    if isinstance(answer.stored, Answered):
        return answer.stored
    return encoded.answered[answer.id] if effects.answered.get(answer.id) is answer else _row(codec, answer)


def _row(codec: Codec, answer: Answer) -> Answered:
    outcome = answer.outcome
    if answer.op is None:
        if isinstance(outcome, Refused):
            return inbox.refused(answer.id, outcome, answer.body_hash)
        type_name, payload = codec.encode(outcome.result if outcome else None)
        return Answered(answer.id, answer.verdict, type_name, payload, answer.body_hash)
    if isinstance(outcome, Refused):
        payload = reply_payload(answer.verdict, outcome.reason, outcome.detail, (), _NOTHING)
    else:
        assert outcome is not None
        payload = reply_payload(answer.verdict, "", "", outcome.moved, codec.encode(outcome.result))
    return Answered(answer.id, answer.verdict, "", payload)
