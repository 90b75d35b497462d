"""A table of an answer as text: for spreadsheets, and as Markdown."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor, QTextTable

from app.bidi import without_isolates


def is_turned(table: QTextTable) -> bool:
    """Return whether the columns stand from right to left: such a table is written turned, to the right."""
    return bool(table.format().alignment() & Qt.AlignmentFlag.AlignRight)


def table_at(cursor: QTextCursor) -> QTextTable | None:
    """Return the table that a place of a document stands in."""
    table = cursor.currentTable()
    return table if isinstance(table, QTextTable) else None


def values_of(table: QTextTable) -> str:
    """Return one line for each row, values apart by tabs: spreadsheets take that as cells."""
    return "\n".join("\t".join(row) for row in _cells(table))


def markdown_of(table: QTextTable) -> str:
    """Return the table as Markdown; the first row is its head."""
    rows = [[cell.replace("|", "\\|") for cell in row] for row in _cells(table)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    if lines:
        lines.insert(1, "|" + "|".join(" --- " for _ in rows[0]) + "|")
    return "\n".join(lines)


def chosen_cells(cursor: QTextCursor) -> str | None:
    """Return the cells that are selected of a table from right to left, in the order in which they are read.

    None for any other selection: a document keeps its order by itself.
    """
    table = table_at(cursor)
    if table is None or not cursor.hasComplexSelection() or not is_turned(table):
        return None
    first, last = table.cellAt(cursor.selectionStart()), table.cellAt(cursor.selectionEnd())
    rows = sorted((first.row(), last.row()))
    columns = sorted((first.column(), last.column()))
    places = _as_read(table, range(columns[0], columns[1] + 1))
    return "\n".join(_text_of(table, row, place) for row in range(rows[0], rows[1] + 1) for place in places)


def _cells(table: QTextTable) -> list[list[str]]:
    columns = range(table.columns())
    return [[_text_of(table, row, column) for column in _as_read(table, columns)] for row in range(table.rows())]


def _as_read(table: QTextTable, columns: range) -> range:
    return columns[::-1] if is_turned(table) else columns


def _text_of(table: QTextTable, row: int, column: int) -> str:
    cell = table.cellAt(row, column)
    cursor = cell.firstCursorPosition()
    cursor.setPosition(cell.lastCursorPosition().position(), QTextCursor.MoveMode.KeepAnchor)
    return without_isolates(" ".join(cursor.selection().toPlainText().split()))
