"""Text that flows in paragraphs and tables, whatever the document format calls them, becomes lines."""

from app.attachments.sink import TextSink

_BETWEEN_CELLS = " | "


class Flow:
    """Paragraphs become lines with an empty one between; a table's row becomes one line, its cells parted by bars."""

    def __init__(self, sink: TextSink) -> None:
        self._sink = sink
        self._line: list[str] = []
        self._cells: list[list[str]] = []  # of the rows that are open, the innermost last
        self._cell_texts: list[str] = []
        self._depth = 0  # of rows

    def add(self, text: str) -> None:
        """Add to the paragraph."""
        self._line.append(text)

    def end_paragraph(self, prefix: str = "", *, is_close: bool = False) -> None:
        """End the paragraph; is_close: the next follows without an empty line."""
        text = "".join(self._line).strip()
        self._line.clear()
        if self._depth:
            if text:
                self._cell_texts.append(" ".join(text.split()))
        elif text:
            self._sink.write(f"{prefix}{text}\n" if is_close else f"{prefix}{text}\n\n")

    def line(self, text: str) -> None:
        """Write a line of our own, as a slide's number."""
        self._sink.write(f"{text}\n\n")

    def begin_row(self) -> None:
        """Begin a table's row; a table within a cell belongs to the cell."""
        self._depth += 1
        if self._depth == 1:
            self._cells.append([])

    def end_cell(self, times: int = 1) -> None:
        """End a cell."""
        if self._depth == 1:
            self.end_paragraph()
            self._cells[-1].extend([" ".join(self._cell_texts)] * times)
            self._cell_texts.clear()

    def end_row(self) -> None:
        """End the row."""
        self._depth = max(0, self._depth - 1)
        if self._depth == 0 and self._cells:
            cells = self._cells.pop()
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                self._sink.write(_BETWEEN_CELLS.join(cells) + "\n")

    def end_block(self) -> None:
        """Leave room behind a table or a list."""
        if self._depth == 0:
            self._sink.write("\n")
