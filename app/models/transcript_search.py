"""Counts what is looked for in all messages of the shown branch, on a thread of its own; the newest text included.

An attachment that holds the words is one match, before those in the message that it goes with: it stands above them.
"""

import threading
from queue import SimpleQueue

from PySide6.QtCore import QModelIndex, QObject, QTimer, Signal, Slot

from app.models.lent_time import LentTime
from app.models.row_sums import RowSums
from app.models.transcript_counting import CountingJob, Counts, MessageReader, Results
from app.models.transcript_model import TranscriptEntry, TranscriptModel
from app.rendering.shown_text import Pattern, search_pattern

_TURN_MS = 5  # time is lent, and results are fetched, about so often
_GROWTH_MS = 250  # an answer that streams is searched about so often


class TranscriptSearch(QObject):
    """The number of matches of each message, by row; ``changed`` says that they are others now."""

    changed = Signal()

    def __init__(self, model: TranscriptModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._pattern: Pattern | None = None
        self._words = ""
        self._counts: Counts = {}
        self._counted_by: dict[str, int] = {}  # the job whose count it is, by message
        self._jobs = 0
        self._grown: set[str] = set()
        self._matches = RowSums()  # has no rows while nothing is looked for
        self._lent = LentTime()
        self._is_searching = False
        self._reader = MessageReader()
        self._results: Results = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._turn = QTimer(self)  # results are fetched: a signal from a thread may outlive what sends it
        self._turn.setInterval(_TURN_MS)
        self._turn.timeout.connect(self._on_turn)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_GROWTH_MS)
        self._later.timeout.connect(self._on_growth_due)
        model.modelReset.connect(self._on_reset)
        model.rowsInserted.connect(self._on_rows_inserted)
        model.rowsRemoved.connect(self._on_rows_removed)
        model.dataChanged.connect(self._on_data_changed)

    @property
    def pattern(self) -> Pattern | None:
        """What finds the words; None while nothing is looked for."""
        return self._pattern

    @property
    def total(self) -> int:
        """How many matches there are, as far as they are counted."""
        return self._matches.total

    @property
    def is_searching(self) -> bool:
        """True until all messages are counted."""
        return self._is_searching

    def place(self, number: int) -> tuple[int, int]:
        """Return the row of a match (counted from 0) and its number within that row; raises IndexError."""
        if not 0 <= number < self.total:
            raise IndexError(number)
        row = self._matches.row_at(number)
        return row, number - self._matches.before(row)

    def number_at(self, row: int, within: int = 0) -> int:
        """Return the number of the first match at or after a place; 0 if there is none after it."""
        if not 0 <= row < len(self._matches):
            return 0
        number = self._matches.before(row) + max(0, min(within, self._matches[row] - 1))
        return number if number < self.total else 0

    def files_of(self, message_id: str) -> tuple[int, ...]:
        """Return which attachments of a message hold the words; each is a match, and they are the first ones of it."""
        return self._counts[message_id].files if message_id in self._counts else ()

    def look_for(self, words: str, match_case: bool) -> None:
        """Search all messages; nothing but blanks ends it."""
        self._words = words
        self._pattern = search_pattern(words, match_case) if words.strip() else None
        self._restart()

    def close(self) -> None:
        """End the search and wait for its thread."""
        self.look_for("", match_case=False)
        for thread in self._threads:
            thread.join()
        self._on_turn()
        self._reader = MessageReader()

    def _restart(self) -> None:
        self._lent.end()
        self._lent = LentTime()
        self._counts.clear()
        self._counted_by.clear()
        self._grown.clear()
        self._later.stop()
        self._is_searching = self._pattern is not None
        self._matches.replace_from(0, [0] * self._model.rowCount() if self._is_searching else [])
        self._count(self._model.entries(), is_all=True)
        self.changed.emit()

    def _count(self, entries: list[TranscriptEntry], *, is_all: bool = False) -> None:
        if self._pattern is None:
            return
        self._jobs += 1
        job = CountingJob(self._jobs, self._lent, entries, is_all, self._pattern, self._words)
        thread = threading.Thread(target=job.work, args=(self._reader, self._results), name="find", daemon=True)
        self._threads.append(thread)
        thread.start()
        self._turn.start()

    @Slot()
    def _on_turn(self) -> None:
        self._lent.lend()
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if not self._threads:
            self._turn.stop()
        found = False
        while not self._results.empty():
            job, counts, is_done = self._results.get()
            if job.lent is self._lent:
                self._take(job.number, counts)
                self._is_searching = self._is_searching and not (is_done and job.is_all)
                found = True
        if found:
            self.changed.emit()

    def _take(self, job_number: int, counts: Counts) -> None:
        for message_id, count in counts.items():
            row = self._model.row_of(message_id)
            if row is not None and self._counted_by.get(message_id, 0) <= job_number:
                self._counted_by[message_id] = job_number
                self._counts[message_id] = count
                self._matches.set_value(row, count.total)

    @Slot()
    def _on_reset(self) -> None:
        self._reader = MessageReader()
        if self._pattern is not None:
            self._restart()

    @Slot(QModelIndex, int, int)
    def _on_rows_inserted(self, parent: QModelIndex, first: int, last: int) -> None:
        if self._pattern is not None:
            self._matches.replace_from(first, [0] * (last + 1 - first) + self._matches.values_from(first))
            self._count(self._model.entries(first, last + 1))

    @Slot(QModelIndex, int, int)
    def _on_rows_removed(self, parent: QModelIndex, first: int, last: int) -> None:
        if self._pattern is not None:
            self._counts = {key: count for key, count in self._counts.items() if self._model.row_of(key) is not None}
            self._matches.replace_from(first, self._matches.values_from(last + 1))
            self.changed.emit()

    @Slot(QModelIndex, QModelIndex)
    def _on_data_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        if self._pattern is None:
            return
        self._grown.update(self._model.entry(row).message.id for row in range(first.row(), last.row() + 1))
        if not self._later.isActive():
            self._later.start()

    @Slot()
    def _on_growth_due(self) -> None:
        rows = [row for row in map(self._model.row_of, self._grown) if row is not None]
        self._grown.clear()
        self._count([self._model.entry(row) for row in sorted(rows)])
