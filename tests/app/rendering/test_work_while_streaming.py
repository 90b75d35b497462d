"""What an update costs doesn't grow with what stands already: counted in characters that are read, not in time."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from markdown_it.parser_block import ParserBlock
from markdown_it.parser_inline import ParserInline

from app.rendering import markdown, open_fence
from app.rendering.blocks import RenderTheme
from app.rendering.markdown import AT_ONCE_CHARACTERS, WINDOW_CHARACTERS, MarkdownStream
from app.rendering.open_fence import OpenFence
from app.rendering.thinking import split_thinking

THEME = RenderTheme("#111111", "#666666", "#222222", "#dddddd", "#eeeeee", "#f0f0f0")
CHARACTERS = 120_000
WORDS = "Some words of a long line that goes on and on. "
ENDLESS = {
    "code": "```python\n" + "value = compute(1, 'two')  # three\n" * 4_000,
    "indented code": "  ```\n" + "  value = compute(1, 'two')  # three\n" * 4_000,
    "list": "".join(f"- item {number} {WORDS}\n" for number in range(2_000)),
    "quotation": f"> {WORDS}\n" * 2_500,
    "table": "| a | b |\n|---|---|\n" + "".join(f"| row {row} | {WORDS} |\n" for row in range(2_000)),
    "paragraph": WORDS * 2_600,
    "paragraph of lines": f"{WORDS}\n" * 2_600,
    "definitions": "".join(f"[name {number}]: http://example.com/{number}\n" for number in range(4_000)),
    "thinking": "<think>\n" + WORDS * 2_600,
    "formula": "$$\n" + "x + y = z\n" * 12_000,
    "brackets": "[a](" * 30_000,
}


class Counter:
    """Counts the characters that are given to the parsers and searched for the end of a code block."""

    def __init__(self) -> None:
        self.characters = 0

    def taken(self) -> int:
        """Return what was counted since the last call."""
        characters, self.characters = self.characters, 0
        return characters


class CountedPattern:
    """A pattern that counts where it looks."""

    def __init__(self, pattern: re.Pattern[str], counter: Counter) -> None:
        self._pattern, self._counter = pattern, counter

    def search(self, text: str, start: int, end: int) -> re.Match[str] | None:
        self._counter.characters += max(0, end - start)
        return self._pattern.search(text, start, end)


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    counted = Counter()

    def counting(parse: Callable[..., Any]) -> Callable[..., Any]:
        def counting_parse(self: object, source: str, *rest: object) -> object:
            counted.characters += len(source)
            return parse(self, source, *rest)

        return counting_parse

    class CountedFence(OpenFence):
        def __init__(self, opening: re.Match[str]) -> None:
            super().__init__(opening)
            self._closing: Any = CountedPattern(self._closing, counted)

        def _dedented(self, code: str) -> str:
            counted.characters += len(code)
            return super()._dedented(code)

    monkeypatch.setattr(ParserBlock, "parse", counting(ParserBlock.parse))
    monkeypatch.setattr(ParserInline, "parse", counting(ParserInline.parse))
    monkeypatch.setattr(markdown, "OpenFence", CountedFence)
    return counted


@pytest.mark.parametrize("name", ENDLESS)
def test_an_update_reads_no_more_however_much_stands_already(counter: Counter, name: str) -> None:
    text = ENDLESS[name]
    assert len(text) > CHARACTERS - 20_000
    stream = MarkdownStream(THEME)
    stream.update(text[:CHARACTERS], True)
    counter.taken()
    for end in range(CHARACTERS + 4, CHARACTERS + 404, 20):
        stream.update(text[:end] if end < len(text) else text + WORDS[: end - len(text)], True)
        assert counter.taken() <= 5 * WINDOW_CHARACTERS
    if "code" in name:
        stream.update(text[:CHARACTERS], True)
        counter.taken()
        stream.update(text[: CHARACTERS + 100], True)
        assert counter.taken() < 1_000


@pytest.mark.parametrize("name", ENDLESS)
@pytest.mark.parametrize("streaming", [True, False])
def test_a_step_of_reading_is_short(counter: Counter, name: str, streaming: bool) -> None:
    text = ENDLESS[name]
    stream = MarkdownStream(THEME)
    for step in range(4):
        stream.update(text, streaming, seconds=0)
        first = 4 * AT_ONCE_CHARACTERS if step == 0 else 0
        references = markdown.MAXIMUM_REFERENCES * 100 if step == 0 else 0
        fence = 2 * len(text) if "code" in name else 0  # searched and copied, not parsed
        assert counter.taken() <= 5 * WINDOW_CHARACTERS + first + references + fence


def test_a_fence_is_read_as_its_lines_come() -> None:
    text = "  ```py  \n  one\n   two\n\n  ``\n three ```\n~~~\n  ````  \nafter"
    for size in (1, 3, 7):
        stream = MarkdownStream(THEME)
        for end in range(size, len(text), size):
            stream.update(text[:end], True)
        code, after = stream.update(text, False)
        assert code.text == "one\n two\n\n``\nthree ```\n~~~"
        assert (code.language, after.text) == ("py", "after")


def test_code_that_is_shown_and_then_waits_is_read_anew() -> None:
    opening = markdown._OPENING_FENCE.match("```\none\ntwo\nthree")
    assert opening is not None
    fence = open_fence.OpenFence(opening)
    assert fence.read("```\none\ntwo\nthree", 16)[0] == "one\ntwo\nthree"[:12]
    assert fence.read("```\none\ntwo\nthree", 6)[0] == "on"
    assert fence.read("```\none\ntwo\n```", 15)[0] == "one\ntwo"


def test_tags_talked_about_in_code_are_not_searched_from_the_beginning_for_each() -> None:
    text = "<think>a</think>\n```\n" + "<think>\n" * 20_000 + "```\n<think>b</think>c"
    assert [passage.text.strip()[-1:] for passage in split_thinking(text)] == ["a", "`", "b", "c"]
