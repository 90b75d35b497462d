"""A plain text editor that is as high as its text, up to a limit, and sends on Enter."""

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFontMetrics,
    QGuiApplication,
    QInputMethodEvent,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
)
from PySide6.QtWidgets import QFrame, QSizePolicy, QWidget

from app.widgets.editors.drop_target import local_files
from app.widgets.editors.pasting_edit import PastingEdit, problem_of, text_of

LONG_PASTE_CHARACTERS = 10_000
_COUNTED_CHARACTERS = 20_000
_PAGE_KEYS = (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class GrowingTextEdit(PastingEdit):
    """Enter emits submitted, Shift+Enter makes a new line; neither happens while an input method composes.

    escaped and up_pressed (only in an empty editor) let the owner give these keys a meaning. takes_attachments: files,
    pictures and long texts that are pasted are not put into the text, but handed over.
    """

    submitted = Signal()
    files_pasted = Signal(object)  # paths
    long_text_pasted = Signal(object)  # str
    picture_pasted = Signal()
    escaped = Signal()
    up_pressed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._maximum_height = 240
        self._composing = False
        self._placeholder = ""
        self.takes_attachments = False
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.horizontalScrollBar().rangeChanged.connect(self._stay_at_side)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)
        self.document().clearUndoRedoStacks()  # the margin counts as a change that could be undone
        self.textChanged.connect(self._on_text_changed)
        # A pasted paragraph is only wrapped after the text has changed.
        self.document().documentLayout().documentSizeChanged.connect(self._on_text_changed)
        self.fit()

    @property
    def is_composing(self) -> bool:
        """True while an input method shows text that is not yet entered."""
        return self._composing

    def set_text(self, text: str) -> None:
        """Replace the text; what an input method was composing belonged to the old one."""
        if self._composing:
            QGuiApplication.inputMethod().reset()
            self._composing = False
        super().set_text(text)

    def commit_composition(self) -> None:
        """Let what an input method shows become text, as before it is sent by a click."""
        if self._composing:
            QGuiApplication.inputMethod().commit()

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Paste text as it is, however long its words are; hand over what is no text for an editor."""
        if self.takes_attachments and (files := local_files(source)):
            self.files_pasted.emit(files)
            return
        if problem := problem_of(source):
            self.paste_refused.emit(problem)
            return
        text = text_of(source)  # takes a while for a long one, so it is asked for once
        if self.takes_attachments and source.hasImage() and not text:
            self.picture_pasted.emit()
        else:
            self.take_text(text)

    def take_text(self, text: str) -> None:
        """Put a text in where the cursor is, or hand it over if it is a long one."""
        if self.takes_attachments and (len(text) > LONG_PASTE_CHARACTERS or (text and self.problem_with(text))):
            self.long_text_pasted.emit(text)
        else:
            self.paste_text(text)

    def set_placeholder(self, text: str) -> None:
        """Show this while nothing is written, as far as one line has room for it."""
        self._placeholder = text
        self._fit_placeholder()

    def set_maximum_height(self, height: int) -> None:
        """Grow to this height, then scroll."""
        self._maximum_height = height
        self.fit()

    def set_text_size(self, size_px: int) -> None:
        """Show the text in this size, whatever the style sheet says about widgets."""
        self.setStyleSheet(f"font-size: {size_px}px;")
        self.fit()

    def sizeHint(self) -> QSize:
        """Return a width that does not matter and the height of the text."""
        return QSize(200, self._wanted_height())

    def minimumSizeHint(self) -> QSize:
        """Return room for one line."""
        return QSize(80, QFontMetrics(self.font()).lineSpacing())

    def event(self, event: QEvent) -> bool:
        """Keep Escape for the editor when it is also the window's shortcut; leave it what would move nothing here."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            if event.key() == Qt.Key.Key_Escape:
                event.accept()
                return True
            if self._is_there_already(event):
                event.ignore()
                return True
        elif event.type() == QEvent.Type.FontChange:
            self.fit()
            self._fit_placeholder()
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Give Enter, Escape and Up their meaning; the rest is typing."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self._composing:
                return
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self.textCursor().insertBlock()
                self.ensureCursorVisible()
            else:
                self.submitted.emit()
            event.accept()
        elif event.key() == Qt.Key.Key_Escape:
            if not self._composing:  # then it is the input method's
                self.escaped.emit()
        elif _is_plain_up(event) and self.document().isEmpty() and not self._composing:
            self.up_pressed.emit()
        elif event.key() in _PAGE_KEYS and not self.verticalScrollBar().maximum():
            event.ignore()  # all of the text is seen: the page around scrolls
        else:
            super().keyPressEvent(event)

    def _is_there_already(self, event: QKeyEvent) -> bool:
        """Return whether the key goes to an end of the text at which the cursor is already."""
        cursor = self.textCursor()
        if cursor.hasSelection():
            return False
        to_start = event.matches(QKeySequence.StandardKey.MoveToStartOfDocument)
        to_end = event.matches(QKeySequence.StandardKey.MoveToEndOfDocument)
        return (to_start and cursor.atStart()) or (to_end and cursor.atEnd())

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """Remember whether something is being composed."""
        self._composing = bool(event.preeditString())
        super().inputMethodEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Wrap anew, which may change the height; the cursor stays in sight."""
        cursor = self.cursorRect()
        was_seen = cursor.top() >= 0 and cursor.bottom() <= event.oldSize().height()
        super().resizeEvent(event)
        is_wrapped = event.oldSize().width() != event.size().width()
        if is_wrapped:
            self.fit()
            self._fit_placeholder()
        if self.hasFocus() and (is_wrapped or was_seen):
            self.ensureCursorVisible()  # lines went elsewhere, and who types looks at the cursor
        self._show_all()

    @Slot()
    def _stay_at_side(self) -> None:
        """Lines are as wide as the editor; for a space at the end of a full one Qt would scroll sideways."""
        if self.horizontalScrollBar().maximum():
            self.horizontalScrollBar().setRange(0, 0)

    @Slot()
    def _on_text_changed(self) -> None:
        self.fit()

    def _fit_placeholder(self) -> None:
        """Cut the placeholder with an ellipsis; Qt would wrap it, and an empty editor is one line high."""
        room = self.viewport().width() - 1  # as wide as the room, Qt may wrap it
        self.setPlaceholderText(self.fontMetrics().elidedText(self._placeholder, Qt.TextElideMode.ElideRight, room))
        self.viewport().update()  # Qt only draws it anew when it comes or goes

    def _wanted_height(self) -> int:
        metrics = QFontMetrics(self.font())
        if self.document().characterCount() > _COUNTED_CHARACTERS:
            return self._maximum_height
        lines = max(1, int(self.document().size().height()))
        margins = self.contentsMargins()
        return min(self._maximum_height, lines * metrics.lineSpacing() + margins.top() + margins.bottom() + 2)

    def fit(self) -> None:
        """Take the height of the text."""
        height = self._wanted_height()
        if height != self.height() or height != self.maximumHeight():
            self.setFixedHeight(height)
        scrolls = height >= self._maximum_height
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if scrolls else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        if policy != self.verticalScrollBarPolicy():
            self.setVerticalScrollBarPolicy(policy)
        self._show_all()

    def _show_all(self) -> None:
        # Qt scrolls to the cursor while the editor is still lower than its text, and does not scroll back.
        if self.height() >= self._wanted_height() and self.height() < self._maximum_height:
            self.verticalScrollBar().setValue(0)


def _is_plain_up(event: QKeyEvent) -> bool:
    return event.key() == Qt.Key.Key_Up and event.modifiers() in (
        Qt.KeyboardModifier.NoModifier,
        Qt.KeyboardModifier.KeypadModifier,
    )
