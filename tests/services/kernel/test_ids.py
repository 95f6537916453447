"""Ids are those of UUIDs of version 5, digit by digit, however they are made."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from services.kernel.ids import derived

NAMESPACE = UUID("6f1d9c1e-6f0b-5b57-9d0a-3f7e2c1b8a44")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_a_derived_id_is_a_uuid_of_version_5(parts: list[str]) -> None:
    """The ids that were given stay as they are, and what reads them as UUIDs goes on."""
    named = derived("saga", *parts)

    assert named == f"saga_{uuid5(NAMESPACE, '/'.join(parts)).hex}"
    assert UUID(named.removeprefix("saga_")).version == 5


def test_the_kind_stands_in_front() -> None:
    """The same parts under another kind have the same digits."""
    assert derived("rdm", "a", "b").removeprefix("rdm_") == derived("pay", "a", "b").removeprefix("pay_")
