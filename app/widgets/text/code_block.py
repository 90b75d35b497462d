"""A code block: its language, a wrap switch, Copy, and the code."""

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from app.language import tr
from app.rendering.blocks import Block
from app.rendering.languages import file_name, language_name
from app.widgets.basics.fonts import text_font
from app.widgets.basics.icons import icon
from app.widgets.basics.mirroring import margins
from app.widgets.basics.text_saving import TextSaving
from app.widgets.basics.theme import Theme
from app.widgets.text.code_view import CodeView

_HEADER_PX = 36
_PADDING_PX = 16
_END_PX = 4
_BOTTOM_PX = 14  # holds the horizontal scroll bar, so that its coming and going changes no height
_COPIED_MS = 1500
_LONG_CHARACTERS = 8_000  # code that is made and coloured anew quickly is not longer


class CodeBlock(QFrame):
    """Shows one code block; long lines scroll sideways inside it unless wrapped, nothing scrolls vertically."""

    folded = Signal()  # the reader wrapped its lines, or no longer

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._block: Block | None = None
        self.setProperty("surface", "code")
        self._language = QLabel()
        self._language.setTextFormat(Qt.TextFormat.PlainText)
        self._language.setProperty("role", "small")
        self.wrap_button = _header_button(tr("Wrap"))
        self.wrap_button.setCheckable(True)
        self.wrap_button.setToolTip(tr("Wrap long lines"))
        self.wrap_button.toggled.connect(self._on_wrap_toggled)
        self.copy_button = _header_button(tr("Copy"))
        self.copy_button.setToolTip(tr("Copy this code"))
        self.copy_button.clicked.connect(self.copy)
        self.save_button = _header_button(tr("Save as…"))
        self.save_button.setToolTip(tr("Save this code as a file"))
        self.save_button.clicked.connect(self.save)
        self._header = QWidget(self)
        row = QHBoxLayout(self._header)
        row.setContentsMargins(margins(_PADDING_PX, 4, _END_PX, 0))
        row.setSpacing(0)
        row.addWidget(self._language)
        row.addStretch(1)
        row.addWidget(self.wrap_button)
        row.addWidget(self.save_button)
        row.addWidget(self.copy_button)
        self._view = CodeView(self)
        self._copied = QTimer(self)
        self._copied.setSingleShot(True)
        self._copied.setInterval(_COPIED_MS)
        self._copied.timeout.connect(self._show_copy)
        self._apply_theme()

    @property
    def view(self) -> CodeView:
        """The text field with the code, read-only."""
        return self._view

    @property
    def block(self) -> Block | None:
        """The code that is shown."""
        return self._block

    @property
    def is_kept(self) -> bool:
        """Whether it should not be made anew: the reader did something to it, or it would take long."""
        view = self._view
        is_changed = self.wrap_button.isChecked() or view.horizontalScrollBar().value() > 0 or self._copied.isActive()
        is_long = self._block is not None and len(self._block.text) > _LONG_CHARACTERS
        return is_changed or is_long or view.textCursor().hasSelection()

    def show_block(self, block: Block, theme: Theme) -> None:
        """Show this code; what only grew is appended, so a selection in it stays."""
        if theme != self._theme:
            self._theme = theme
            self._apply_theme()
        if block == self._block:
            return
        self._block = block
        if self._language.text() != language_name(block.language):
            self._language.setText(language_name(block.language))
            self._fit_header()
        self._view.show_code(block.text, block.language, block.closed)
        count = block.text.count("\n") + 1
        words = tr("{language}, {count} lines") if count > 1 else tr("{language}, 1 line")
        self._view.setAccessibleName(words.format(language=language_name(block.language), count=count))

    def height_for(self, width: int) -> int:
        """Return the height in pixels when the block is ``width`` wide."""
        return _HEADER_PX + self._view.height_for(width - _PADDING_PX) + _BOTTOM_PX

    def natural_width(self) -> int:
        """Return the width in pixels of the longest line, with its padding."""
        return self._view.natural_width() + 2 * _PADDING_PX

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place header and code."""
        super().resizeEvent(event)
        self._header.setGeometry(0, 0, self.width(), _HEADER_PX)
        self._fit_header()
        self._view.setGeometry(_PADDING_PX, _HEADER_PX, self.width() - _PADDING_PX, self.height() - _HEADER_PX)

    @Slot()
    def copy(self) -> None:
        """Put the code, as the model wrote it, on the clipboard and say so for a moment."""
        if self._block is not None:
            QGuiApplication.clipboard().setText(self._block.text)
            _say(self.copy_button, tr("Copied"))
            self.copy_button.setIcon(icon("check", self._theme.colors.success))
            self._fit_header()
            self._copied.start()

    @Slot()
    def save(self) -> None:
        """Ask for a place and save the code, as the model wrote it."""
        if self._block is not None:
            saving = TextSaving.of(self.window())
            saving.saved.connect(self._on_saved, Qt.ConnectionType.UniqueConnection)
            saving.ask(self._block.text, file_name(self._block.language))

    @Slot(object)
    def _on_saved(self, text: object) -> None:
        if self._block is None or text != self._block.text:
            return
        _say(self.save_button, tr("Saved"))
        self.save_button.setIcon(icon("check", self._theme.colors.success))
        self._fit_header()
        self._copied.start()

    @Slot()
    def _show_copy(self) -> None:
        _say(self.copy_button, tr("Copy"))
        self.copy_button.setIcon(icon("copy", self._theme.colors.muted))
        _say(self.save_button, tr("Save as…"))
        self.save_button.setIcon(icon("download", self._theme.colors.muted))
        self._fit_header()

    @Slot(bool)
    def _on_wrap_toggled(self, wrap: bool) -> None:
        self.folded.emit()
        self._view.set_wrapped(wrap)
        parent = self.parentWidget()
        if parent is not None:
            QGuiApplication.postEvent(parent, QEvent(QEvent.Type.LayoutRequest))

    def _fit_header(self) -> None:
        """Let one button after the other show only its icon while the words of all have no room."""
        buttons = (self.wrap_button, self.save_button, self.copy_button)
        for button in buttons:
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        room = self.width() - _PADDING_PX - _END_PX - self._language.sizeHint().width()
        for button in buttons:
            if sum(each.sizeHint().width() for each in buttons) <= room:
                break
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)

    def _apply_theme(self) -> None:
        self.wrap_button.setIcon(icon("wrap-text", self._theme.colors.muted))
        self._show_copy()
        for part in (self._language, self.wrap_button, self.save_button, self.copy_button):
            part.setFont(text_font(min(self._theme.small_size_px, 13)))
        self._fit_header()
        self._view.set_theme(self._theme)


def _header_button(text: str) -> QToolButton:
    button = QToolButton()
    _say(button, text)
    button.setProperty("kind", "small")
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setIconSize(QSize(14, 14))
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


def _say(button: QToolButton, words: str) -> None:
    """Show words a little away from the icon; the blank is not for a screen reader."""
    button.setText(f" {words}")
    button.setAccessibleName(words)
