import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.conversations.titles import UNTITLED, is_short, title_from


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("What is the capital of France?", "What is the capital of France?"),
        ("  \n\n# My **great** plan\nand more", "My great plan"),
        ("- [x] buy milk", "[x] buy milk"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("use `snake_case_names` here", "use snake_case_names here"),
        ("", UNTITLED),
        (" \n\t\0", UNTITLED),
        ("???", "???"),
        ("日本語の質問です", "日本語の質問です"),
        ("evil \u202egnp.exe", "evil gnp.exe"),
        ("a\u2028b", "a"),
        ("👩\u200d👩\u200d👧 family", "👩\u200d👩\u200d👧 family"),
    ],
)
def test_title_is_the_first_line_that_says_something(text: str, title: str) -> None:
    assert title_from(text) == title


def test_long_titles_end_at_a_word() -> None:
    title = title_from("Please explain to me in simple words how the theory of relativity was found by Einstein")
    assert title == "Please explain to me in simple words how the theory of…"


@given(st.text(st.characters()))
@settings(deadline=None)
def test_a_title_is_one_short_line(text: str) -> None:
    title = title_from(text)
    assert title
    assert len(title) <= 60
    assert len(title.splitlines()) == 1


def test_a_huge_first_message_is_no_work() -> None:
    assert title_from("*" * 10_000_000)


def test_few_words_are_a_title_already() -> None:
    assert is_short("What is the capital of France?")
    assert is_short("法国的首都是哪里？")
    assert not is_short("Please tell me what the capital of France is")
    assert not is_short("word" * 20)
