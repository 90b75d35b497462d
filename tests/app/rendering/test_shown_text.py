"""What can be read on screen is what a search finds."""

import re

import pytest

from app.rendering.blocks import RenderTheme
from app.rendering.markdown import render
from app.rendering.shown_text import count_in, may_contain, search_pattern, shown_lines

THEME = RenderTheme("", "", "", "", "", "")
CASES = [
    ("An **emb**er", "ember", 1),
    ("a [link](https://example.com/ember) here", "ember", 0),
    ("a [link](https://example.com) here", "link here", 1),
    ("two\nlines", "two lines", 1),
    ("one\n\ntwo", "one two", 0),
    ("AT&amp;T", "at&t", 1),
    ("x &lt;b&gt; y", "<b>", 1),
    ("| a | b |\n|-|-|\n| c | d |", "c d", 0),
    ("`co de`", "co de", 1),
    ("```\nco\nde\n```", "co", 1),
    ("# Ember\n\n- ember\n- ember", "EMBER", 3),
    ("a\\*b", "a*b", 1),
    ("snake_case_name", "case_name", 1),
    ("<b>raw</b>", "<b>raw", 1),
    ("aaa", "aa", 1),
]


@pytest.mark.parametrize(("markdown", "words", "count"), CASES)
def test_it_finds_what_is_shown(markdown: str, words: str, count: int) -> None:
    lines = [line for block in render(markdown, THEME) for line in shown_lines(block)]
    assert count_in(lines, search_pattern(words, match_case=False)) == count
    assert may_contain(markdown, words) or count == 0


def test_capitals_are_told_apart_when_asked() -> None:
    assert count_in(["Ember ember"], search_pattern("Ember", match_case=True)) == 1


def test_what_looks_like_a_pattern_is_none() -> None:
    assert search_pattern("a.*b(", match_case=False).flags & re.IGNORECASE
    assert count_in(["a.*b( axb("], search_pattern("a.*b(", match_case=False)) == 1
