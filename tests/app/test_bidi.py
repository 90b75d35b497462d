"""Characters that turn the reading direction act only inside the words they came with."""

from hypothesis import given
from hypothesis import strategies as st

from app.bidi import isolate, reveal

CONTROLS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def test_ordinary_text_is_untouched() -> None:
    for text in ("", "plain", "שלום", "a\u200eb"):
        assert isolate(text) is text


def test_an_override_ends_with_its_text() -> None:
    assert isolate("a\u202eb") == "\u2068a\u202eb\u202c\u2069"


@given(st.text(alphabet="ab" + CONTROLS))
def test_everything_opened_is_closed_in_order(text: str) -> None:
    closers = {"\u202a": "\u202c", "\u202b": "\u202c", "\u202d": "\u202c", "\u202e": "\u202c"}
    closers |= {"\u2066": "\u2069", "\u2067": "\u2069", "\u2068": "\u2069"}
    expected: list[str] = []
    for character in isolate(text):
        if character in closers:
            expected.append(closers[character])
        elif character in "\u202c\u2069":
            assert expected
            assert expected.pop() == character
    assert not expected


@given(st.text(alphabet="ab" + CONTROLS))
def test_no_other_character_changes(text: str) -> None:
    assert [c for c in isolate(text) if c not in CONTROLS] == [c for c in text if c not in CONTROLS]


def test_code_shows_what_cannot_be_seen() -> None:
    assert reveal("if x:\u202e # \u2066}\u200b") == "if x:<U+202E> # <U+2066>}<U+200B>"
    assert reveal("x = '漢字 🔥'") == "x = '漢字 🔥'"
