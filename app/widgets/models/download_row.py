"""One download: how far it is, how fast, how long it will take, and what can be done about it."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.language import joined, tr
from app.models import hub_words
from app.models.hub_rows import DownloadRow, DownloadState
from app.widgets.basics.elided_label import ElidedLabel
from app.widgets.basics.icon_button import IconButton
from app.widgets.basics.plain_label import plain_label
from app.widgets.basics.shown_buttons import show_buttons
from app.widgets.basics.theme import Theme
from app.widgets.models.discard_dialog import DiscardDialog
from app.widgets.models.problem_view import ProblemView
from app.widgets.models.row_column import ModelRow

_BAR_STEPS = 1000
_CAN_PAUSE = (DownloadState.QUEUED, DownloadState.RUNNING, DownloadState.WAITING)
_IS_UNDER_WAY = (*_CAN_PAUSE, DownloadState.VERIFYING, DownloadState.PAUSED)


class DownloadRowWidget(ModelRow):
    """Every signal carries the download's key, chat_requested what the model is loaded by."""

    pause_requested = Signal(object)
    resume_requested = Signal(object)
    cancel_requested = Signal(object)
    dismiss_requested = Signal(object)
    chat_requested = Signal(object)  # reference
    token_requested = Signal()
    settings_requested = Signal()
    link_activated = Signal(object)  # url

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._row: DownloadRow | None = None
        self.name = ElidedLabel()
        self.name.setProperty("role", "strong")
        self.publisher = ElidedLabel()
        self.publisher.setProperty("role", "small")
        self.bar = QProgressBar()
        self.bar.setRange(0, _BAR_STEPS)
        self.bar.setTextVisible(False)
        self.words = ElidedLabel()
        self.words.setProperty("role", "small")
        self.waiting = plain_label("", "small-warning", wraps=True)
        self.problem = ProblemView()
        self.pause_button = QPushButton(tr("Pause"))
        self.resume_button = QPushButton(tr("Resume"))
        self.cancel_button = QPushButton(tr("Cancel"))
        self.chat_button = QPushButton(tr("Chat"))
        self.dismiss_button = IconButton("x", "", theme)
        self._build_layout()
        self._connect()

    @property
    def row(self) -> DownloadRow | None:
        """What is shown."""
        return self._row

    def show_value(self, value: object) -> None:
        """Show how the download stands."""
        assert isinstance(value, DownloadRow)
        self._row = value
        state = value.state
        self.name.set_text(hub_words.name_of(value.hub_id))
        revision = "" if value.revision in ("", "main") else hub_words.one_line(value.revision)
        self.publisher.set_text(joined((hub_words.publisher_of(value.hub_id), revision)))
        self.words.set_text(hub_words.progress_words(value))
        self.waiting.setText(value.words)
        self.waiting.setVisible(bool(value.words) and state is not DownloadState.FAILED)
        self.problem.show_error(value.error if state is DownloadState.FAILED else None)
        self._show_bar(value)
        shown: dict[QAbstractButton, bool] = {
            self.pause_button: state in _CAN_PAUSE,
            self.resume_button: state is DownloadState.PAUSED,
            self.cancel_button: state in _IS_UNDER_WAY,
            self.chat_button: state is DownloadState.FINISHED,
            self.dismiss_button: state in (DownloadState.FINISHED, DownloadState.FAILED),
        }
        show_buttons(shown, (self.pause_button, self.resume_button, self.chat_button, self))
        self.name_buttons(self.name.text())
        self.dismiss_button.set_label(tr("Remove {name} from this list").format(name=self.name.text()))
        self._describe(value)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        super().set_theme(theme)
        self.dismiss_button.set_theme(theme)

    def activate(self) -> None:
        """Enter pauses, resumes, tries again or begins to chat."""
        for button in (self.pause_button, self.resume_button, self.chat_button, self.problem.retry_button):
            if button.isVisible():
                button.click()
                return

    def remove(self) -> None:
        """Delete cancels, or takes what has ended from the list."""
        (self.cancel_button if self.cancel_button.isVisible() else self.dismiss_button).click()

    def _describe(self, row: DownloadRow) -> None:
        """The name says the state only: screen readers speak when it changes, and bytes change all the time."""
        name = f"{self.name.text()}: {tr(hub_words.STATES[row.state])}"
        if name != self.accessibleName():
            self.setAccessibleName(name)
        self.setAccessibleDescription(hub_words.download_words(row))

    def _show_bar(self, row: DownloadRow) -> None:
        is_open = row.state in (*_CAN_PAUSE, DownloadState.VERIFYING)
        knows_nothing = is_open and not row.total_bytes and row.state is not DownloadState.QUEUED
        self.bar.setRange(0, 0 if knows_nothing else _BAR_STEPS)
        self.bar.setValue(_BAR_STEPS * row.done_bytes // row.total_bytes if row.total_bytes else 0)
        self.bar.setVisible(row.state is not DownloadState.FINISHED)
        self.bar.setAccessibleName(
            tr("{number} per cent").format(number=hub_words.percent(row.done_bytes, row.total_bytes))
        )

    def _build_layout(self) -> None:
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addWidget(self.name)
        texts.addWidget(self.publisher)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addLayout(texts, 1)
        for button in (self.pause_button, self.resume_button, self.cancel_button, self.chat_button):
            button.setAutoDefault(False)
            top.addWidget(button)
        self.cancel_button.setProperty("kind", "quiet")
        top.addWidget(self.dismiss_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(8)
        column.addLayout(top)
        for widget in (self.bar, self.words, self.waiting, self.problem):
            column.addWidget(widget)

    def _connect(self) -> None:
        for button, signal in (
            (self.pause_button, self.pause_requested),
            (self.resume_button, self.resume_requested),
            (self.dismiss_button, self.dismiss_requested),
        ):
            button.clicked.connect(lambda _checked=False, signal=signal: self._emit_key(signal))
        self.cancel_button.clicked.connect(self._on_cancel)
        self.chat_button.clicked.connect(self._on_chat)
        self.problem.retry_requested.connect(lambda: self._emit_key(self.resume_requested))
        self.problem.token_requested.connect(self.token_requested)
        self.problem.settings_requested.connect(self.settings_requested)
        self.problem.link_activated.connect(self.link_activated)

    def _emit_key(self, signal: object) -> None:
        if self._row is not None:
            signal.emit(self._row.key)  # type: ignore[attr-defined]  # a bound signal has no public type

    @Slot()
    def _on_cancel(self) -> None:
        """Ask before bytes that have arrived are thrown away."""
        row = self._row
        if row is None or not row.done_bytes:
            self._emit_key(self.cancel_requested)
            return
        dialog = DiscardDialog(row.hub_id, row.done_bytes, self)
        dialog.accepted.connect(lambda: self._emit_key(self.cancel_requested))
        dialog.open()

    @Slot()
    def _on_chat(self) -> None:
        if self._row is not None:
            self.chat_requested.emit(hub_words.reference_of(self._row.hub_id, self._row.revision))
