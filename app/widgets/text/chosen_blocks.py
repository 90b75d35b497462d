"""What is selected in a document that shows several blocks: its text, and how much of each block it is."""

from collections.abc import Sequence

from PySide6.QtGui import QTextCursor, QTextDocument

from app.bidi import without_isolates
from app.rendering.blocks import Block
from app.rendering.selection import Chosen
from app.widgets.basics.safe_document import SafeDocument
from app.widgets.text.formula_object import selected_text
from app.widgets.text.formula_places import without_formulas
from app.widgets.text.table_text import chosen_cells


def text_of(cursor: QTextCursor) -> str:
    """Return what a cursor selects as it is copied: formulas as LaTeX between dollars."""
    cells = chosen_cells(cursor)
    if cells is not None:
        return cells
    text = without_isolates(selected_text(cursor).replace("\ufffc", ""))
    # Qt puts an empty line before what begins at the beginning of a list item.
    return text if cursor.selectedText().startswith("\u2029") else text.removeprefix("\n")


def chosen_blocks(cursor: QTextCursor, document: QTextDocument, blocks: Sequence[Block]) -> list[Chosen]:
    """Return all blocks of a document that shows them, each with what the cursor selects of it."""
    first, last = cursor.selectionStart(), cursor.selectionEnd()
    end = document.characterCount() - 1
    if first == last:
        return [Chosen(block, "") for block in blocks]
    if first == 0 and last == end:
        return [Chosen(block, block.text, is_whole=True) for block in blocks]
    starts = [*_starts(document, blocks), end + 1]
    chosen = []
    for block, start, following in zip(blocks, starts, starts[1:], strict=False):
        part = QTextCursor(document)
        part.setPosition(max(first, start))
        part.setPosition(max(part.position(), min(last, following - 1)), QTextCursor.MoveMode.KeepAnchor)
        is_whole = first <= start and last >= following - 1
        chosen.append(Chosen(block, block.text if is_whole else text_of(part), is_whole))
    return chosen


def _starts(document: QTextDocument, blocks: Sequence[Block]) -> list[int]:
    """Return where each block begins in the document: as far as what stands above it goes."""
    starts, html = [], ""
    measure = SafeDocument()
    for block in blocks:
        measure.setHtml(without_formulas(html) + "<p>x</p>")
        starts.append(document.findBlockByNumber(measure.blockCount() - 1).position())
        html += block.html
    return starts
