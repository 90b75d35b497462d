"""One model on this computer: whose it is, its size, its last use, how it fits, and what can be done with it."""

import time

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QAbstractButton, QGridLayout, QHBoxLayout, QPushButton, QWidget

from app.language import joined, spoken, tr
from app.models import hub_words
from app.models.amounts import file_size
from app.models.plan_words import ModelFit
from app.widgets.basics.elided_label import ElidedLabel
from app.widgets.basics.foreign_text import set_tooltip
from app.widgets.basics.plain_label import plain_label
from app.widgets.basics.shown_buttons import show_buttons
from app.widgets.basics.theme import Theme
from app.widgets.models.row_column import ModelRow
from engine.api.checkpoint import LocalCheckpoint


class LocalRow(ModelRow):
    """Every signal carries the LocalCheckpoint."""

    chat_requested = Signal(object)
    resume_requested = Signal(object)
    delete_requested = Signal(object)
    discard_requested = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._checkpoint: LocalCheckpoint | None = None
        self._fit: ModelFit | None = None
        self._is_loaded = False
        self._is_under_way = False
        self.name = ElidedLabel()
        self.name.setProperty("role", "strong")
        self.home = ElidedLabel()
        self.home.setProperty("role", "small")
        self.words = ElidedLabel()
        self.words.setProperty("role", "small")
        self.fit = plain_label("", "small")
        self.chat_button = QPushButton(tr("Chat"))
        self.resume_button = QPushButton(tr("Resume"))
        self.delete_button = QPushButton(tr("Delete…"))
        self.discard_button = QPushButton(tr("Discard…"))
        self._build_layout()
        for button, signal in (
            (self.chat_button, self.chat_requested),
            (self.resume_button, self.resume_requested),
            (self.delete_button, self.delete_requested),
            (self.discard_button, self.discard_requested),
        ):
            button.setAutoDefault(False)
            button.clicked.connect(lambda _checked=False, signal=signal: signal.emit(self._checkpoint))

    @property
    def checkpoint(self) -> LocalCheckpoint | None:
        """What is shown."""
        return self._checkpoint

    def show_value(self, value: object) -> None:
        """Show what is on the disk."""
        assert isinstance(value, LocalCheckpoint)
        self._checkpoint = value
        self._show()

    def show_fit(self, fit: ModelFit) -> None:
        """Say how the model fits."""
        if fit != self._fit:
            self._fit = fit
            self._show()

    def set_loaded(self, is_loaded: bool) -> None:
        """Say that this model answers, or that it no longer does."""
        if is_loaded != self._is_loaded:
            self._is_loaded = is_loaded
            self._show()

    def set_under_way(self, is_under_way: bool) -> None:
        """Say that the rest is being downloaded, or that it no longer is."""
        if is_under_way != self._is_under_way:
            self._is_under_way = is_under_way
            self._show()

    def activate(self) -> None:
        """Enter begins to chat, or goes on downloading."""
        for button in (self.resume_button, self.chat_button):
            if button.isVisible():
                button.click()

    def remove(self) -> None:
        """Delete asks whether to delete."""
        for button in (self.delete_button, self.discard_button):
            if button.isVisible():
                button.click()

    @Slot()
    def _show(self) -> None:
        checkpoint = self._checkpoint
        if checkpoint is None:
            return
        is_complete = checkpoint.is_complete
        parts = hub_words.local_words(checkpoint, time.time()) if is_complete else [_incomplete(checkpoint)]
        self.name.set_text(hub_words.one_line(checkpoint.name))
        self.home.set_text(hub_words.home_words(checkpoint))
        self.words.set_text(joined(parts))
        fit = self._verdict(is_complete)
        self.fit.setText(fit)
        set_tooltip(self.fit, self._fit.details if self._fit is not None else "")
        shown: dict[QAbstractButton, bool] = {
            self.chat_button: is_complete,
            self.resume_button: not is_complete and not self._is_under_way,
            self.delete_button: is_complete and checkpoint.disk_bytes > 0,
            self.discard_button: not is_complete and not self._is_under_way,
        }
        show_buttons(shown, (self.chat_button, self.resume_button, self))
        self.name_buttons(self.name.text())
        said = [self.name.text(), self.home.text(), *parts, fit]
        self.setAccessibleName(spoken(said))

    def _verdict(self, is_complete: bool) -> str:
        if not is_complete:
            return tr("Among the downloads") if self._is_under_way else ""
        if self._is_loaded:
            return tr("Answers now")
        return self._fit.label if self._fit is not None else ""

    def _build_layout(self) -> None:
        texts = QGridLayout()
        texts.setHorizontalSpacing(8)
        texts.setVerticalSpacing(0)
        texts.addWidget(self.name, 0, 0, 1, 2)
        texts.addWidget(self.home, 1, 0)
        texts.addWidget(self.words, 2, 0, 1, 2)
        texts.addWidget(self.fit, 1, 1)  # beside the middle line only: the others are cut later
        texts.setColumnStretch(0, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 10, 16, 10)
        row.setSpacing(8)
        row.addLayout(texts, 1)
        row.addSpacing(4)
        for button in (self.chat_button, self.resume_button):
            row.addWidget(button)
        for button in (self.delete_button, self.discard_button):
            button.setProperty("kind", "quiet")
            row.addWidget(button)


def _incomplete(checkpoint: LocalCheckpoint) -> str:
    total, missing = checkpoint.total_bytes, checkpoint.missing_bytes
    if not total:
        return tr("incomplete: {size} are missing").format(size=file_size(missing))
    done = hub_words.percent(total - missing, total)
    return tr("incomplete: {done} % of {size}").format(done=done, size=file_size(total))
