"""The ragged end of a stream is made calm."""

import pytest

from app.rendering.repair import close_open_marks, hold_back


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("plain", "plain"),
        ("a **b", "a **b**"),
        ("a **b** c", "a **b** c"),
        ("a **", "a"),
        ("a **b *c", "a **b *c***"),
        ("* item", "* item"),
        ("2 * 3", "2 * 3"),
        ("a `b", "a `b`"),
        ("a `b` c", "a `b` c"),
        ("a `", "a "),
        ("`**` and **b", "`**` and **b**"),
        ("a ~~b", "a ~~b~~"),
        ("see [the docs](https://ex", "see the docs"),
        ("see [the docs](https://ex.com) now", "see [the docs](https://ex.com) now"),
        ("![secret](http://ev", ""),
        ("so $a * b", "so"),
        ("so \\(a", "so"),
        ("so $$a\nb", "so"),
        ("so $a$ is *b", "so $a$ is *b*"),
        ("costs $5 and *b", "costs $5 and *b"),
        ("costs $2^", "costs"),
        ("`$a", "`$a`"),
        ("**first**\nsecond **b", "**first**\nsecond **b**"),
    ],
)
def test_open_marks_are_closed(text: str, closed: str) -> None:
    assert close_open_marks(text) == closed


@pytest.mark.parametrize("tail", ["-", "*", "#", "##", ">", "1", "1.", "12)", "```", "--", "=", "|", "+", "  - "])
def test_an_undecided_line_is_held_back(tail: str) -> None:
    assert hold_back("text\n" + tail) == "text\n"


@pytest.mark.parametrize("text", ["text", "text\n", "text\nmore", "- item", "text\n- i", "42", "```python\nx", "a - b"])
def test_decided_text_is_kept(text: str) -> None:
    assert hold_back(text) == text
