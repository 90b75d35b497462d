"""Sources of blocks, and the Markdown of selections."""

from hypothesis import given
from hypothesis import strategies as st

from app.rendering.blocks import Block, BlockKind, RenderTheme
from app.rendering.markdown import MarkdownStream, render
from app.rendering.selection import Chosen, markdown_of

THEME = RenderTheme("", "", "", "", "", "")
PARTS = [
    "A *paragraph* of\ntwo lines.",
    "# Heading",
    "- one\n- two\n\n  ```sh\n  ls\n  ```\n- three",
    "```python\nx = 1\n```",
    "~~~\n```\n~~~",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "> quoted\n> more",
    "---",
    "    indented code",
]


@given(st.lists(st.sampled_from(PARTS), max_size=8))
def test_all_sources_together_are_the_text(parts: list[str]) -> None:
    text = "\n\n".join(parts)
    sources = [block.source for block in render(text, THEME)]
    assert "".join("".join(sources).split()) == "".join(text.split())


@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=5), st.integers(1, 40))
def test_a_stream_ends_with_the_sources_of_the_whole(parts: list[str], step: int) -> None:
    text = "\n\n".join(parts)
    stream = MarkdownStream(THEME)
    for end in range(0, len(text), step):
        stream.update(text[:end], streaming=True)
    streamed = stream.update(text, streaming=False)
    assert "".join("".join(block.source for block in streamed).split()) == "".join(text.split())


def test_whole_blocks_are_copied_as_they_were_written() -> None:
    text = "First *one*.\n\n" + PARTS[2] + "\n\nLast `one`."
    blocks = render(text, THEME)
    assert markdown_of([Chosen(block, block.text, True) for block in blocks]) == text


def test_of_a_block_in_part_its_text_is_copied() -> None:
    blocks = render("First *one*.\n\nLast `one`.", THEME)
    assert (
        markdown_of([Chosen(blocks[0], "one.", False), Chosen(blocks[1], "Last one.", True)]) == "one.\n\nLast `one`."
    )


def test_code_out_of_a_list_keeps_its_fence() -> None:
    blocks = render(PARTS[2], THEME)
    assert [block.kind for block in blocks] == [BlockKind.HTML, BlockKind.CODE, BlockKind.HTML]
    chosen = [Chosen(blocks[0], ""), Chosen(blocks[1], "ls", True), Chosen(blocks[2], "")]
    assert markdown_of(chosen) == "```sh\nls\n```"


def test_a_fence_is_longer_than_those_inside() -> None:
    block = Block(BlockKind.CODE, text="```\nx\n```", language="md")
    assert markdown_of([Chosen(block, block.text, True)]) == "````md\n```\nx\n```\n````"
