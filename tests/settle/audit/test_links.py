"""Where a chain is broken is found whatever is done to one row, wherever it stands."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as some

from services.kernel.chain import BYTES, NONE_YET, Value, linked, row_of
from settle.audit.links import FAULTS_MAX, Broken, Ends, Fault, Row, faults, holds

KEY = b"k" * 32
VALUES: some.SearchStrategy[Sequence[Value]] = some.tuples(
    some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4),
    some.integers(0, 10**15).map(lambda since: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=since)),
    some.none() | some.just("{}"), some.binary(max_size=4),
)
CHAINS = some.lists(VALUES, min_size=2, max_size=12)


def chain(values: Sequence[Sequence[Value]], key: bytes = KEY, dropped: int = 0) -> tuple[Ends, dict[int, Row]]:
    """The chain of these rows, of which the first were dropped."""
    head, rows, left = NONE_YET, {}, NONE_YET
    for number, each in enumerate(values, 1):
        link, head = linked(head, row_of("events", "ord_1", number, *each), key)
        rows[number] = Row(number, tuple(each), link)
        left = head if number == dropped else left
    kept = {number: row for number, row in rows.items() if number > dropped}
    return Ends("events", "ord_1", len(values), head, dropped=dropped, left=left), kept


def found(ends: Ends, rows: dict[int, Row], key: bytes = KEY) -> list[tuple[int, Fault]]:
    """Which rows are broken, and how."""
    ordered = [rows[number] for number in sorted(rows)]
    broken: list[Broken] = faults(ends, ordered, key)
    assert bool(broken) is not holds(ends, ordered, key)
    return [(each.number, each.fault) for each in broken]


@given(CHAINS, some.data(), some.sampled_from([b"", KEY]))
def test_a_chain_as_it_was_written_holds(values: Sequence[Sequence[Value]], data: some.DataObject, key: bytes) -> None:
    """Also where its first rows were dropped, and nowhere under another key."""
    ends, rows = chain(values, key, data.draw(some.integers(0, len(values) - 1)))

    assert found(ends, rows, key) == []
    assert found(ends, rows, b"other")


@given(CHAINS, some.data())
def test_a_changed_row_is_found_alone(values: Sequence[Sequence[Value]], data: some.DataObject) -> None:
    """Whichever of its columns it is."""
    ends, rows = chain(values)
    number = data.draw(some.integers(1, len(values)))
    column = data.draw(some.integers(0, 3))
    changed = [*rows[number].values]
    changed[column] = data.draw(VALUES.filter(lambda other: other[column] != changed[column]))[column]
    rows[number] = rows[number]._replace(values=tuple(changed))

    assert found(ends, rows) == [(number, Fault.CHANGED)]


@given(CHAINS, some.data(), some.booleans())
def test_a_changed_link_is_found_alone(
    values: Sequence[Sequence[Value]], data: some.DataObject, taken_off: bool
) -> None:
    """One that was taken off too, also if the row claims to be from before there were chains."""
    ends, rows = chain(values)
    number = data.draw(some.integers(1, len(values)))
    rows[number] = rows[number]._replace(link=NONE_YET if taken_off else b"x" * BYTES)

    assert found(ends, rows) == [(number, Fault.RELINKED)]
    claimed = Ends(ends.chain, ends.root, ends.count, ends.head, unlinked=number)
    assert found(claimed, rows) == [(number, Fault.RELINKED)]


@given(CHAINS, some.data())
def test_a_deleted_row_is_missed(values: Sequence[Sequence[Value]], data: some.DataObject) -> None:
    """In the middle as at the end; where the count was set back with it, the head tells."""
    ends, rows = chain(values)
    number = data.draw(some.integers(1, len(values)))
    del rows[number]

    assert found(ends, rows) == [(number, Fault.MISSING)]
    if number == len(values):
        lowered = Ends(ends.chain, ends.root, ends.count - 1, ends.head)
        assert found(lowered, rows) == [(number - 1, Fault.HEAD)]


@given(CHAINS, some.data())
def test_swapped_rows_are_both_found(values: Sequence[Sequence[Value]], data: some.DataObject) -> None:
    """Their numbers exchanged; or what they hold, while numbers and links stay."""
    ends, rows = chain(values)
    one, other = data.draw(some.lists(some.integers(1, len(values)), min_size=2, max_size=2, unique=True).map(sorted))
    swapped = {**rows, one: rows[other]._replace(number=one), other: rows[one]._replace(number=other)}
    exchanged = {
        **rows, one: rows[one]._replace(values=rows[other].values),
        other: rows[other]._replace(values=rows[one].values),
    }

    assert found(ends, swapped) == [(one, Fault.MOVED), (other, Fault.MOVED)]
    if rows[one].values != rows[other].values:
        assert found(ends, exchanged) == [(one, Fault.CHANGED), (other, Fault.CHANGED)]


@given(CHAINS, VALUES, some.data(), some.sampled_from([NONE_YET, b"y" * BYTES]), some.booleans())
def test_an_added_row_is_found(
    values: Sequence[Sequence[Value]], new: Sequence[Value], data: some.DataObject, link: bytes, counted: bool
) -> None:
    """Those behind it moved up, and all that is told is of it and of them; the root may count it or not."""
    ends, rows = chain(values)
    number = data.draw(some.integers(1, len(values) + 1))
    moved = {n + 1: row._replace(number=n + 1) for n, row in rows.items() if n >= number}
    added = {n: row for n, row in rows.items() if n < number} | {number: Row(number, tuple(new), link)} | moved
    ends = Ends(ends.chain, ends.root, ends.count + counted, ends.head)

    assert found(ends, added) == [(number, Fault.ADDED), *((n, Fault.MOVED) for n in sorted(moved))]


@given(CHAINS, some.data())
def test_what_an_older_process_wrote_between_is_told_until_it_is_accepted(
    values: Sequence[Sequence[Value]], data: some.DataObject
) -> None:
    """The chain goes on over a row without a link, as if it were not there."""
    place = data.draw(some.integers(1, len(values)))
    ends, rows = chain(values)
    head, stored = NONE_YET, {}
    for number, row in rows.items():
        if number == place:
            stored[number] = row._replace(link=NONE_YET)
        else:
            link, head = linked(head, row_of("events", "ord_1", number, *row.values), KEY)
            stored[number] = row._replace(link=link)

    assert found(Ends("events", "ord_1", ends.count, head), stored) == [(place, _fault_of_unlinked(place, ends.count))]
    assert found(Ends("events", "ord_1", ends.count, head, unlinked=place), stored) == []


def _fault_of_unlinked(place: int, count: int) -> Fault:
    """Behind the last row that has a link, it belongs to nothing."""
    return Fault.ADDED if place == count else Fault.UNLINKED


@given(CHAINS, some.integers(-3, 3).filter(bool))
def test_a_wrong_count_and_a_wrong_head_are_the_roots(values: Sequence[Sequence[Value]], off: int) -> None:
    """The rows are what they were."""
    ends, rows = chain(values)
    counted = Ends(ends.chain, ends.root, ends.count + off, ends.head)
    headed = Ends(ends.chain, ends.root, ends.count, NONE_YET)

    assert found(counted, rows) == [(len(values), Fault.COUNT)]
    assert found(headed, rows) == [(len(values), Fault.HEAD)]


def test_rows_that_were_dropped_long_ago_do_not_come_back() -> None:
    """A copy of an old row beside its checkpoint."""
    values = [[f"{n}", datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n), None, b""] for n in range(5)]
    (_, all_rows), (ends, rows) = chain(values), chain(values, dropped=2)

    assert found(ends, {1: all_rows[1], **rows}) == [(1, Fault.ADDED)]


def test_of_a_chain_that_is_broken_everywhere_so_much_is_told() -> None:
    """Where the first row of many was deleted and all others moved up."""
    ends, rows = chain([[f"{n}", datetime(2026, 1, 1, tzinfo=UTC), None, b""] for n in range(200)])
    moved = {n - 1: row._replace(number=n - 1) for n, row in rows.items() if n > 1}

    broken = found(Ends(ends.chain, ends.root, 199, ends.head), moved)

    assert broken[0] == (1, Fault.CHANGED)
    assert len(broken) == FAULTS_MAX
