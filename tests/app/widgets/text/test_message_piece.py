"""Blocks are joined to pieces, and only those that are new are looked at."""

import pytest

from app.rendering.blocks import Block, BlockKind
from app.widgets.text import message_piece
from app.widgets.text.message_piece import PieceCutter


def paragraph(number: int) -> Block:
    return Block(BlockKind.HTML, f"<p>{number}</p>", f"{number} {'x' * 300}")


BLOCKS = [
    Block(BlockKind.CODE, text="code") if number % 17 == 5 else paragraph(number) for number in range(400)
]  # fmt: skip


@pytest.mark.parametrize("step", [1, 2, 7, 50])
def test_pieces_that_grow_are_those_of_the_whole(step: int) -> None:
    cutter = PieceCutter()
    for end in range(0, len(BLOCKS), step):
        last = Block(BlockKind.HTML, "<p>open</p>", "open", closed=False)
        cutter.cut([*BLOCKS[:end], last])
    whole = PieceCutter()
    cutter.cut(BLOCKS)
    whole.cut(BLOCKS)
    assert cutter.pieces == whole.pieces
    assert [block for piece in whole.pieces for block in piece] == BLOCKS
    assert cutter.are_many
    assert whole.are_many
    cutter.cut(BLOCKS[:3])
    assert cutter.pieces == [tuple(BLOCKS[:3])]
    assert not cutter.are_many
    assert cutter.cut([]) == 0
    assert cutter.pieces == []


def test_blocks_that_stayed_are_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Block] = []
    joins = message_piece.joins

    def counted(first: Block, block: Block, characters: int) -> bool:
        looked.append(block)
        return joins(first, block, characters)

    monkeypatch.setattr(message_piece, "joins", counted)
    cutter = PieceCutter()
    cutter.cut(BLOCKS)
    looked.clear()
    cutter.cut([*BLOCKS, paragraph(400)])
    assert 0 < len(looked) < 20
