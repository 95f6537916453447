"""How hostile a world is: drawn anew for each seed, so that a fault is rare in one world and common in another."""

from dataclasses import dataclass, replace

from settle.simulation.agenda import MS, SECOND
from settle.simulation.tape import Track


@dataclass(frozen=True, slots=True)
class Swarm:
    """Chances are per mille, times are in microseconds."""

    orders: int
    accounts: int
    cards: int
    merchants: int
    partitions: int
    batch: int
    spread: int
    """Over how long the orders begin."""
    transaction: int
    """How long a transaction takes at most, beside others."""
    paused: int
    """Of transactions that others may come between."""
    delay: int
    """How long a record is under way at most."""
    slow: int
    """Of records that take up to a day."""
    lost: int
    """Of records that have to be sent again."""
    doubled: int
    damaged: int
    vanished: int
    """Of commands, answers and notices that Kafka has taken, and that are gone all the same."""
    crash: int
    """Of a process, at each of its crash points."""
    pause: int
    """Of a process, at each of its crash points: it stands still, and its connections end meanwhile."""
    unknown: int
    """Of commits whose answer is not heard."""
    disconnected: int
    """Of transactions whose connection is lost before the commit."""
    truncations: int
    """How often a partition loses its last records at most."""
    forgotten: int
    """Of times at which Kafka forgets everything."""
    skew: int
    """How far the clocks of the databases differ from the true time: together never as much as a saga may take."""
    jumps: int
    """Of the same, how often one jumps."""
    twice: int
    """Of people who click twice."""
    race: int
    """Of people who do at once what others do."""
    silent: int
    """Of the rail's answers that do not come."""
    refusing: int
    """Of payments that the rail refuses."""
    bouncing: int
    contradicting: int
    at_a_cut: bool
    """Whether the accounts' statements fall due in the middle of it."""
    patience: int
    """How long it is watched after the last fault."""
    redemptions: int
    """How many cards are recycled."""
    stops: int
    """How often operators move each of their switches at most."""
    disputes: int
    """How often something about a recycled card is disputed at most."""
    prompt_cuts: bool
    """Whether the accounts are of those few whose cut comes within seconds of its midnight, not hours after it."""
    refunds_a_day: int
    """How many refunds a customer has in a day at most, and three times as many a merchant; 0 is no limit."""


def calm(swarm: Swarm) -> Swarm:
    """The same world while nothing fails."""
    return replace(
        swarm, paused=0, lost=0, slow=0, doubled=0, damaged=0, vanished=0, crash=0, pause=0, unknown=0, disconnected=0,
        silent=0, refusing=0, bouncing=0, contradicting=0,
    )


def draw(track: Track) -> Swarm:
    """The parameters of a world; all zeros are one order in a world where nothing goes wrong."""
    return Swarm(
        orders=track.pick((1, 8, 16, 24, 32, 48)), accounts=1 + track.below(5), cards=1 + track.below(3),
        merchants=1 + track.below(2), partitions=track.pick((1, 2, 4, 8)), batch=track.pick((100, 1, 4, 16)),
        spread=track.pick((0, SECOND, 10 * SECOND, 60 * SECOND)),
        transaction=track.pick((MS, 5 * MS, 50 * MS, 2 * SECOND)), paused=track.pick((0, 50, 200, 600)),
        delay=track.pick((0, MS, 20 * MS, 200 * MS, SECOND)), slow=track.pick((0, 0, 1, 10)),
        lost=track.pick((0, 0, 10, 50, 200)), doubled=track.pick((0, 0, 30, 100, 300)),
        damaged=track.pick((0, 0, 0, 2, 10)), vanished=track.pick((0, 0, 5, 40)),
        crash=track.pick((0, 0, 1, 3, 10, 30)),
        pause=track.pick((0, 0, 1, 5)), unknown=track.pick((0, 0, 2, 10)), disconnected=track.pick((0, 0, 1, 4)),
        truncations=track.pick((0, 0, 1, 3)), forgotten=track.pick((0, 0, 0, 300)),
        skew=track.pick((0, 0, SECOND, 2 * SECOND, 4 * SECOND)), jumps=track.pick((0, 0, 500)),
        twice=track.pick((0, 50, 300)), race=track.pick((0, 100, 400)), silent=track.pick((0, 50, 300)),
        refusing=track.pick((0, 50, 300)), bouncing=track.pick((0, 50, 200)), contradicting=track.pick((0, 0, 100)),
        at_a_cut=bool(track.below(2)), patience=track.pick((0, 1, 40)),
        redemptions=track.pick((0, 4, 8, 16, 24)), stops=track.pick((0, 0, 2, 4)),
        disputes=track.pick((0, 0, 2, 4)), prompt_cuts=bool(track.below(2)), refunds_a_day=track.pick((0, 0, 3, 30)),
    )
