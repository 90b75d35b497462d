"""Takes files and long pastes in for whoever they are attached to: read beside the window, so that it never waits."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, Signal, Slot

from app.attachments.limits import FILES_PER_MESSAGE, PASTED_CHARACTERS
from app.attachments.outcome import Extract, Outcome, Refusal
from app.attachments.reading import read_file
from app.attachments.words import note_words, sentence
from app.conversations.attachment import Attachment, one_line
from app.language import grouped, tr
from app.models.attachment_item import AttachmentItem
from engine.api.codec import clean_text, utf8_length

_BEING_READ = "reading:"
_FILES, _PASTES = "files", "pastes"
# What is shorter takes a few milliseconds, and can be sent with the very next key.
_AT_ONCE_CHARACTERS = 500_000


@dataclass(frozen=True)
class Taken:
    """What came of something that was to be attached: the attachment, or why there is none ("" if it was given up)."""

    owner_id: str
    attachment: Attachment | None = None
    problem: str = ""


@dataclass(frozen=True, eq=False)
class _Reading:
    """What is being read, or waits for it, for the page of a conversation or the edit of a message."""

    number: int
    owner_id: str
    name: str
    cancelled: threading.Event = field(default_factory=threading.Event)


class AttachmentIntake(QObject):
    """Owns the threads that read. Signal taken(Taken), on the window's thread."""

    taken = Signal(object)
    _read = Signal(object)  # (_Reading, Taken)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._readers: dict[str, ThreadPoolExecutor] = {}  # no thread before there is something to read
        self._readings: list[_Reading] = []
        self._count = 0
        self._read.connect(self._on_read, Qt.ConnectionType.QueuedConnection)

    def add_files(self, owner_id: str, paths: Sequence[str], attached: int) -> str:
        """Begin to read files for a message that has so many attachments; return why some were left, or ""."""
        room = self._room(owner_id, attached)
        for path in map(Path, paths[:room]):
            reading = self._begin(owner_id, one_line(clean_text(path.name or str(path))))
            self._submit(_FILES, reading, _FileWork(reading, path))
        return _too_many() if len(paths) > room else ""

    def add_text(self, owner_id: str, text: str, attached: int) -> str:
        """Take in what was pasted; return why it was left, or ""."""
        if len(text) > PASTED_CHARACTERS:
            words = tr("This is too long to be pasted ({count} characters). Attach the part that matters.")
            return words.format(count=grouped(len(text)))
        if not self._room(owner_id, attached):
            return _too_many()
        name = tr("Pasted text")
        if len(text) <= _AT_ONCE_CHARACTERS:
            self.taken.emit(Taken(owner_id, _pasted(name, text)))
        else:
            reading = self._begin(owner_id, name)
            self._submit(_PASTES, reading, lambda: Taken(owner_id, _pasted(name, text)))
        return ""

    def items(self, owner_id: str) -> list[AttachmentItem]:
        """Return what is still being read for somebody."""
        return [
            AttachmentItem(f"{_BEING_READ}{each.number}", each.name)
            for each in self._readings
            if each.owner_id == owner_id
        ]

    def cancel(self, key: str) -> bool:
        """Stop reading what an item stands for; False if it is nothing that is being read."""
        if not key.startswith(_BEING_READ):
            return False
        for reading in [each for each in self._readings if f"{_BEING_READ}{each.number}" == key]:
            self._give_up(reading)
        return True

    def cancel_all(self, owner_id: str) -> None:
        """Stop reading for somebody."""
        for reading in [each for each in self._readings if each.owner_id == owner_id]:
            self._give_up(reading)

    def shut_down(self) -> None:
        """Stop reading files; what was pasted is nowhere else, and is taken in first. Blocks for a moment."""
        for reading in self._readings:
            reading.cancelled.set()
        for kind, readers in self._readers.items():
            readers.shutdown(wait=True, cancel_futures=kind == _FILES)
        QCoreApplication.sendPostedEvents(self, QEvent.Type.MetaCall)  # what came of it
        self._readings.clear()
        self._readers.clear()

    def _room(self, owner_id: str, attached: int) -> int:
        return max(0, FILES_PER_MESSAGE - attached - len(self.items(owner_id)))

    def _begin(self, owner_id: str, name: str) -> _Reading:
        self._count += 1
        reading = _Reading(self._count, owner_id, name)
        self._readings.append(reading)
        return reading

    def _submit(self, kind: str, reading: _Reading, work: Callable[[], Taken]) -> None:
        if kind not in self._readers:
            # One after the other: they stay in the order in which they were chosen, and leave the processor to the
            # model. A paste doesn't wait for files.
            self._readers[kind] = ThreadPoolExecutor(1, thread_name_prefix=f"attached-{kind}")
        self._readers[kind].submit(work).add_done_callback(lambda done: self._hand_over(reading, done))

    def _hand_over(self, reading: _Reading, done: "Future[Taken]") -> None:
        if not done.cancelled():
            self._read.emit((reading, done.result()))

    def _give_up(self, reading: _Reading) -> None:
        reading.cancelled.set()
        self._readings.remove(reading)

    @Slot(object)
    def _on_read(self, ended: tuple[_Reading, Taken]) -> None:
        reading, taken = ended
        if reading in self._readings:
            self._readings.remove(reading)
            self.taken.emit(taken)


@dataclass(frozen=True)
class _FileWork:
    """Reads one file; runs on a thread."""

    reading: _Reading
    path: Path

    def __call__(self) -> Taken:
        outcome: Outcome | None = read_file(self.path, self.reading.cancelled)
        owner_id, name = self.reading.owner_id, self.reading.name
        if isinstance(outcome, Refusal):
            return Taken(owner_id, problem=sentence(outcome.trouble, name))
        if not isinstance(outcome, Extract):
            return Taken(owner_id)
        attachment = Attachment(
            name=name,
            text=clean_text(outcome.text),
            size_bytes=outcome.size_bytes,
            media_type=outcome.media_type,
            note=note_words(outcome.notes),
            pages=outcome.pages,
        )
        return Taken(owner_id, _counted(attachment))


def _pasted(name: str, text: str) -> Attachment:
    text = clean_text(text)
    return _counted(Attachment(name=name, text=text, size_bytes=utf8_length(text), is_pasted=True))


def _counted(attachment: Attachment) -> Attachment:
    """Return it with what is asked for later known already."""
    _ = attachment.text_bytes
    return attachment


def _too_many() -> str:
    words = tr("At most {count} files go with one message. Send the others with the next one.")
    return words.format(count=FILES_PER_MESSAGE)
