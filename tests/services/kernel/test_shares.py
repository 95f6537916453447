"""The shares of an owner: sixteen names that every service and every tool makes in the same way."""

from hypothesis import given
from hypothesis import strategies as st

from services.kernel.shares import SHARES, first_share, share_key, share_keys


@given(st.text(), st.text())
def test_every_user_has_one_share_among_those_of_the_owner(owner: str, user: str) -> None:
    """Another name would hold what nobody ever settles."""
    assert share_key(owner, user) in share_keys(owner)
    assert share_key(owner, user) == share_key(owner, user)


def test_the_names_are_those_that_databases_hold() -> None:
    """They are keys of stored rows: a changed one loses the row."""
    assert share_keys("mer_1") == tuple(f"mer_1/{number:02d}" for number in range(16))
    assert first_share("mer_1") == "mer_1/00"
    assert [share_key("mer_1", user) for user in ("acc_1", "acc_2", "crd_1")] == ["mer_1/05", "mer_1/15", "mer_1/10"]


def test_many_users_use_all_shares() -> None:
    """None stays cold."""
    assert len({share_key("mer_1", f"acc_{number}") for number in range(500)}) == SHARES
