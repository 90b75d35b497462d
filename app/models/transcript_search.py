"""Counts what is looked for in all messages of the shown branch, on a thread of its own; the newest text included.

An attachment that holds the words is one match, before those in the message that it goes with: it stands above them.
"""

import threading
import time
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from queue import SimpleQueue

from PySide6.QtCore import QModelIndex, QObject, QTimer, Signal, Slot

from app.bidi import without_isolates
from app.conversations.attachment import Attachment
from app.conversations.records import MessageState
from app.models.transcript_model import TranscriptModel
from app.rendering.blocks import RenderTheme
from app.rendering.markdown import MarkdownStream
from app.rendering.shown_text import Pattern, count_in, may_contain, search_pattern, shown_lines
from engine.api.message import Role

_REPORTED_MESSAGES = 500  # after so many the count so far is told
_REMEMBERED_CHARACTERS = 4_000_000
# Whoever paints waits for Python's lock at each step of its own, up to 5 ms if nobody lets go of it before.
_WORK_SECONDS = 0.002
_REST_SECONDS = 0.0005
_PIECE_CHARACTERS = 20_000  # of a file
_LONGEST_MATCH = 2_000
_LOOK_MS = 20
_GROWTH_MS = 250  # an answer that streams is searched about so often
_NO_LOOKS = RenderTheme("", "", "", "", "", "")


@dataclass(frozen=True, slots=True)
class _Text:
    """A message as it is searched: Markdown, or exactly what was written."""

    message_id: str
    content: str
    is_markdown: bool
    is_streaming: bool
    attachments: tuple[Attachment, ...]


@dataclass(frozen=True, slots=True)
class _Count:
    """Which attachments of a message hold the words (by their places), and how often its text does."""

    files: tuple[int, ...]
    in_text: int

    @property
    def total(self) -> int:
        return len(self.files) + self.in_text


