"""Heights of all rows: measured where widgets are, guessed elsewhere, of a long conversation some rows in each turn."""

from collections.abc import Callable

from app.models.row_sums import RowSums
from app.models.transcript_model import TranscriptEntry, TranscriptModel
from app.widgets.transcript.reading_place import TOP_MARGIN_PX

BOTTOM_MARGIN_PX = 16
_ROWS_AT_ONCE = 200

EstimateHeight = Callable[[TranscriptEntry, int], int]


class RowHeights:
    """Pixels on the page, from its top. is_live(id) tells which rows have widgets, and so a height of their own."""

    def __init__(self, model: TranscriptModel, estimate: EstimateHeight, is_live: Callable[[str], bool]) -> None:
        self._model = model
        self._estimate = estimate
        self._is_live = is_live
        self._sums = RowSums()
        self._rough_rows = 0  # so many, from the first one on, are still to be guessed one by one
        self.width = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._sums)

    def __getitem__(self, row: int) -> int:
        """Return one row's height; raises IndexError."""
        return self._sums[row]

    @property
    def page(self) -> int:
        """The height of the whole page."""
        return TOP_MARGIN_PX + self._sums.total + BOTTOM_MARGIN_PX

    def top(self, row: int) -> int:
        """Return where a row begins; the number of rows gives the end of the last one."""
        return TOP_MARGIN_PX + self._sums.before(row)

    def row_at(self, place: int) -> int:
        """Return the row at a place of the page; the first or last one outside, -1 if there is none."""
        return self._sums.row_at(place - TOP_MARGIN_PX)

    def between(self, top: int, bottom: int) -> range:
        """Return the rows between two places of the page."""
        return range(self.row_at(top), self.row_at(bottom) + 1) if len(self) else range(0)

    def set_height(self, row: int, height: int) -> int:
        """Take a measured height; return by how much the row grew."""
        return self._sums.set_value(row, height)

    def guess(self, row: int) -> None:
        """Guess one row's height, as its text is another."""
        self._sums.set_value(row, self._estimate(self._model.entry(row), self.width))

    def clear(self) -> None:
        """Have no rows."""
        self._sums.replace_from(0, [])

    def remove(self, first: int, last: int) -> None:
        """Let rows go."""
        self._sums.replace_from(first, self._sums.values_from(last + 1))

    def renew(self, first: int) -> None:
        """Guess the rows from one on: the last ones now, the others as high as these on average until their turn."""
        rows = range(max(first, self._model.rowCount() - _ROWS_AT_ONCE), self._model.rowCount())
        guessed = [self._height_of(row) for row in rows]
        rough = rows.start - first if rows else 0
        mean = sum(guessed) // len(guessed) if guessed else 0
        self._sums.replace_from(first, [mean] * rough + guessed)
        self._rough_rows = rows.start if rough else min(self._rough_rows, first)

    def wrap_at(self, width: int) -> None:
        """Guess all rows for another width, or size of the text; those of a long conversation keep theirs so long."""
        self.width = width
        if len(self) <= _ROWS_AT_ONCE:
            self.renew(0)
        else:
            self._rough_rows = len(self)

    def guess_on(self) -> bool:
        """Guess some rows, from the last one up; False: there are none to be guessed any more."""
        end = min(self._rough_rows, len(self))
        self._rough_rows = max(0, end - _ROWS_AT_ONCE)
        for row in range(self._rough_rows, end):
            self._sums.set_value(row, self._height_of(row))
        return end > 0

    def _height_of(self, row: int) -> int:
        entry = self._model.entry(row)
        is_known = row < len(self) and self._is_live(entry.message.id)
        return self._sums[row] if is_known else self._estimate(entry, self.width)
