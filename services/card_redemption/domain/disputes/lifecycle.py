"""The life of a case as a table (DOMAIN 2.10): its states, what moves it between them, and what wakes it."""

from collections.abc import Iterator
from datetime import timedelta

from services.card_redemption.domain.disputes.case import HANDLED, Dispute, DisputeState, Remedy, Route, Verdict
from services.card_redemption.domain.disputes.kinds import SPLITTABLE
from services.card_redemption.domain.disputes.timers import AGAIN_SECONDS_MAX, EXECUTE, SLA, next_alarm
from services.kernel.lifecycle import Flaw, Lifecycle, Wait, unless

_S = DisputeState
_GRANTED = (_S.DECIDED, _S.EXECUTED)
_ONCE_DECIDED = (*_GRANTED, _S.REJECTED, _S.ESCALATED_12315)


def _waits(dispute: Dispute) -> Iterator[Wait]:
    alarm_at = next_alarm(dispute)
    if alarm_at is not None:
        yield Wait(SLA, dispute.id, dispute.card_id, alarm_at, earliest=alarm_at)
    elif dispute.state is _S.DECIDED:
        yield Wait(EXECUTE, dispute.id, dispute.card_id, again=timedelta(seconds=2 * AGAIN_SECONDS_MAX))


def _flaws(dispute: Dispute) -> Iterator[Flaw]:
    state, granted = dispute.state, dispute.state in _GRANTED
    yield from unless(granted is (dispute.verdict in (Verdict.UPHELD, Verdict.PARTIAL)), "verdict",
                      f"granted where it is, {state}", dispute.verdict)
    rejected = state in (_S.REJECTED, _S.ESCALATED_12315)
    yield from unless(not rejected or dispute.verdict is Verdict.REJECTED, "verdict", f"REJECTED, {state}",
                      dispute.verdict)
    yield from unless(not dispute.deciders or state in _ONCE_DECIDED, "deciders", f"none while {state}",
                      dispute.deciders)
    yield from unless(state not in _ONCE_DECIDED or bool(dispute.deciders), "deciders", f"one, {state}", "none")
    yield from unless(state not in HANDLED or bool(dispute.handler), "handler", f"somebody, {state}", "nobody")
    yield from unless(state is not _S.ESCALATED_12315 or bool(dispute.complaint), "complaint", "a number", "none")
    waits = dispute.waits_for_exception and state in HANDLED
    yield from unless(not waits, "let_in_by", "a supervisor: it is an exception", "nobody")
    let_in = not dispute.let_in_by or dispute.route is Route.EXCEPTIONAL
    yield from unless(let_in, "let_in_by", f"nobody: it came in {dispute.route}", dispute.let_in_by)
    partial = dispute.verdict is not Verdict.PARTIAL or dispute.type in SPLITTABLE
    yield from unless(partial, "verdict", f"no part of {dispute.type}", dispute.verdict)
    undone = granted or dispute.remedy in (Remedy.NONE, Remedy.RELEASE)
    yield from unless(undone, "remedy", f"none while {state}", dispute.remedy)


DISPUTE = Lifecycle(
    "dispute", Dispute, DisputeState, lambda dispute: dispute.state,
    moves={
        (None, _S.OPEN): "opened, by its customer, an operator or the engine",
        (_S.OPEN, _S.TRIAGED): "somebody handles it", (_S.OPEN, _S.REJECTED): "no exception is made of it",
        (_S.TRIAGED, _S.EVIDENCE): "a paper comes in",
        **{(state, _S.DECIDED): "granted, to be done" for state in sorted(HANDLED)},
        **{(state, _S.EXECUTED): "granted, and done at once" for state in sorted(HANDLED)},
        **{(state, _S.REJECTED): "rejected by a supervisor" for state in sorted(HANDLED)},
        (_S.DECIDED, _S.EXECUTED): "done",
        (_S.REJECTED, _S.ESCALATED_12315): "the customer complains at 12315",
    },
    woken={
        **{state: {SLA: "1 us after its target, then after its last day"} for state in (_S.OPEN, *sorted(HANDLED))},
        _S.DECIDED: {EXECUTE: "at once, then a minute to a day after it could not be done"},
    },
    waits=_waits, flaws=_flaws,
)