class TranscriptSearch(QObject):
    """The number of matches of each message, by row; ``changed`` says that they are others now."""

    changed = Signal()

    def __init__(self, model: TranscriptModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._pattern: Pattern | None = None
        self._words = ""
        self._counts: dict[str, _Count] = {}
        self._grown: set[str] = set()
        self._rows: list[int] = []
        self._ends: list[int] = []
        self._run = _Run()
        self._is_searching = False
        self._reader = _Reader()
        self._results: SimpleQueue[tuple[_Run, dict[str, _Count], bool]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._look = QTimer(self)  # results are fetched: a signal from a thread may outlive what sends it
        self._look.setInterval(_LOOK_MS)
        self._look.timeout.connect(self._on_results_due)
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
        return self._ends[-1] if self._ends else 0

    @property
    def is_searching(self) -> bool:
        """True until all messages are counted."""
        return self._is_searching

    def place(self, number: int) -> tuple[int, int]:
        """Return the row of a match (counted from 0) and its number within that row; raises IndexError."""
        if not 0 <= number < self.total:
            raise IndexError(number)
        index = bisect_right(self._ends, number)
        return self._rows[index], number - (self._ends[index - 1] if index else 0)

    def number_at(self, row: int, within: int = 0) -> int:
        """Return the number of the first match at or after a place; 0 if there is none after it."""
        index = next((index for index, found in enumerate(self._rows) if found >= row), len(self._rows))
        if index == len(self._rows):
            return 0
        start = self._ends[index - 1] if index else 0
        return start + (min(within, self._ends[index] - start - 1) if self._rows[index] == row else 0)

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
        self._on_results_due()
        self._reader.forget()

    def _restart(self) -> None:
        self._run.is_over = True
        self._run = _Run()
        self._counts.clear()
        self._grown.clear()
        self._later.stop()
        self._is_searching = self._pattern is not None
        if self._pattern is not None:
            self._count(range(self._model.rowCount()))
        self._index()

    def _count(self, rows: range | list[int]) -> None:
        if self._pattern is None:
            return
        texts = [_text_of(self._model, row) for row in rows]
        job = _Job(self._run, texts, self._pattern, self._words)
        thread = threading.Thread(target=job.work, args=(self._reader, self._results), name="find", daemon=True)
        self._threads.append(thread)
        thread.start()
        self._look.start()

    def _index(self) -> None:
        totals = [(message_id, count.total) for message_id, count in self._counts.items() if count.total]
        found = [(self._model.row_of(message_id), total) for message_id, total in totals]
        ordered = sorted((row, count) for row, count in found if row is not None)
        self._rows, self._ends, total = [row for row, _ in ordered], [], 0
        for _, count in ordered:
            total += count
            self._ends.append(total)
        self.changed.emit()

    @Slot()
    def _on_results_due(self) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if not self._threads:
            self._look.stop()
        found = False
        while not self._results.empty():
            run, counts, is_all = self._results.get()
            if run is self._run:
                self._counts.update(counts)
                self._is_searching = self._is_searching and not is_all
                found = True
        if found:
            self._index()

    @Slot()
    def _on_reset(self) -> None:
        self._reader.forget()
        if self._pattern is not None:
            self._restart()

    @Slot(QModelIndex, int, int)
    def _on_rows_inserted(self, parent: QModelIndex, first: int, last: int) -> None:
        self._count(range(first, last + 1))

    @Slot(QModelIndex, int, int)
    def _on_rows_removed(self, parent: QModelIndex, first: int, last: int) -> None:
        if self._pattern is not None:
            self._counts = {key: count for key, count in self._counts.items() if self._model.row_of(key) is not None}
            self._index()

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
        self._count(sorted(rows))


class _Run:
    """One search; what it finds after its end counts no more."""

    is_over = False


@dataclass(frozen=True)
class _Job:
    """Messages to search, on a thread of their own."""

    run: _Run
    texts: list[_Text]
    pattern: Pattern
    words: str

    def work(self, reader: "_Reader", results: "SimpleQueue[tuple[_Run, dict[str, _Count], bool]]") -> None:
        """Count, and tell what is known now and then."""
        counts: dict[str, _Count] = {}
        rests_at = time.perf_counter() + _WORK_SECONDS
        for text in self.texts:
            if self.run.is_over:
                return
            if time.perf_counter() > rests_at:
                time.sleep(_REST_SECONDS)
                rests_at = time.perf_counter() + _WORK_SECONDS
            files = tuple(place for place, each in enumerate(text.attachments) if self._is_in(each))
            counts[text.message_id] = _Count(files, reader.count(text, self.pattern, self.words))
            if len(counts) == _REPORTED_MESSAGES:
                results.put((self.run, counts, False))
                counts = {}
        results.put((self.run, counts, True))

    def _is_in(self, attachment: Attachment) -> bool:
        """Return whether its name or its text holds the words; a long text is read in pieces, with rests."""
        if self.pattern.search(attachment.name):
            return True
        for start in range(0, len(attachment.text), _PIECE_CHARACTERS):
            if self.run.is_over:
                return False
            if self.pattern.search(attachment.text, start, start + _PIECE_CHARACTERS + _LONGEST_MATCH):
                return True
            time.sleep(_REST_SECONDS)
        return False


class _Reader:
    """Knows the lines of the messages read last; used by one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: OrderedDict[str, tuple[str, list[str]]] = OrderedDict()
        self._characters = 0
        self._streams: dict[str, MarkdownStream] = {}

    def forget(self) -> None:
        with self._lock:
            self._lines.clear()
            self._streams.clear()
            self._characters = 0

    def count(self, text: _Text, pattern: Pattern, words: str) -> int:
        if not text.is_markdown:
            return count_in(without_isolates(text.content).split("\n"), pattern)
        if not text.is_streaming and not may_contain(text.content, words):
            return 0
        with self._lock:
            return count_in(self._read(text), pattern)

    def _read(self, text: _Text) -> list[str]:
        known = self._lines.get(text.message_id)
        if known is not None and known[0] == text.content:
            return known[1]
        if text.is_streaming:
            stream = self._streams.setdefault(text.message_id, MarkdownStream(_NO_LOOKS))
            return [line for block in stream.update(text.content, True) for line in shown_lines(block)]
        self._streams.pop(text.message_id, None)
        lines = [line for block in MarkdownStream(_NO_LOOKS).update(text.content, False) for line in shown_lines(block)]
        self._remember(text, lines)
        return lines

    def _remember(self, text: _Text, lines: list[str]) -> None:
        self._lines[text.message_id] = (text.content, lines)
        self._characters += len(text.content)
        while self._characters > _REMEMBERED_CHARACTERS and len(self._lines) > 1:
            _, (content, _) = self._lines.popitem(last=False)
            self._characters -= len(content)


def _text_of(model: TranscriptModel, row: int) -> _Text:
    message = model.entry(row).message
    streaming = message.state is MessageState.STREAMING
    return _Text(message.id, message.content, message.role is not Role.USER, streaming, message.attachments)
