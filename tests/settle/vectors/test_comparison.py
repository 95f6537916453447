"""The comparison of scenarios: which difference is the first, and how it is written."""

import pytest

from settle.vectors.comparison import closing_balances, first_difference, normal_form
from settle.vectors.scenario import Json, Scenario


def scenario(then: Json, kind: str = "schedule", events: int = 0) -> Scenario:
    """A case with this `then`."""
    when = tuple({"type": "E"} for _ in range(events))
    return Scenario(id="X1", kind=kind, given={}, when=when, then=then, policies={})


def journal(event: int, op: str, *lines: tuple[str, int], ledger: str = "CNY") -> Json:
    """A journal as the page writes it."""
    return {"event": event, "op": op, "ledger": ledger, "lines": [list(line) for line in lines]}


def difference(then: Json, actual: Json, kind: str = "schedule", events: int = 0) -> str:
    """The first difference as text."""
    return str(first_difference(scenario(then, kind, events), actual))


def test_equal_values_hold() -> None:
    """What is not named is not compared."""
    assert first_difference(scenario({"fee": [1, 2]}), {"fee": [1, 2], "principal": [5]}) is None


def test_a_row_is_named_as_a_whole() -> None:
    """The page's own example."""
    then = {"instalments": {"O1": [[1, 1, 0, 0, 1, 0, 0], [2, 33333, 0, 8333, 25000, 250, 0]]}}
    actual = {"instalments": {"O1": [[1, 1, 0, 0, 1, 0, 0], [2, 33333, 0, 8334, 24999, 250, 0]], "O2": []}}
    wanted = "instalments.O1[1]: expected [2,33333,0,8333,25000,250,0], actual [2,33333,0,8334,24999,250,0]"
    assert difference(then, actual) == wanted


def test_a_missing_line_of_a_journal() -> None:
    """The page's other example."""
    then = {"journals": [journal(2, "fee_adjust", ("A.LOAN.FEE", 160), ("I.FEE.DEFER", -160))]}
    wanted = "journals[2,fee_adjust,CNY].A.LOAN.FEE: expected 160, actual null"
    assert difference(then, {"journals": []}) == wanted


def test_a_journal_too_many() -> None:
    """What was posted and not expected is a difference, after all that was expected."""
    actual = {"journals": [journal(0, "bill", ("A", 1), ("B", -1))]}
    assert difference({"journals": []}, actual) == "journals[0,bill,CNY].A: expected null, actual 1"


def test_the_event_of_a_journal_counts() -> None:
    """The same journal one event later is not the same."""
    then = {"journals": [journal(0, "bill", ("A", 1), ("B", -1))]}
    actual = {"journals": [journal(1, "bill", ("A", 1), ("B", -1))]}
    assert difference(then, actual) == "journals[0,bill,CNY].A: expected 1, actual null"


def test_several_journals_of_one_event_add_up() -> None:
    """One bill journal or one for each instalment, clearing between two books: all the same."""
    then = {"journals": [journal(0, "refund", ("A", 3), ("B", -3))]}
    actual = [
        journal(0, "refund", ("A", 1), ("X.CLEARING", -1)),
        journal(0, "refund", ("X.CLEARING", 1), ("B", -1)),
        journal(0, "refund", ("A", 2), ("B", -2)),
    ]
    assert first_difference(scenario(then), {"journals": actual}) is None


def test_clearing_must_cancel_inside_an_operation() -> None:
    """What one operation leaves in clearing is no help to another."""
    then = {"journals": [journal(0, "refund", ("A", 1)), journal(0, "deposit", ("B", -1))]}
    actual = [journal(0, "refund", ("A", 1), ("X.CLEARING", -1)), journal(0, "deposit", ("B", -1), ("X.CLEARING", 1))]
    assert difference(then, {"journals": actual}) == "journals[0,refund,CNY].X.CLEARING: expected null, actual -1"


def test_every_single_journal_must_balance() -> None:
    """Two that balance only together do not."""
    then = {"journals": [journal(0, "refund", ("A", 1), ("B", -1))]}
    actual = [journal(0, "refund", ("A", 1)), journal(0, "refund", ("B", -1))]
    assert difference(then, {"journals": actual}) == "journals[0,refund,CNY]: expected 0, actual 1"


def test_ledgers_are_kept_apart() -> None:
    """The same op in both ledgers makes two forms; what cancels is dropped."""
    forms = normal_form(
        [journal(0, "x", ("A", 1), ("A", -1)), journal(0, "x", ("L", 1), ("M", -1), ledger="LIMIT")],
    )
    assert forms == {(0, "x", "LIMIT"): {"L": 1, "M": -1}}


def test_balances_are_all_accounts() -> None:
    """An account that is not listed must be 0."""
    then = {"balances": {"LIM.AVAIL": 90}}
    actual = {"balances": {"LIM.AVAIL": 90, "LIM.USED": 10}}
    assert difference(then, actual) == "balances.LIM.USED: expected null, actual 10"


def test_closing_balances_open_with_the_limit() -> None:
    """What opened counts, what is 0 is dropped, the grant is nobody's business."""
    journals = [journal(0, "authorize", ("LIM.HELD", 5), ("LIM.AVAIL", -5), ("LIM.GRANT", 0), ledger="LIMIT")]
    assert closing_balances(journals, {"LIM.AVAIL": 5, "LIM.GRANT": -5}) == {"LIM.HELD": 5}


@pytest.mark.parametrize(
    ("actual", "wanted"),
    [
        (["OK", "OK"], "None"),
        (["OK", "REJECT:BAD_STATE"], 'outcomes[1]: expected "OK", actual "REJECT:BAD_STATE"'),
    ],
)
def test_absent_outcomes_mean_that_all_is_accepted(actual: list[str], wanted: str) -> None:
    """Only for credit_flow."""
    assert difference({}, {"outcomes": actual}, "credit_flow", 2) == wanted


def test_absent_results_mean_none() -> None:
    """Only for redemption_flow."""
    assert difference({}, {"results": ["ALLOW"]}, "redemption_flow") == 'results[0]: expected null, actual "ALLOW"'


def test_an_offset_that_was_not_expected() -> None:
    """Statements are compared with all that they say."""
    then = {"statements": [{"bill_date": "2026-04-05", "amount": 5}]}
    actual = {"statements": [{"bill_date": "2026-04-05", "amount": 5, "offset": 5}]}
    assert difference(then, actual) == "statements[0].offset: expected null, actual 5"


def test_the_order_of_then_decides() -> None:
    """The difference that is written first is told."""
    assert difference({"b": 1, "a": 1}, {"a": 2, "b": 2}) == "b: expected 1, actual 2"


def test_one_is_not_true() -> None:
    """JSON has both."""
    assert difference({"a": True}, {"a": 1}) == "a: expected true, actual 1"


def test_lists_of_different_length() -> None:
    """What is missing is null."""
    assert difference({"a": [1, 2]}, {"a": [1]}) == "a[1]: expected 2, actual null"
    assert difference({"a": [1]}, {"a": [1, [2]]}) == "a[1]: expected null, actual [2]"
