"""Attachments that were put into a text: Undo makes them attachments again, Redo text."""

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal, Slot

from app.conversations.attachment import Attachment
from app.widgets.editors.pasting_edit import PastingEdit


@dataclass
class _PutBack:
    attachment: Attachment
    steps_before: int
    steps_after: int
    is_undone: bool = False


class PutBacks(QObject):
    """Watches one editor. Signals undone(Attachment): its text has gone again; redone(Attachment): it is back."""

    undone = Signal(object)
    redone = Signal(object)

    def __init__(self, editor: PastingEdit) -> None:
        super().__init__(editor)
        self._editor = editor
        self._known: list[_PutBack] = []
        self._is_inserting = False
        document = editor.document()
        document.undoCommandAdded.connect(self._on_command_added)
        document.contentsChanged.connect(self._on_changed)

    def insert(self, attachment: Attachment) -> None:
        """Put an attachment's text where the cursor is."""
        document = self._editor.document()
        before = document.availableUndoSteps()
        self._is_inserting = True
        self._editor.insert(attachment.text)
        self._is_inserting = False
        self._known = [each for each in self._known if not each.is_undone]
        self._known.append(_PutBack(attachment, before, document.availableUndoSteps()))

    @Slot()
    def _on_command_added(self) -> None:
        """What was undone can't be redone any more."""
        if not self._is_inserting:
            self._known = [each for each in self._known if not each.is_undone]

    @Slot()
    def _on_changed(self) -> None:
        document = self._editor.document()
        if self._is_inserting or not self._known:
            return
        steps = document.availableUndoSteps()
        if not steps and not document.isRedoAvailable():  # another text altogether
            self._known.clear()
        for each in list(self._known):
            if not each.is_undone and steps <= each.steps_before:
                each.is_undone = True
                self.undone.emit(each.attachment)
            elif each.is_undone and steps >= each.steps_after:
                each.is_undone = False
                self.redone.emit(each.attachment)
