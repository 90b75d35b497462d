"""The sentence under an answer that did not end by itself, with the one thing to do about it."""

from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QGridLayout, QPushButton, QWidget

from app.conversations.records import Message, MessageState
from app.engine_words import said
from app.language import mark, tr
from app.widgets.basics.code_label import CodeLabel
from app.widgets.basics.details_button import DetailsButton
from app.widgets.basics.mirroring import margins
from app.widgets.basics.plain_label import plain_label
from engine.api.errors import ErrorKind
from engine.api.events import FinishReason


class Remedy(Enum):
    """What the button under an answer does; the value is its label."""

    NONE = ""
    CONTINUE = mark("Continue")
    TRY_AGAIN = mark("Try again")
    NEW_CONVERSATION = mark("New conversation")
    EDIT_QUESTION = mark("Edit message")


@dataclass(frozen=True)
class Mark:
    """A sentence, how loud it is (a surface of the style sheet) and what to do."""

    text: str
    surface: str = "page"
    remedy: Remedy = Remedy.NONE
    details: str = ""


def mark_of(message: Message, is_last: bool) -> Mark | None:
    """Return what has to be said about how an answer ended, None if it ended by itself."""
    remedy = _going_on(message) if is_last else Remedy.NONE
    if message.state is MessageState.FAILED:
        return Mark(_failure(message), "danger", remedy, message.error.details if message.error else "")
    if message.state is MessageState.INTERRUPTED:
        kept = tr("This answer was interrupted. What was written is kept.")
        lost = tr("This answer was interrupted before it began.")
        return Mark(kept if message.has_text else lost, "warning", remedy)
    if message.state is MessageState.STOPPED:
        return Mark(tr("You stopped this answer."), remedy=remedy)
    if message.finish_reason is FinishReason.MAXIMUM_TOKENS:
        return Mark(tr("This answer reached its length limit."), remedy=remedy)
    if message.finish_reason is FinishReason.CONTEXT_FULL:
        full = tr("This answer ended because the model's context window was full.")
        if not is_last:
            return Mark(full)
        advice = tr("Start a new conversation, or reload the model with more context.")
        return Mark(f"{full} {advice}", remedy=Remedy.NEW_CONVERSATION)
    return None


def _going_on(message: Message) -> Remedy:
    too_long = message.error is not None and message.error.kind is ErrorKind.MESSAGE_TOO_LONG
    if message.has_text:
        return Remedy.NEW_CONVERSATION if too_long else Remedy.CONTINUE
    return Remedy.EDIT_QUESTION if too_long else Remedy.TRY_AGAIN  # the same question would be refused again


def _failure(message: Message) -> str:
    """Return what happened, what was kept, unless that was said already, and what to do."""
    written = tr("What was written is kept.")
    kept = written if message.has_text else tr("Your message is kept.")
    if message.error is None:
        return tr("Something went wrong while this was written.") + " " + kept
    sentence = message.error.sentence()
    if "kept" in sentence or written in sentence:
        return said(sentence)
    return " ".join(part for part in (said(message.error.message), kept, said(message.error.hint)) if part)


class MessageMark(QFrame):
    """Shows a Mark: sentence left, button right, the technical part folded below."""

    remedy_requested = Signal(object)  # Remedy

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._mark: Mark | None = None
        self.hide()

    @property
    def text(self) -> str:
        """The sentence that is shown."""
        return self._text.text() if self._mark is not None else ""

    @property
    def button(self) -> QPushButton:
        """The button of the remedy."""
        return self._button

    def show_mark(self, mark: Mark | None, enabled: bool) -> None:
        """Show this mark, or nothing. enabled says whether the remedy may be used now."""
        is_new, self._mark = mark != self._mark, mark
        if mark is None:
            self.hide()
            return
        if self.layout() is None:
            self._build()
        self._button.setEnabled(enabled)
        if is_new:
            self._show(mark)

    def _show(self, mark: Mark) -> None:
        self.show()
        self._text.setText(mark.text)
        self._details.set_source(mark.details.rstrip())
        self._show_details(False)
        self._details_button.setChecked(False)
        self._details_button.setVisible(bool(mark.details))
        self._button.setText(tr(mark.remedy.value))
        self._button.setVisible(mark.remedy is not Remedy.NONE)
        quiet = mark.surface == "page"
        self._text.setProperty("role", "muted" if quiet else "")
        self._text.style().polish(self._text)
        self.setProperty("surface", mark.surface)
        self.style().polish(self)
        self._grid.setContentsMargins(margins(0, 0, 0, 4) if quiet else margins(12, 8, 8, 8))

    def _build(self) -> None:
        """Make what is inside when it is first wanted: most answers end without anything to say about it."""
        self._text = plain_label(wraps=True)
        self._details = CodeLabel()
        self._button = QPushButton()
        self._button.clicked.connect(self._on_clicked)
        self._details_button = DetailsButton()
        self._details_button.toggled.connect(self._on_details_toggled)
        grid = self._grid = QGridLayout(self)
        grid.setSpacing(8)
        grid.addWidget(self._text, 0, 0)
        grid.addWidget(self._details_button, 0, 1, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(self._button, 0, 2, Qt.AlignmentFlag.AlignVCenter)
        self.copy_button = QPushButton(tr("Copy details"))
        self.copy_button.setProperty("kind", "quiet")
        self.copy_button.clicked.connect(self._on_copy)
        grid.addWidget(self._details, 1, 0, 1, 3)
        grid.addWidget(self.copy_button, 2, 0, 1, 3, Qt.AlignmentFlag.AlignTrailing)
        grid.setColumnStretch(0, 1)

    @Slot()
    def _on_clicked(self) -> None:
        if self._mark is not None:
            self.remedy_requested.emit(self._mark.remedy)

    @Slot(bool)
    def _on_details_toggled(self, checked: bool) -> None:
        self._show_details(checked)

    @Slot()
    def _on_copy(self) -> None:
        if self._mark is not None:
            QGuiApplication.clipboard().setText(f"{self._mark.text}\n\n{self._mark.details}")

    def _show_details(self, shown: bool) -> None:
        for part in (self._details, self.copy_button):
            part.setVisible(shown)
