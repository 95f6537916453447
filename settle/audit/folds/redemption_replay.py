"""The redemptions of one card from their submissions on: every step is decided again by the domain, and what it told,
did to its card and posted is compared with what comes of it (DOMAIN 2.8, P26 to P36)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption.events import RedemptionStepped
from services.card_redemption.domain.redemption.freezing import CASE
from services.card_redemption.domain.redemption.history import Made, again
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.replaying import posted_by
from services.card_redemption.domain.redemption.states import Step
from services.card_redemption.domain.redemption.stepping import Stepped
from services.kernel.journal import Line, Unit
from services.kernel.participant import IsBusy
from settle.audit.folds.card_replay import Posted
from settle.audit.folds.differences import differences, readable
from settle.audit.folds.history import REFUSALS, Fault, refusal

_REFUSALS = (*REFUSALS, IsBusy, TypeError)
OF_REDEMPTION = "rdm_"
"""How the ids of redemptions begin: what a card does or posts for one is its redemption's."""


class Heard(NamedTuple):
    """An event of a card: a fact of the card itself (None: one that cannot be read), or a step of a redemption."""

    sequence: int
    at: datetime
    saga_id: str
    fact: Any  # Any: a dataclass of the card's events, or RedemptionStepped
    passing: bool = False
    """Whether it is no step of the card."""


@dataclass(slots=True)
class Redeemed:
    """What is stored of the redemptions of one card: its events behind version `dropped`, the card by its versions, as
    far as they are known, and its journals by version."""

    card_id: str
    heard: Sequence[Heard]
    cards: Mapping[int, GiftCard]
    journals: Mapping[int, Posted]
    dropped: int = 0


@dataclass(slots=True)
class Retold:
    """The redemptions as their last steps left them, and the faults of their histories."""

    stored: Redeemed
    orders: dict[str, RedemptionOrder] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    turned: set[int] = field(default_factory=set)
    posted: set[int] = field(default_factory=set)

    def differ(self, what: str, expected: object, actual: object, since: datetime) -> None:
        """Keep every field in which they differ."""
        for path, wanted, found in differences(expected, actual):
            self.faults.append(Fault(f"{what}{path}", wanted, found, since))


def retold(stored: Redeemed) -> Retold:
    """All redemptions of one card."""
    told, version, facts = Retold(stored), stored.dropped, dict[int, Any]()
    for heard in stored.heard:
        if not heard.passing:
            version += 1
            facts[version] = heard.fact
        elif isinstance(heard.fact, RedemptionStepped):
            _take(told, heard, version, facts)
    told.faults += _of_nobody(told, facts)
    return told


def _take(told: Retold, heard: Heard, version: int, facts: Mapping[int, Any]) -> None:
    after, step = heard.fact.redemption, heard.fact.step
    before = told.orders.get(after.id)
    told.orders[after.id] = after
    key = f"events {told.stored.card_id}/{heard.sequence}"
    if before is None and step is not Step.SUBMITTED:
        if not told.stored.dropped:
            told.faults.append(Fault(key, f"{after.id} submitted before it is {step}", "not told", heard.at))
        _pass(told, after, version)
        return
    if before is not None and after.version == before.version:
        before = replace(before, version=before.version - 1)
    try:
        done, turned = _redone(told, step, before or after, heard, version)
    except _REFUSALS as error:
        told.faults.append(Fault(key, f"a step that {after.id} allows", f"{step}: {refusal(error)}", heard.at))
        _pass(told, after, version)
        return
    if done is None:
        _compare_posted(told, heard, version, posted_by(step, before or after, after))
        told.turned.add(version)
        return
    told.differ(f"{key} ", done.rest.events[-1].body, heard.fact, heard.at)
    if turned:
        told.turned.add(version)
    if turned and version > told.stored.dropped:
        told.differ(f"{key} of its card ", done.rest.events[0].body, facts.get(version), heard.at)
    lines = next(((each.op, tuple(map(tuple, each.lines))) for each in done.rest.journals), None)
    _compare_posted(told, heard, version, lines)


def _redone(
    told: Retold, step: Step, before: RedemptionOrder, heard: Heard, version: int
) -> tuple[Stepped | None, bool]:
    """The step decided again on the card as it was, and whether that moved it; None where nobody knows how the card
    stood. The card's own event stands in front of the step's, so a step that moves it began one version earlier: of the
    two the card is it on which the step comes out as told."""
    after, earlier, now = heard.fact.redemption, told.stored.cards.get(version - 1), told.stored.cards.get(version)
    others: list[tuple[Stepped, bool]] = []
    for card in (earlier, now):
        if card is None:
            continue
        try:
            done = again(step, Made(before, after, card, heard.at))
        except _REFUSALS:
            if not others and (card is now or now is None):
                raise
            continue
        redone = done, len(done.rest.events) > 1
        if not list(differences(done.rest.events[-1].body, heard.fact)):
            return redone
        others.append(redone)
    return others[0] if others else (None, False)


def _compare_posted(told: Retold, heard: Heard, version: int, expected: Any) -> None:  # Any: an op and lines, or none
    """The journal of a step, if it has one: it is at the version of its card."""
    posted, key = told.stored.journals.get(version), f"journals {told.stored.card_id}/{version}"
    if expected is None:
        return
    told.posted.add(version)
    op, lines = expected
    lines = tuple(Line(*line) for line in lines if line[2])
    if posted is None:
        told.faults.append(Fault(key, f"{op} {readable(lines)}", "none", heard.at))
    elif posted.flaw:
        told.faults.append(Fault(key, "a journal that balances", posted.flaw, heard.at))
    else:
        right = Posted(op, Unit.CNY, heard.fact.redemption.id, lines, saga_id=heard.saga_id, at=heard.at)
        told.differ(f"{key} ", right, posted, heard.at)


def _pass(told: Retold, after: RedemptionOrder, version: int) -> None:
    """What stands here is not looked at any further: it was told, or nothing in front of it is known."""
    told.turned.add(version)
    told.posted.add(version)


def _of_nobody(told: Retold, facts: Mapping[int, Any]) -> Iterator[Fault]:
    """What the card did and posted for redemptions that none of their steps caused."""
    card_id = told.stored.card_id
    for version, fact in facts.items():
        if version not in told.turned and _redeeming(fact):
            yield Fault(f"events {card_id}/{version}", "a step of the redemption", type(fact).__name__)
    for version, posted in told.stored.journals.items():
        if version > told.stored.dropped and version not in told.posted and posted.order_id.startswith(OF_REDEMPTION):
            yield Fault(f"journals {card_id}/{version}", "a step that posts it", posted.op, posted.at)


def _redeeming(fact: Any) -> bool:
    """Whether a fact of a card is what a redemption of it did."""
    by = getattr(fact, "claimed_by", "") or getattr(fact, "case_id", "").removeprefix(f"{CASE}/")
    return str(by).startswith(OF_REDEMPTION)
