"""Lets each paragraph of an editor stand on the side where its own words begin."""

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

from app.bidi import has_right_to_left
from app.widgets.basics.mirroring import is_mirrored

_LOOKED_AT_CHARACTERS = 20_000  # of what is put in at once


class ParagraphSides(QObject):
    """Belongs to an editor. QPlainTextEdit turns the words of a Hebrew paragraph, but leaves it on the left.

    The one alignment that Qt turns by paragraph is the one that also stretches the lines of a paragraph but the last;
    so it is used only where something is written from right to left. In a mirrored window an empty editor has its
    caret on the right, where its hint begins.
    """

    def __init__(self, editor: QPlainTextEdit) -> None:
        super().__init__(editor)
        self._editor = editor
        self._needs_turning = False
        self._side = Qt.AlignmentFlag.AlignLeft
        editor.document().contentsChange.connect(self._on_contents_change)
        editor.document().contentsChanged.connect(self._on_contents_changed)  # heard while the editor is quiet
        self._on_contents_changed()

    @Slot(int, int, int)
    def _on_contents_change(self, position: int, _removed: int, added: int) -> None:
        if self._needs_turning or not added:
            return
        cursor = QTextCursor(self._editor.document())
        last = self._editor.document().characterCount() - 1
        cursor.setPosition(min(position, last))
        end = min(position + min(added, _LOOKED_AT_CHARACTERS), last)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        self._needs_turning = has_right_to_left(cursor.selectedText())

    @Slot()
    def _on_contents_changed(self) -> None:
        if self._editor.document().isEmpty():
            self._needs_turning = False
        side = self._wanted_side()
        if side != self._side:  # now, as the document can't be laid out anew while it changes
            self._side = side
            option = self._editor.document().defaultTextOption()
            option.setAlignment(side)
            self._editor.document().setDefaultTextOption(option)

    def _wanted_side(self) -> Qt.AlignmentFlag:
        if self._editor.document().isEmpty():
            return Qt.AlignmentFlag.AlignRight if is_mirrored() else Qt.AlignmentFlag.AlignLeft
        return Qt.AlignmentFlag.AlignJustify if self._needs_turning else Qt.AlignmentFlag.AlignLeft
