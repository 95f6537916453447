"""`settle demo` as a whole."""

import pytest

from settle.demo.session import show
from settle.demo.telling import Book


@pytest.mark.end_to_end
@pytest.mark.timeout(300)
def test_the_story_holds() -> None:
    """From nothing to the auditor's verdict, every claim."""
    book, heard = Book(None), list[str]()

    show(book, "auto", 2, heard.append)

    assert book.failures == []
    assert [chapter.title for chapter in book.chapters][-1] == "The auditor's verdict"
    assert sum(len(chapter.claims) for chapter in book.chapters) > 25
