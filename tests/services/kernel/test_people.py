"""Who is the same person and which papers are the same, over look-alikes (MA-1, MA-3, F7)."""

import string
import unicodedata
from typing import Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.people import flaw_of_name, flaw_of_paper, is_named, papers, same_person

ONE_PERSON = (
    "alice", "ALICE", "Alice", " alice", "alice ", "\u3000alice\u00a0", "ａｌｉｃｅ", "ＡＬＩＣＥ", "𝐚𝐥𝐢𝐜𝐞", "ⓐⓛⓘⓒⓔ",
    "al\u200aice", "al ice",
    "a1ice", "al1ce", "aIice", "alIce", "alicé", "àlice", "ạlice", "aliçe", "ALİCE", "ⅼ".join(("a", "ice")),
)
"""All of these may be written by one person, or be read as the name of one."""

NO_NAMES = {
    "zero width space": "al\u200bice", "zero width joiner": "al\u200dice", "word joiner": "al\u2060ice",
    "byte order mark": "\ufeffalice", "soft hyphen": "al\u00adice", "right to left": "\u202eecila",
    "tag": "alice\U000e0061",
    "variation selector": "alice\ufe0f", "grapheme joiner": "al\u034fice", "hangul filler": "alice\u3164",
    "half-width filler": "alice\uffa0", "braille blank": "alice\u2800", "cyrillic a": "\u0430lice",
    "cyrillic e": "alic\u0435",
    "all cyrillic": "\u0441\u043e\u0441\u043e", "greek omicron": "b\u03bfb", "armenian o": "b\u0585b",
    "cherokee": "\u13aalice", "latin alpha": "\u0251lice", "dotless i": "al\u0131ce",
    "small capitals": "\u1d00\u029f\u026a\u1d04\u1d07",
    "stroked o": "b\u00f8b", "roman click": "a\u01c0ice", "hyphen": "al\u2010ice", "arabic digit": "alice\u0661",
    "one dot leader": "a\u2024b\u2800", "han zero": "b\u3007b", "katakana": "\u30ed", "control": "al\x07ice",
    "slash": "a/b",
}


@pytest.mark.parametrize("written", ONE_PERSON)
def test_one_person_is_one_person_however_the_name_is_written(written: str) -> None:
    """F7: compared as raw strings, each of these was a second pair of eyes."""
    assert same_person("alice", written)
    assert same_person(written, "alice")
    assert not same_person(written, "bob")


@pytest.mark.parametrize(("one", "other"), [
    ("arnold", "amold"), ("MARNIE", "rnamie"), ("王日", "王曰"), ("a-b", "a一b"), ("戶部", "户部"), ("高士", "高土"),
])
def test_what_is_read_as_another_letter_is_that_letter(one: str, other: str) -> None:
    """Pairs of Unicode's table of confusables: each was a second pair of eyes, however plain its letters."""
    assert flaw_of_name(other) == ""
    assert same_person(one, other)
    assert same_person(other, one)


@pytest.mark.parametrize(("one", "other"), [
    ("op-1", "op-2"), ("ann", "anne"), ("王芳", "李伟"), ("王芳", "王方"), ("ann.lee", "annlee"), ("josé", "joseph"),
    ("a", "b"),
])
def test_two_people_stay_two(one: str, other: str) -> None:
    """What an eye tells apart is not thrown together."""
    assert not same_person(one, other)


@pytest.mark.parametrize("name", [
    "ann", "Op_5", "support-1", "ann.lee@shop.example", "team:ann+night", "王芳", "王芳 wang.fang", "José Müller",
    "Ångström",
    *ONE_PERSON,
])
def test_a_name_of_letters_and_digits_may_be_given(name: str) -> None:
    """Also in full width, or with spaces around it: that is for the comparison."""
    assert flaw_of_name(name) == ""


@pytest.mark.parametrize("name", NO_NAMES.values(), ids=NO_NAMES.keys())
def test_what_is_not_seen_or_looks_like_something_else_is_no_name(name: str) -> None:
    """Format characters, fillers, other scripts, mixed or whole, and letters that stand in for Latin ones."""
    assert flaw_of_name(name)


@given(text=st.text(max_size=12))
def test_a_name_that_may_be_given_shows_no_sign_that_stands_for_another(text: str) -> None:
    """Whatever passes is ASCII, accented Latin or Chinese once it is plain, and nothing of it is invisible."""
    if not flaw_of_name(text):
        for sign in unicodedata.normalize("NFKC", text):
            assert sign.isprintable()
            assert sign.isascii() or unicodedata.name(sign).startswith(("LATIN", "CJK UNIFIED"))


Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
FORMS: st.SearchStrategy[Form] = st.sampled_from(get_args(Form))
NAMES = st.text(string.ascii_letters + string.digits + "._-@ é王", min_size=1, max_size=12)


@given(name=NAMES, before=st.text(" \t\u3000", max_size=2), form=FORMS)
def test_a_person_is_the_same_after_every_change_that_does_not_show(name: str, before: str, form: Form) -> None:
    """Trimming, case and normal form are none; the comparison is the same both
    ways and does not depend on its order."""
    for changed in (before + name, name + before, name.upper(), name.lower(), unicodedata.normalize(form, name)):
        assert same_person(name, changed)
        assert same_person(changed, name)


@given(one=NAMES, other=NAMES, third=NAMES)
def test_being_the_same_person_is_an_equivalence(one: str, other: str, third: str) -> None:
    """So three names of one person cannot be played against each other."""
    assert same_person(one, one)
    assert same_person(one, other) == same_person(other, one)
    if same_person(one, other) and same_person(other, third):
        assert same_person(one, third)


def test_the_same_paper_twice_is_one_paper() -> None:
    """MA-1 needs two: case, spaces, width and look-alikes make no second one, and a blank makes none."""
    assert len(papers(("page-1", " PAGE-1 ", "ｐａｇｅ－１", "page-l", "Page-1\u00a0"))) == 1
    assert len(papers(("order page", "bill page"))) == 2
    assert papers(("", " ", "\u3000")) == ()


def test_a_paper_may_be_an_address_or_a_chinese_title_but_nothing_hidden() -> None:
    """References are longer than names: all of ASCII, and the punctuation of Chinese texts."""
    for good in ("https://shop.example/o/1?page=2&x=%20#top", "《订单》第1页、截图：白条", "photo (3).jpg"):
        assert flaw_of_paper(good) == ""
    for bad in ("page\u200b-1", "p\u0430ge-1", "page\u20101", "page-1\u3164"):
        assert flaw_of_paper(bad)


def test_a_blank_names_nobody() -> None:
    """Neither do signs alone."""
    assert is_named("x")
    assert not any(map(is_named, ("", " ", "\u3000", "--", ".")))
