"""What a transaction knows: rows as its messages left them, whatever is loaded after that."""

from services.kernel.decision import Known
from tests.services.kernel.jars import JAR, Jar, Label

STORED, CHANGED = Jar(version=1), Jar(held=5, version=2)


def test_a_row_that_is_loaded_again_stays_as_it_was_changed() -> None:
    """A later round brings what the table has, which is older."""
    known = Known()
    known.load(Jar, {JAR: STORED}, [JAR])
    known.put(CHANGED)

    known.load(Jar, {JAR: STORED}, [JAR])

    assert known.find(Jar, JAR) == CHANGED


def test_a_row_that_nobody_found_stays_absent_and_one_that_was_made_is_there() -> None:
    """Both are known: nobody has to look again."""
    known = Known()
    known.load(Jar, {}, [JAR, "jar_2"])
    known.put(CHANGED)

    assert (known.find(Jar, JAR), known.find(Jar, "jar_2"), known.has(Jar, "jar_3")) == (CHANGED, None, False)
    assert [known.loaded(Jar, key) for key in (JAR, "jar_2", "jar_3")] == [CHANGED, None, None]


def test_a_family_holds_what_was_made_before_it_was_loaded_and_what_was_changed_as_changed() -> None:
    """The table has neither."""
    known, torn = Known(), Label("b", text="torn")
    known.put(Label("a"))
    known.put(torn)

    known.load_family(Label, JAR, [Label("b"), Label("c")])
    known.put(Label("d"))

    assert known.children(Label, JAR) == (Label("a"), torn, Label("c"), Label("d"))
