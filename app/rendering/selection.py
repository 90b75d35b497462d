"""The Markdown of a selection: the source of what was selected whole, the text of what was selected in part."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.rendering.blocks import Block, BlockKind


@dataclass(frozen=True, slots=True)
class Chosen:
    """A block of a message with what is selected of it: its text, "" for nothing."""

    block: Block
    text: str
    is_whole: bool = False


def markdown_of(blocks: Sequence[Chosen]) -> str:
    """Return the Markdown of a selection; give all blocks of the message, in order, also those not selected."""
    parts: list[str] = []
    group: list[Chosen] = []
    for chosen in blocks:
        if chosen.block.source and group:
            parts.extend(_of_group(group))
            group = []
        group.append(chosen)
    parts.extend(_of_group(group))
    return "\n\n".join(parts)


def _of_group(group: Sequence[Chosen]) -> list[str]:
    """Return the parts of blocks that one piece of source was written for."""
    if group and group[0].block.source and all(chosen.is_whole for chosen in group):
        return [group[0].block.source.strip("\n")]
    return [_of_part(chosen) for chosen in group if chosen.text]


def _of_part(chosen: Chosen) -> str:
    block = chosen.block
    if block.kind is not BlockKind.CODE or not chosen.is_whole:
        return chosen.text
    longest = max((len(line) - len(line.lstrip("`")) for line in block.text.split("\n")), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{block.language}\n{block.text}\n{fence}"
