"""Writes a table of an answer: its columns stand in the order in which its language is read."""

from dataclasses import dataclass

from app.bidi import is_right_to_left
from app.rendering.blocks import RenderTheme
from app.rendering.directions import direction_mark, table_direction
from app.rendering.spoken import table as spoken_table

_PARAGRAPH_GAP_PX = 12
_SIDES = ("left", "right", "center")
RIGHT_TO_LEFT_TABLE = '<table align="right"'  # no dir: Qt would give it to the paragraphs that follow


@dataclass(frozen=True)
class _Cell:
    tag: str
    side: str  # "" where the table says nothing
    html: str
    text: str
    spoken: str
    prose: str


class TableWriter:
    """Collects the cells of one table; Qt lays columns out from left to right only, so others are written turned."""

    def __init__(self, theme: RenderTheme, indent_px: int) -> None:
        self._theme = theme
        self._indent_px = indent_px
        self._rows: list[list[_Cell]] = []
        self._tag, self._side = "td", ""

    def open_row(self) -> None:
        """Begin the next row."""
        self._rows.append([])

    def open_cell(self, tag: str, style: str) -> None:
        """Begin a cell: th or td, with the style that Markdown's colons gave it."""
        self._tag = tag
        side = style.removeprefix("text-align:")
        self._side = side if side in _SIDES else ""

    def add(self, html: str, text: str, spoken: str, prose: str) -> None:
        """Put the words into the cell that was opened; prose is what of them counts for the direction."""
        self._rows[-1].append(_Cell(self._tag, self._side, html, text, spoken, prose))

    def html(self) -> str:
        """Return the whole table."""
        is_rtl = table_direction([[cell.prose for cell in row] for row in self._rows])
        margin = f"margin-top:{_PARAGRAPH_GAP_PX}px; margin-bottom:{_PARAGRAPH_GAP_PX}px;"
        margin += f" margin-{'right' if is_rtl else 'left'}:{self._indent_px}px;"
        opening = RIGHT_TO_LEFT_TABLE if is_rtl else "<table"
        rows = "".join(self._row(row, is_rtl) for row in self._rows)
        style = f"border-collapse:collapse; {margin}"
        return f'{opening} cellspacing="0" cellpadding="0" style="{style}">{rows}</table>'

    def lines(self) -> list[str]:
        """Return the words of each row, cells in the order in which they are read."""
        return ["\t".join(cell.text for cell in row) for row in self._rows]

    def spoken(self) -> str:
        """Return how the table is said, cells in the order in which they are read."""
        return spoken_table([[cell.spoken for cell in row] for row in self._rows])

    def _row(self, row: list[_Cell], is_rtl: bool) -> str:
        shown = reversed(row) if is_rtl else row
        return f"<tr>{''.join(self._cell(cell, is_rtl) for cell in shown)}</tr>"

    def _cell(self, cell: _Cell, is_rtl: bool) -> str:
        theme = self._theme
        look = f"background-color:{theme.table_header}; font-weight:600;" if cell.tag == "th" else ""
        line = f"border-bottom:1px solid {theme.hairline};"
        side = cell.side or ("right" if is_rtl else "left")
        height = f"line-height:{theme.line_height_px}px; -qt-line-height-type:minimum;"
        # The attribute, as Qt takes the style's text-align for "where reading begins" and so turns it for Hebrew.
        opening = f'<p align="{side}"{direction_mark(bool(is_right_to_left(cell.prose)))}'
        opening += f' style="{height} margin-top:0; margin-bottom:0; {look}">'
        return f'<{cell.tag} style="padding:6px 12px 6px 12px; {line} {look}">{opening}{cell.html}</p></{cell.tag}>'
