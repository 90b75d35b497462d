"""What is being written in messages that are edited: it outlives the widgets, which go when another page is shown."""

from PySide6.QtCore import QObject, Signal, Slot

from app.conversations.attachment import Attachment
from app.conversations.records import Message
from app.models.attachment_item import AttachmentItem
from app.models.problems import Problems
from app.rendering.thinking import with_opening
from engine.api.codec import utf8_length

_READ = "read:"


class MessageEdit(QObject):
    """Text and attachments of one message while it is edited.

    Signals: changed() when there is something to keep; rewritten() when it was not the editor that has changed the
    text; items_changed() when other attachments are to be shown; problem_changed(); files_added(paths),
    text_added(str) and reading_cancelled(key) for whoever reads them.
    """

    changed = Signal()
    rewritten = Signal()
    items_changed = Signal()
    problem_changed = Signal()
    files_added = Signal(object)
    text_added = Signal(object)
    reading_cancelled = Signal(object)

    def __init__(
        self, message: Message, text: str, attachments: tuple[Attachment, ...], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.message = message
        self.text = text
        self.attachments = attachments
        self.problem = ""
        self._problems = Problems()
        self._reading: tuple[AttachmentItem, ...] = ()
        self._same = (_begun(message), message.attachments)  # what means that nothing was changed

    @property
    def items(self) -> tuple[AttachmentItem, ...]:
        """What is attached, and behind it what is still being read."""
        read = (AttachmentItem(f"{_READ}{place}", each.name, each) for place, each in enumerate(self.attachments))
        return (*read, *self._reading)

    @property
    def is_changed(self) -> bool:
        """Whether it differs from the message, or will."""
        return (self.text, self.attachments) != self._same or bool(self._reading)

    def attach_text(self, name: str) -> None:
        """Have the text go as an attachment, as a paste of its length does; that alone is no change to be kept."""
        attached = Attachment(name=name, text=self.text, size_bytes=utf8_length(self.text), is_pasted=True)
        is_same = not self.is_changed
        self.text, self.attachments = "", (attached, *self.attachments)
        if is_same:
            self._same = (self.text, self.attachments)

    def set_text(self, text: str) -> None:
        """Know what is written."""
        if text != self.text:
            self.text = text
            self.changed.emit()

    def put_before(self, text: str, attachments: tuple[Attachment, ...]) -> None:
        """Take in what was sent already and came back: before what is written, or instead if nothing was changed."""
        if self.is_changed:
            text = "\n\n".join(part for part in (text, self.text) if part.strip())
            attachments = (*attachments, *(each for each in self.attachments if each not in attachments))
        self.set_text(text)
        self.set_attachments(attachments)
        self.rewritten.emit()

    def set_attachments(self, attachments: tuple[Attachment, ...]) -> None:
        """Have these go with it."""
        if attachments != self.attachments:
            self.attachments = attachments
            self.changed.emit()
            self.items_changed.emit()

    def set_reading(self, items: tuple[AttachmentItem, ...]) -> None:
        """Know what is being read for it."""
        if items != self._reading:
            self._reading = items
            self.items_changed.emit()

    def set_problem(self, words: str) -> None:
        """Say why something was not attached, "" for nothing."""
        self.problem = self._problems.begin(words)
        self.problem_changed.emit()

    def add_problem(self, words: str) -> None:
        """Say it behind what was said since something was last asked for."""
        self.problem = self._problems.add(words)
        self.problem_changed.emit()

    @Slot(object)
    def add(self, attachment: Attachment) -> None:
        """Attach something."""
        self.set_attachments((*self.attachments, attachment))

    @Slot(object)
    def drop(self, attachment: Attachment) -> None:
        """Let go of this very attachment."""
        self.set_attachments(tuple(each for each in self.attachments if each is not attachment))

    @Slot(object)
    def remove(self, key: str) -> None:
        """Take away what an item stands for, or stop reading it."""
        self.set_problem("")
        found = next((item.attachment for item in self.items if item.key == key), None)
        if found is not None:
            self.drop(found)
        else:
            self.reading_cancelled.emit(key)


class MessageEdits(QObject):
    """All that are open. Signals: begun(MessageEdit), ended(message id) when one was sent or given up."""

    begun = Signal(object)
    ended = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._edits: dict[str, MessageEdit] = {}

    def get(self, message_id: str) -> MessageEdit | None:
        """Return what is being written in a message, None if it is not edited."""
        return self._edits.get(message_id)

    def begin(self, message: Message) -> MessageEdit:
        """Return the edit of a message, begun with what it says unless it was begun before."""
        found = self._edits.get(message.id)
        return found if found is not None else self.restore(message, _begun(message), message.attachments)

    def restore(self, message: Message, text: str, attachments: tuple[Attachment, ...]) -> MessageEdit:
        """Go on with an edit that was begun earlier."""
        edit = self._edits[message.id] = MessageEdit(message, text, attachments, self)
        self.begun.emit(edit)
        return edit

    def end(self, message_id: str) -> None:
        """Forget what was written in a message."""
        edit = self._edits.pop(message_id, None)
        if edit is not None:
            self.ended.emit(message_id)
            edit.deleteLater()


def _begun(message: Message) -> str:
    return with_opening(message.content, message.opens_thinking)
