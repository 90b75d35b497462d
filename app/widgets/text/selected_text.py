"""What is selected on the page of messages, as plain text or as Markdown; also of messages that have no widget now."""

from collections.abc import Callable

from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from app.bidi import without_isolates
from app.conversations.records import Message
from app.models.transcript_model import TranscriptModel
from app.rendering.blocks import NO_LOOKS, Block, BlockKind
from app.rendering.formulas import parse_formula
from app.rendering.markdown import render
from app.rendering.selection import Chosen, markdown_of
from app.rendering.thinking import Thinking, split_thinking, without_thinking
from app.widgets.text.code_block import CodeBlock
from app.widgets.text.code_view import CodeView
from app.widgets.text.formula_block import FormulaBlock
from app.widgets.text.page_texts import (
    Drawing,
    Leaf,
    PendingPiece,
    PieceColumn,
    drawings_in,
    leaves_in,
    number_in,
    pending_in,
)
from app.widgets.text.plain_text_view import PlainTextView
from app.widgets.text.text_selection import SelectionArea
from app.widgets.text.text_view import TextView
from engine.api.message import Role


def selected_text(area: SelectionArea, model: TranscriptModel) -> str:
    """Return the selection as plain text."""
    return _of_rows(area, model, lambda widget, row: _plain_of(area, widget, row), _plain_of_row)


def selected_markdown(area: SelectionArea, model: TranscriptModel) -> str:
    """Return the source of what is selected whole, and the text of what is selected in part."""
    return _of_rows(area, model, lambda widget, row: _markdown_of(area, widget, model, row), _content_of_row)


def _of_rows(
    area: SelectionArea,
    model: TranscriptModel,
    of_widget: Callable[[QWidget, int], str],
    of_row: Callable[[TranscriptModel, int], str],
) -> str:
    widgets = dict(area.selectable_rows())
    bounds = area.selection.bounds
    rows = range(bounds[0].row, bounds[1].row + 1) if bounds is not None else sorted(widgets)
    parts = (of_widget(widgets[row], row) if row in widgets else of_row(model, row) for row in rows)
    return "\n\n".join(part for part in parts if part)


def _plain_of(area: SelectionArea, widget: QWidget, row: int) -> str:
    # Where a selection begins and ends counts by what is shown.
    if area.selection.bounds is not None and not area.selection.holds(row):
        for column in widget.findChildren(PieceColumn):
            column.catch_up()
    texts = (_text_of(area, part, row) for part in _parts_of(widget))
    return "\n".join(text for text in texts if text)


def _parts_of(widget: QWidget) -> list[Leaf | Drawing | PendingPiece]:
    """Return the texts of a message, and what stands between them, from top to bottom."""
    drawings = [drawing for drawing in drawings_in(widget) if drawing.isVisibleTo(widget)]
    parts: list[Leaf | Drawing | PendingPiece] = [*leaves_in(widget), *drawings, *pending_in(widget)]
    return sorted(parts, key=lambda part: part.number if isinstance(part, PendingPiece) else number_in(widget, part))


def _text_of(area: SelectionArea, part: Leaf | Drawing | PendingPiece, row: int) -> str:
    if not isinstance(part, PendingPiece):
        return _text_in(part)
    return "\n".join(_shown_text(block) for block in part.blocks) if area.selection.covers(row, part.number) else ""


def _shown_text(block: Block) -> str:
    return parse_formula(block.text).source if block.kind is BlockKind.FORMULA else block.text


def _text_in(leaf: Leaf | Drawing) -> str:
    if isinstance(leaf, FormulaBlock):
        return leaf.selected_source() if leaf.is_selected and leaf.is_drawn else ""
    return leaf.selected_text() if isinstance(leaf, (TextView, CodeView, PlainTextView)) else ""


def copied_text(message: Message) -> str:
    """Return what a whole message is copied as: as it was written, an answer without the thinking before it."""
    if message.role is Role.USER:
        return message.content
    return without_thinking(message.content, message.opens_thinking)


def _markdown_of(area: SelectionArea, widget: QWidget, model: TranscriptModel, row: int) -> str:
    chosen = [chosen for part in _parts_of(widget) for chosen in _chosen_of(area, part, row)]
    content = _content_of_row(model, row)
    is_all = bool(chosen) and all(part.is_whole for part in chosen)
    message = model.entry(row).message
    passages = split_thinking(content, opened=message.opens_thinking)
    if is_all and (message.role is Role.USER or not any(passage.is_thinking for passage in passages)):
        return content
    return markdown_of(chosen)


def _chosen_of(area: SelectionArea, part: Leaf | Drawing | PendingPiece, row: int) -> list[Chosen]:
    if not isinstance(part, PendingPiece):
        return _chosen_in(part)
    is_whole = area.selection.covers(row, part.number)
    return [Chosen(block, _shown_text(block) if is_whole else "", is_whole) for block in part.blocks]


def _chosen_in(leaf: Leaf | Drawing) -> list[Chosen]:
    if isinstance(leaf, FormulaBlock):
        if leaf.block is None or not leaf.is_drawn:  # its source is a text of its own
            return []
        return [Chosen(leaf.block, leaf.selected_source() if leaf.is_selected else "", leaf.is_selected)]
    if isinstance(leaf, TextView):
        return leaf.chosen_blocks()
    text = _text_in(leaf)
    whole = leaf.toPlainText() if isinstance(leaf, QTextEdit | QPlainTextEdit) else ""
    is_whole = bool(text) and len(text) in (len(whole), len(without_isolates(whole)))
    code = leaf.parentWidget()
    if isinstance(code, CodeBlock) and code.block is not None:
        return [Chosen(code.block, text, is_whole)]
    return [Chosen(Block(BlockKind.HTML, text=text), text, is_whole)]


def _plain_of_row(model: TranscriptModel, row: int) -> str:
    message = model.entry(row).message
    if message.role is Role.USER:
        return message.content
    blocks = render(message.content, NO_LOOKS, thinking=Thinking(message.opens_thinking))
    shown = (block for block in blocks if block.kind is not BlockKind.THINKING)
    return "\n".join(block.text for block in shown)


def _content_of_row(model: TranscriptModel, row: int) -> str:
    return model.entry(row).message.content
