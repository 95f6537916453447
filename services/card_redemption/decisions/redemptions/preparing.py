"""The first step of a submission: what it would come to. It claims nothing, but that it was tried is kept (OP-12)."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.decisions.enterprise import must_be_agreed
from services.card_redemption.decisions.redemptions.quoted import offered_now
from services.card_redemption.decisions.standing import refuse_guessing
from services.card_redemption.decisions.terms import terms_in_force
from services.card_redemption.domain.quotes.token import must_hold
from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.redemption import submitting
from services.card_redemption.domain.redemption.commands import PrepareRedemption
from services.card_redemption.domain.redemption.drafts import Prepared, dwell, redemption_name, sign
from services.card_redemption.domain.redemption.timers import DRAFT_ENDS
from services.card_redemption.domain.redemption.ways import must_pay_by
from services.kernel.calendar import TICK
from services.kernel.decision import Decision, Done, Known, Timer
from services.kernel.messages import Message, TimerDue

PREPARED = "PREPARE_REDEMPTION"
"""What was tried, as the record has it of the call itself."""


def prepare(known: Known, body: PrepareRedemption, message: Message, now: datetime) -> Decision:
    """The terms that are in force now hold for it, or it has to be prepared again. Who guessed too often is told so
    before anything else is looked at."""
    refuse_guessing(body.wrong_before)
    submitting.must_look_right(body.draft, body.looks_right)
    terms = terms_in_force(known, body.draft.channel)
    method = body.method or terms.payouts[0]
    instrument = body.draft.instrument or (body.purchase if method is PayoutMethod.ORIGINAL else "")
    draft = replace(
        body.draft, terms_version=terms.version, method=method, instrument=instrument, prepared_at=now
    )
    submitting.must_be_offered(draft, terms, now)
    submitting.must_be_anothers(draft, body.his_of_ours)
    must_pay_by(terms, method, instrument, body.purchase)
    must_be_agreed(known, draft, terms, now)
    if body.quote is not None:
        must_hold(body.quote, offered_now(known, draft, terms, now), now)
        draft = replace(draft, quoted=body.quote.digest, quoted_until=body.quote.valid_until)
    prepared = Prepared(sign(draft, body.key), draft, terms, now + dwell(terms), draft.confirm_until)
    ends = Timer(DRAFT_ENDS, draft.nonce, message.key, draft.confirm_until + TICK)
    return Decision(Done(prepared), timers=(ends,))


def draft_over(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: nobody confirmed it in time, and that is on record (RD-3, OP-12)."""
    abandoned = Attempt(
        kind=PREPARED, actor=message.key, channel=EntryChannel.ENGINE, outcome=AttemptOutcome.ABANDONED,
        order_id=redemption_name(body.key),
    )
    return Decision(records=(abandoned,))
