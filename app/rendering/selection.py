"""The Markdown of a selection: the source of what was selected whole, the text of what was selected in part."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import dedent

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
    is_joined = False
    for chosen in blocks:
        if chosen.block.source and group:
            is_joined = _add_group(parts, group, is_joined)
            group = []
        group.append(chosen)
    _add_group(parts, group, is_joined)
    return "\n\n".join(part.strip("\n") for part in parts)


def _add_group(parts: list[str], group: Sequence[Chosen], is_joined: bool) -> bool:
    """Add what blocks give that one piece of source was written for; return whether the next piece may follow on it.

    is_joined: the piece before was added as it was written, so that this one goes on with it if the two were cut.
    """
    if not group or not group[0].block.source or not all(chosen.is_whole for chosen in group):
        parts.extend(_of_part(chosen) for chosen in group if chosen.text)
        return False
    first = group[0].block
    if first.head is not None and is_joined:
        parts[-1] += first.source
    else:
        parts.append(dedent((first.head or "") + first.source))
    return True


def _of_part(chosen: Chosen) -> str:
    block = chosen.block
    if block.kind is not BlockKind.CODE or not chosen.is_whole:
        return chosen.text
    longest = max((len(line) - len(line.lstrip("`")) for line in block.text.split("\n")), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{block.language}\n{block.text}\n{fence}"
