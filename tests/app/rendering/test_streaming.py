"""A text that arrives piece by piece ends as the same blocks, and finished blocks never change."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rendering import markdown
from app.rendering.blocks import Block, BlockKind, RenderTheme
from app.rendering.markdown import MarkdownStream, render

THEME = RenderTheme("#111111", "#666666", "#222222", "#dddddd", "#eeeeee", "#f0f0f0")
PIECES = [
    "word", " ", "\n", "\n\n", "**", "*", "`", "```", "```python\n", "~~~", "- ", "  - ", "1. ", "10. ", "> ", "# ",
    "---", "|", "| a | b |\n|---|---|\n", "[text](https://example.com)", "[text][1]", "[1]: https://example.com\n",
    "    ", "\t", "<think>\n", "</think>\n", "</think>", "<b>", "$x_1$", "$$", "$", "x", "\\[", "\\]", "\\(", "\\)",
    "\\begin{align}", "\\end{align}", "\\", "é", "漢字", "🔥",
    "&amp;", "===", "![a](b)", "+ ",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
CUTS = st.lists(st.integers(0, 200), max_size=8)


@settings(max_examples=300, deadline=None)
@given(TEXTS, CUTS)
def test_pieces_give_the_same_blocks_as_the_whole(text: str, cuts: list[int]) -> None:
    stream = MarkdownStream(THEME)
    for cut in sorted(cuts):
        assert stream.update(text[:cut], True) == render(text[:cut], THEME, streaming=True)
    assert stream.update(text, False) == render(text, THEME)


@settings(max_examples=200, deadline=None)
@given(TEXTS, CUTS, st.integers(8, 60))
def test_so_they_do_where_windows_and_limits_cut(text: str, cuts: list[int], window: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markdown, "WINDOW_CHARACTERS", window)
        patch.setattr(markdown, "PLAIN_CHARACTERS", window)
        stream = MarkdownStream(THEME)
        for cut in sorted(cuts):
            assert stream.update(text[:cut], True) == render(text[:cut], THEME, streaming=True)
        assert stream.update(text, False) == render(text, THEME)


@settings(max_examples=100, deadline=None)
@given(TEXTS, TEXTS)
def test_a_text_that_is_replaced_gives_its_own_blocks(first: str, second: str) -> None:
    stream = MarkdownStream(THEME)
    stream.update(first, True)
    assert stream.update(second, True) == render(second, THEME, streaming=True)
    assert stream.update(second, False) == render(second, THEME)
    assert stream.update(second, False) == render(second, THEME)


def test_finished_blocks_stay_as_they_are() -> None:
    text = "# Title\n\nfirst *one*\n\n- a\n- b\n\n```python\nx = 1\n```\n\nlast words that go on"
    stream = MarkdownStream(THEME)
    before: list[Block] = []
    for end in range(len(text)):
        after = stream.update(text[:end], True)
        for old, new in zip(before, after, strict=False):
            assert old == new or not old.closed
        before = after
    assert all(old is new for old, new in zip(before[:-1], stream.update(text, False), strict=False))


def test_only_the_last_block_is_open() -> None:
    shown = render("one\n\ntwo\n\nthree", THEME, streaming=True)
    assert [block.closed for block in shown] == [True, True, False]


def test_windows_cut_what_is_too_long_and_lose_nothing() -> None:
    text = "\n".join(f"{number}. item {number}" for number in range(1, 3000))
    assert len(text) > 2 * markdown.WINDOW_CHARACTERS
    assert "\n".join(block.text for block in render(text, THEME)) == text
    stream = MarkdownStream(THEME)
    for end in range(0, len(text), 1777):
        stream.update(text[:end], True)
    assert stream.update(text, False) == render(text, THEME)


def test_a_long_code_block_is_never_cut() -> None:
    code = "\n".join(f"line {number}" for number in range(4000))
    assert len(code) > 2 * markdown.WINDOW_CHARACTERS
    shown = render(f"before\n\n```\n{code}\n```\nafter", THEME)
    assert [block.kind for block in shown] == [BlockKind.HTML, BlockKind.CODE, BlockKind.HTML]
    assert shown[1].text == code


def test_a_half_written_definition_shows_nothing_and_ends_right() -> None:
    text = "See [it][1].\n\n[1]: https://example.com/page\n\nBye."
    stream = MarkdownStream(THEME)
    for end in range(len(text)):
        shown = stream.update(text[:end], True)
        assert "page" not in "".join(block.text for block in shown)
    assert [block.text for block in stream.update(text, False)] == ["See it.", "Bye."]
    assert "https://example.com/page" in stream.update(text, False)[0].html


def test_a_lone_mark_at_the_end_of_the_stream_is_no_trap() -> None:
    assert render("`\t", THEME, streaming=True) == []


def test_half_written_marks_do_not_flicker() -> None:
    for text in ("a **bold", "a **bold*", "a `code", "a *it", "a ~~s", "a [link](https://exa", "a [link]"):
        (block,) = render(text, THEME, streaming=True)
        assert not set(block.text) & set("*`~[]("), text


def test_a_last_line_that_could_be_anything_waits() -> None:
    for tail in ("-", "==", "#", "``", "1.", ">", "---"):
        (block,) = render(f"text\n{tail}", THEME, streaming=True)
        assert block.html.startswith("<p "), tail
        assert block.text == "text"
    assert render("text\n---", THEME)[0].html.startswith("<h2 ")


def test_a_table_head_waits_for_its_rule() -> None:
    assert len(render("text\n\n| a | b |\n|--", THEME, streaming=True)) == 1
    assert len(render("text\n\n| a | b |\n|---|---|\n| 1 |", THEME, streaming=True)) == 2
