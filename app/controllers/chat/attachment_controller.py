"""What is attached to the message that is being typed: files are read beside the window, long pastes kept as text."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.attachments.limits import FILES_PER_MESSAGE, PASTED_CHARACTERS
from app.attachments.outcome import Extract, Outcome, Refusal
from app.attachments.reading import read_file
from app.attachments.words import note_words, sentence
from app.controllers.conversations.conversation_controller import ConversationController
from app.conversations.attachment import Attachment, one_line
from app.language import grouped, tr
from app.models.attachment_item import AttachmentItem
from engine.api.codec import clean_text, utf8_length

# One after the other: they stay in the order in which they were chosen, and leave the processor to the model.
_AT_ONCE = 1
_READ, _BEING_READ = "read:", "reading:"


@dataclass(frozen=True, eq=False)
class _Reading:
    """A file that is being read, or waits for it, for the page of a conversation."""

    number: int
    page_id: str
    name: str
    cancelled: threading.Event = field(default_factory=threading.Event)


class AttachmentController(QObject):
    """Owns the readers. What has been read is kept by the drafts, so that it outlives a switch, a restart and a crash.

    Signals about the shown page: items_changed(tuple of AttachmentItem), attachments_changed(tuple of Attachment),
    problem_changed(str: why something was not attached, "" for nothing), text_returned(str).
    """

    items_changed = Signal(object)
    attachments_changed = Signal(object)
    problem_changed = Signal(object)
    text_returned = Signal(object)
    _read = Signal(object)  # (_Reading, Outcome or None)

    def __init__(self, conversations: ConversationController, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._readers: ThreadPoolExecutor | None = None  # no thread before there is a file
        self._readings: list[_Reading] = []
        self._count = 0
        self._shown_id: str | None = None
        self._read.connect(self._on_read, Qt.ConnectionType.QueuedConnection)
        conversations.shown.connect(self._on_shown)
        conversations.drafts.attachments_changed.connect(self._on_changed)

    @Slot(object)
    def add_files(self, paths: Sequence[str]) -> None:
        """Attach files; each is shown while it is read."""
        self.problem_changed.emit("")
        paths = self._with_room(paths)
        if not paths:
            return
        page_id = self._conversations.kept_page().id
        self._shown_id = page_id
        for path in map(Path, paths):
            self._count += 1
            reading = _Reading(self._count, page_id, one_line(clean_text(path.name or str(path))))
            self._readings.append(reading)
            self._start(reading, path)
        self._tell()

    @Slot(object)
    def add_text(self, text: str) -> None:
        """Attach what was pasted."""
        self.problem_changed.emit("")
        text = clean_text(text)
        if len(text) > PASTED_CHARACTERS:
            words = tr("This is too long to be pasted ({count} characters). Attach the part that matters.")
            self.problem_changed.emit(words.format(count=grouped(len(text))))
        elif self._with_room([text]):
            size = utf8_length(text)
            self._add(
                self._conversations.kept_page().id,
                Attachment(name=tr("Pasted text"), text=text, size_bytes=size, is_pasted=True),
            )

    @Slot()
    def refuse_picture(self) -> None:
        """Say why a picture from the clipboard can't be attached."""
        self.problem_changed.emit(tr("Models here read text only, so a picture can't be attached."))

    @Slot(object)
    def remove(self, key: str) -> None:
        """Take an attachment away, or stop reading it."""
        self.problem_changed.emit("")
        if key.startswith(_BEING_READ):
            number = int(key.removeprefix(_BEING_READ))
            for reading in [each for each in self._readings if each.number == number]:
                reading.cancelled.set()
                self._readings.remove(reading)
            self._tell()
        else:
            self._take(key)

    @Slot(object)
    def put_back(self, key: str) -> None:
        """Turn an attachment into text of the message."""
        taken = self._take(key)
        if taken is not None:
            self.text_returned.emit(taken.text)

    def shut_down(self) -> None:
        """Stop reading; blocks for a moment."""
        for reading in self._readings:
            reading.cancelled.set()
        self._readings.clear()
        if self._readers is not None:
            self._readers.shutdown(wait=True, cancel_futures=True)
            self._readers = None

    # Reading

    def _start(self, reading: _Reading, path: Path) -> None:
        if self._readers is None:
            self._readers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="attachments")
        future = self._readers.submit(read_file, path, reading.cancelled)
        future.add_done_callback(lambda done: self._hand_over(reading, done))

    def _hand_over(self, reading: _Reading, done: "Future[Outcome | None]") -> None:
        if not done.cancelled():
            self._read.emit((reading, done.result()))

    @Slot(object)
    def _on_read(self, ended: tuple[_Reading, Outcome | None]) -> None:
        reading, outcome = ended
        if reading not in self._readings:
            return
        self._readings.remove(reading)
        if isinstance(outcome, Extract):
            note = note_words(outcome.notes)
            self._add(
                reading.page_id,
                Attachment(
                    name=reading.name,
                    text=clean_text(outcome.text),
                    size_bytes=outcome.size_bytes,
                    media_type=outcome.media_type,
                    note=note,
                    pages=outcome.pages,
                ),
            )
            return
        if isinstance(outcome, Refusal) and reading.page_id == self._shown_id:
            self.problem_changed.emit(sentence(outcome.trouble, reading.name))
        self._tell()

    # What is attached

    def _attached(self) -> tuple[Attachment, ...]:
        return self._conversations.drafts.attachments(self._shown_id) if self._shown_id is not None else ()

    def _with_room(self, wanted: Sequence[str]) -> Sequence[str]:
        """Return those for which there is room, and say so if some have to stay."""
        page = self._conversations.page
        self._shown_id = page.id if page is not None else None
        here = [each for each in self._readings if each.page_id == self._shown_id]
        room = max(0, FILES_PER_MESSAGE - len(self._attached()) - len(here))
        if len(wanted) > room:
            words = tr("At most {count} files go with one message. Send the others with the next one.")
            self.problem_changed.emit(words.format(count=FILES_PER_MESSAGE))
        return wanted[:room]

    def _add(self, page_id: str, attachment: Attachment) -> None:
        drafts = self._conversations.drafts
        drafts.set_attachments(page_id, (*drafts.attachments(page_id), attachment))

    def _take(self, key: str) -> Attachment | None:
        attached = self._attached()
        place = int(key.removeprefix(_READ)) if key.startswith(_READ) else -1
        if not 0 <= place < len(attached) or self._shown_id is None:
            return None
        self._conversations.drafts.set_attachments(self._shown_id, attached[:place] + attached[place + 1 :])
        return attached[place]

    @Slot()
    def _on_shown(self) -> None:
        page = self._conversations.page
        shown_id = page.id if page is not None else None
        if shown_id != self._shown_id:
            self.problem_changed.emit("")
        self._shown_id = shown_id
        self._tell()

    @Slot(object)
    def _on_changed(self, page_id: str) -> None:
        page = self._conversations.page
        if page is not None and page.id == page_id:
            self._shown_id = page_id
            self._tell()

    def _tell(self) -> None:
        attached = self._attached()
        items = [AttachmentItem(f"{_READ}{place}", each.name, each) for place, each in enumerate(attached)]
        items += [
            AttachmentItem(f"{_BEING_READ}{each.number}", each.name)
            for each in self._readings
            if each.page_id == self._shown_id
        ]
        self.items_changed.emit(tuple(items))
        self.attachments_changed.emit(attached)
