"""Counts matches in messages, on a thread beside the window and in time that the window lends (no Qt)."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from app.bidi import without_isolates
from app.conversations.attachment import Attachment
from app.conversations.records import Message, MessageState
from app.models.lent_time import LentTime
from app.models.transcript_model import TranscriptEntry
from app.rendering.blocks import NO_LOOKS
from app.rendering.markdown import MarkdownStream
from app.rendering.shown_text import Pattern, count_in, may_contain, shown_lines
from engine.api.message import Role

_REPORTED_MESSAGES = 500  # after so many the count so far is told
_REMEMBERED_CHARACTERS = 4_000_000
_PIECE_CHARACTERS = 20_000  # are searched without asking for more time
_LONGEST_MATCH = 2_000
_STEP_SECONDS = 0.004  # of reading Markdown


@dataclass(frozen=True, slots=True)
class MatchCount:
    """Which attachments of a message hold the words (by their places), and how often its text does."""

    files: tuple[int, ...]
    in_text: int

    @property
    def total(self) -> int:
        """The number of matches, of which each attachment is one."""
        return len(self.files) + self.in_text


Counts = dict[str, MatchCount]  # by the message's id
Results = SimpleQueue[tuple["CountingJob", Counts, bool]]  # bool: the job is done


@dataclass(frozen=True)
class CountingJob:
    """Messages to search, which may be all of them; the time that is lent for it also says when it is over.

    number: of several jobs that count the same message, the one with the highest has its newest text.
    """

    number: int
    lent: LentTime
    entries: Sequence[TranscriptEntry]
    is_all: bool
    pattern: Pattern
    words: str

    def work(self, reader: "MessageReader", results: Results) -> None:
        """Count, and tell what is known now and then."""
        counts: Counts = {}
        for entry in self.entries:
            if not self.lent.take():
                return
            message = entry.message
            files = tuple(place for place, each in enumerate(message.attachments) if self._is_in(each))
            lines = reader.lines_of(message, self.words, self.lent)
            counts[message.id] = MatchCount(files, self._count_in(lines))
            if len(counts) == _REPORTED_MESSAGES:
                results.put((self, counts, False))
                counts = {}
        results.put((self, counts, True))

    def _is_in(self, attachment: Attachment) -> bool:
        """Return whether its name or its text holds the words."""
        if self.pattern.search(attachment.name):
            return True
        for start in range(0, len(attachment.text), _PIECE_CHARACTERS):
            if not self.lent.take():
                return False
            if self.pattern.search(attachment.text, start, start + _PIECE_CHARACTERS + _LONGEST_MATCH):
                return True
        return False

    def _count_in(self, lines: Iterable[str]) -> int:
        total = 0
        for line in lines:
            if not self.lent.take():
                return 0
            total += count_in([line], self.pattern) if len(line) <= _PIECE_CHARACTERS else self._count_in_pieces(line)
        return total

    def _count_in_pieces(self, line: str) -> int:
        total = place = 0
        while place < len(line) and self.lent.take():
            end = place + _PIECE_CHARACTERS
            found = self.pattern.search(line, place, end + _LONGEST_MATCH)
            if found is None or found.start() >= end:
                place = end
            else:
                total, place = total + 1, found.end()
        return total


class MessageReader:
    """Knows the lines of the messages read last; used by one thread at a time, the others wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: OrderedDict[str, tuple[str, list[str]]] = OrderedDict()
        self._characters = 0
        self._streams: dict[str, MarkdownStream] = {}

    def lines_of(self, message: Message, words: str, lent: LentTime) -> list[str]:
        """Return what a message shows, line by line; none where the words can't be, or if it is over."""
        if message.role is Role.USER:
            return without_isolates(message.content).split("\n")
        is_streaming = message.state is MessageState.STREAMING
        is_short = len(message.content) <= _PIECE_CHARACTERS
        if is_short and not is_streaming and not may_contain(message.content, words):
            return []
        with self._lock:
            return self._read(message, is_streaming, lent)

    def _read(self, message: Message, is_streaming: bool, lent: LentTime) -> list[str]:
        known = self._lines.get(message.id)
        if known is not None and known[0] == message.content:
            return known[1]
        stream = self._streams.pop(message.id, None) if is_streaming else None
        stream = stream or MarkdownStream(NO_LOOKS)
        blocks = stream.update(message.content, is_streaming, seconds=_STEP_SECONDS)
        while stream.is_behind and lent.take():
            blocks = stream.update(message.content, is_streaming, seconds=_STEP_SECONDS)
        lines: list[str] = []
        for block in blocks:
            if not lent.take():
                return []
            lines.extend(shown_lines(block))
        if is_streaming:
            self._streams[message.id] = stream
        else:
            self._streams.pop(message.id, None)
            self._remember(message, lines)
        return lines

    def _remember(self, message: Message, lines: list[str]) -> None:
        self._lines[message.id] = (message.content, lines)
        self._characters += len(message.content)
        while self._characters > _REMEMBERED_CHARACTERS and len(self._lines) > 1:
            _, (content, _) = self._lines.popitem(last=False)
            self._characters -= len(content)
