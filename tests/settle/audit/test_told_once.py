"""One corruption is one finding of a check, beside the book that it is about."""

import pytest

from settle.audit.findings import CARD, CREDIT, ORDER
from tests.settle.audit.breaking import Breakable
from tests.settle.audit.edits import Statement

BRANCHES = "sagas.branches"


@pytest.mark.parametrize("book", [CREDIT, CARD])
async def test_a_branch_that_did_not_end_is_told_beside_its_book(broken_filled: Breakable, book: str) -> None:
    """Both books have a row of a settlement with two branches, and both told of the one that had not ended."""
    verdict = await broken_filled.broken({ORDER: [Statement(f"""
        update sagas set branches = (
            select json_agg(case when item ->> 0 = '{book}' then jsonb_set(item, '{{1}}', '"TRIED"') else item end)
            from jsonb_array_elements(branches::jsonb) item)
        where id = (select min(id) from sagas where phase = 'DONE' and json_array_length(branches) = 2)
    """, ())]})

    told = [(finding.where, finding.actual) for finding in verdict.findings if finding.check == BRANCHES]
    assert told == [(book, f"{book} TRIED")]


@pytest.mark.parametrize("books", [1, 2])
async def test_a_branch_of_no_book_is_told_once(broken_filled: Breakable, books: int) -> None:
    """Beside the one book that took part, or the first one."""
    verdict = await broken_filled.broken({ORDER: [Statement(f"""
        update sagas set branches = (branches::jsonb || '[["nobody", "TRIED", "", null]]')::json
        where id = (select min(id) from sagas where phase = 'DONE' and json_array_length(branches) = {books})
    """, ())]})

    assert [finding.actual for finding in verdict.findings if finding.check == BRANCHES] == ["nobody TRIED"]
