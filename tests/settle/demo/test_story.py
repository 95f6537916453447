"""`settle demo` as a whole."""

import pytest

from settle.demo.session import show
from settle.demo.telling import Book


@pytest.mark.end_to_end
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("processes", "tls"), [(2, False), (1, True)], ids=["twice", "tls"])
def test_the_story_holds(processes: int, tls: bool) -> None:
    """From nothing to the auditor's verdict, every claim, and whoever is asked answers."""
    book, heard = Book(None), list[str]()

    show(book, "auto", processes, tls, heard.append)

    assert book.failures == []
    assert [said for chapter in book.chapters for said in chapter.said if "did not answer" in said] == []
    assert [chapter.title for chapter in book.chapters][-1] == "The auditor's verdict"
    assert sum(len(chapter.claims) for chapter in book.chapters) > 25
