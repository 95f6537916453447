"""The vault: what is sealed opens only for its owner, under its key; what is found is found without being known."""

from dataclasses import replace

import pytest

from services.card_redemption.vault import Vault, look_right, well_formed
from services.kernel.errors import Defect
from services.kernel.secret import Secret
from services.runtime.ground.settings import Settings, SettingsError
from tests.services.card_redemption.world import CARD

ONE, TWO = bytes(31) + b"\1", bytes(31) + b"\2"
CODE = Secret("CANARY7C1FABCDEF")
OLD, NEW = Vault({1: ONE}, ONE, TWO), Vault({1: ONE, 2: TWO}, ONE, TWO)


def test_a_code_opens_for_its_card_only() -> None:
    """AAD is the card: no envelope does in another's place."""
    sealed = OLD.sealed_code(CODE, "crd_1")

    assert (OLD.opened(sealed.envelope, "crd_1"), sealed.last4) == (CODE, "CDEF")
    with pytest.raises(Defect, match="does not open"):
        OLD.opened(sealed.envelope, "crd_2")


@pytest.mark.parametrize("field", ["wrapped_key", "sealed"])
@pytest.mark.parametrize("place", [0, 12, -1])
def test_an_envelope_that_was_changed_does_not_open(field: str, place: int) -> None:
    """Not by a bit, wherever; nor one that was cut."""
    envelope = OLD.sealed(CODE, "crd_1")
    changed = bytearray(getattr(envelope, field))
    changed[place] ^= 1

    for broken in (bytes(changed), b"", bytes(changed)[:11]):
        with pytest.raises(Defect, match="does not open"):
            OLD.opened(replace(envelope, **{field: broken}), "crd_1")  # type: ignore[arg-type]  # both are bytes


def test_an_envelope_says_under_which_key_it_is() -> None:
    """AAD is the version too: one that is said to be under another key does not open."""
    envelope = OLD.sealed(CODE, "crd_1")
    both_alike = Vault({1: ONE, 2: ONE}, ONE, TWO)

    with pytest.raises(Defect, match="does not open"):
        both_alike.opened(replace(envelope, key_version=2), "crd_1")
    with pytest.raises(Defect, match="not given"):
        Vault({2: TWO}, ONE, TWO).opened(envelope, "crd_1")


def test_a_code_gets_under_a_newer_key_without_being_opened() -> None:
    """Its text is the same bytes as before; the old key is not needed any more."""
    before = OLD.sealed_code(CODE, CARD.id).of(CARD.id, 1)

    after = NEW.rewrapped(before)

    assert (after.envelope.key_version, after.envelope.sealed) == (2, before.envelope.sealed)
    assert after.envelope.wrapped_key != before.envelope.wrapped_key
    assert Vault({2: TWO}, ONE, TWO).code_in(after) == CODE
    assert NEW.code_in(before) == CODE


def test_the_same_code_is_sealed_otherwise_each_time_and_found_alike() -> None:
    """However it is written; and under another key the index is another."""
    first, second = OLD.sealed_code(CODE, "crd_1"), OLD.sealed_code(Secret("canary7c-1fab cdef"), "crd_1")

    assert first.envelope != second.envelope
    assert first.blind_index == second.blind_index != Vault({1: ONE}, TWO, TWO).blind_index(CODE)
    assert OLD.opened(second.envelope, "crd_1") == CODE


def test_new_codes_are_codes_and_all_different() -> None:
    """16 signs of our alphabet."""
    codes = [OLD.opened(OLD.new_code("crd_1").envelope, "crd_1") for _ in range(100)]

    assert all(well_formed(code) for code in codes)
    assert len({code.reveal() for code in codes}) == 100


@pytest.mark.parametrize("text", ["", "ABC", "A" * 15, "A" * 17, "A" * 15 + "é", "A" * 15 + "!", "１" * 16])
def test_what_is_no_code_is_seen(text: str) -> None:
    """Too short, too long, other signs."""
    assert not well_formed(Secret(text))


def test_a_verification_code_follows_from_the_key() -> None:
    """6 digits, of each card and each of its codes another; stored nowhere."""
    first = OLD.verification_code("crd_1", 1)

    assert first == OLD.verification_code("crd_1", 1)
    assert (len(first.reveal()), first.reveal().isdecimal()) == (6, True)
    others = [OLD.verification_code("crd_1", 2), OLD.verification_code("crd_2", 1)]
    assert first not in [*others, Vault({1: ONE}, ONE, ONE).verification_code("crd_1", 1)]


def test_nothing_of_a_vault_or_an_envelope_is_shown() -> None:
    """Neither keys nor codes."""
    sealed = OLD.sealed_code(CODE, "crd_1")

    assert ONE.hex() not in repr(OLD)
    assert repr(ONE) not in repr(OLD)
    assert repr(sealed.envelope.sealed) not in repr(sealed)
    assert repr(sealed.envelope) == "Envelope(key_version=1)"


def test_keys_are_settings() -> None:
    """Several by version; the highest seals."""
    environ = {"SETTLE_CARD_KEYS": f"1:{ONE.hex()}, 2:{TWO.hex()}"}

    vault = Vault.of(Settings("card_redemption", environ=environ))

    assert vault.newest == 2
    assert Vault({2: TWO}, ONE, TWO).opened(vault.sealed(CODE, "crd_1"), "crd_1") == CODE


@pytest.mark.parametrize(
    "text", ["x", "1", "1:zz", "1:00", f"0:{ONE.hex()}", f"1:{ONE.hex()},1:{TWO.hex()}", f"-1:{ONE.hex()}", "1:"]
)
def test_keys_that_make_no_sense_are_refused(text: str) -> None:
    """The variable is named, the key is not."""
    with pytest.raises(SettingsError, match="SETTLE_CARD_KEYS") as refused:
        Vault.of(Settings("card_redemption", environ={"SETTLE_CARD_KEYS": text}))

    assert ONE.hex() not in str(refused.value)


def test_production_has_no_default_keys() -> None:
    """As for every key."""
    with pytest.raises(SettingsError, match="SETTLE_CARD_KEYS"):
        Vault.of(Settings("card_redemption", profile="production"))


@pytest.mark.parametrize(("issuer", "code", "digits", "right"), [
    ("", "a" * 16, "", True), ("", "aaaa-aaaa aaaa aaaa", "", True), ("", "a" * 15, "", False),
    ("", "a" * 17, "", False), ("O", "a" * 5, "123456", False), ("O", "a" * 6, "123456", True),
    ("O", "a" * 64, "123456", True), ("O", "a_b+/1", "123456", True), ("O", "aaaa é", "123456", False),
    ("O", "aaaaaa\x7f", "123456", False), ("O", "a - - - - - - ", "123456", False), ("O", "", "123456", False),
    ("O", "a" * 6, "", False), ("O", "a" * 6, "12345", False), ("O", "a" * 6, "1234567", False),
    ("O", "a" * 6, "12345a", False), ("O", "a" * 6, "１２３４５６", False),
])
def test_codes_look_as_their_issuer_makes_them(issuer: str, code: str, digits: str, right: bool) -> None:
    """Ours 16 signs, others' 6 to 64 and 6 digits; what only groups them does not count (RD-1)."""
    assert look_right(Secret(code), Secret(digits), issuer) is right
