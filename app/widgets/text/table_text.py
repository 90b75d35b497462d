"""A table of an answer as text: for spreadsheets, and as Markdown."""

from PySide6.QtGui import QTextCursor, QTextTable


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


def _cells(table: QTextTable) -> list[list[str]]:
    return [[_text_of(table, row, column) for column in range(table.columns())] for row in range(table.rows())]


def _text_of(table: QTextTable, row: int, column: int) -> str:
    cell = table.cellAt(row, column)
    cursor = cell.firstCursorPosition()
    cursor.setPosition(cell.lastCursorPosition().position(), QTextCursor.MoveMode.KeepAnchor)
    return " ".join(cursor.selection().toPlainText().split())
