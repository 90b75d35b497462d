"""The field for what is looked for in a conversation, with the count, and the way from match to match."""

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QToolButton, QWidget

from app.language import grouped, tr
from app.widgets.access.announcing import LateAnnouncement
from app.widgets.basics.fonts import text_font
from app.widgets.basics.icon_button import IconButton
from app.widgets.basics.mirroring import margins
from app.widgets.basics.plain_label import plain_label
from app.widgets.basics.theme import RADIUS_LARGE_PX, Theme

_FIELD_PX = 80
_COUNT_PX = 76
_BAR_PX = 440


class FindBar(QFrame):
    """Stands above the messages, beside their scroll bar; emits what is looked for and where to go."""

    words_changed = Signal()
    step_requested = Signal(object)  # 1: the next match, -1: the one before
    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("find")
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("Find in this conversation"))
        self.field.setAccessibleName(tr("Find in this conversation"))
        self.field.setMinimumWidth(_FIELD_PX)
        self.field.setMaxLength(1_000)
        self.count = plain_label(role="small")
        self.count.setMinimumWidth(_COUNT_PX)
        self.count.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.case_button = QToolButton()
        self.case_button.setText("Aa")
        self.case_button.setCheckable(True)
        self.case_button.setProperty("kind", "small")
        self.case_button.setToolTip(tr("Tell capital from small letters"))
        self.case_button.setAccessibleName(tr("Tell capital from small letters"))
        self.previous_button = IconButton("chevron-up", tr("Previous match"), theme)
        self.previous_button.set_label(tr("Previous match"), "Shift+F3")
        self.next_button = IconButton("chevron-down", tr("Next match"), theme)
        self.next_button.set_label(tr("Next match"), "F3")
        self.close_button = IconButton("x", tr("Close"), theme)
        self.close_button.set_label(tr("Close"), "Esc")
        row = QHBoxLayout(self)
        row.setContentsMargins(margins(8, 4, 4, 4))
        row.setSpacing(2)
        row.addWidget(self.field, 1)
        for part in (self.count, self.case_button):
            row.addWidget(part)
        for button in (self.previous_button, self.next_button, self.close_button):
            row.addWidget(button)
        self._said = LateAnnouncement(self)
        self.field.textChanged.connect(self.words_changed)
        self.case_button.toggled.connect(self.words_changed)
        self.previous_button.clicked.connect(self.go_back)
        self.next_button.clicked.connect(self.go_on)
        self.close_button.clicked.connect(self.closed)
        self.set_theme(theme)
        self.hide()

    @property
    def words(self) -> str:
        """What is looked for."""
        return self.field.text()

    @property
    def match_case(self) -> bool:
        """Whether capital letters are told from small ones."""
        return self.case_button.isChecked()

    def sizeHint(self) -> QSize:
        """Return room for some words."""
        return super().sizeHint().expandedTo(QSize(_BAR_PX, 0))

    def begin(self, words: str) -> None:
        """Open with these words, or with those looked for last; all of them selected, ready to be written over."""
        self.show()
        self.raise_()
        if words:
            self.field.setText(words)
        self.field.selectAll()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_count(self, number: int, total: int, searching: bool, line: str = "") -> None:
        """Say which match (from 1; 0: none yet) of how many is visited; line: its words, for those who don't see it."""
        if not self.words.strip():
            text = ""
        elif total:
            text = tr("{number} of {total}").format(number=grouped(number), total=grouped(total))
        else:
            text = tr("Searching…") if searching else tr("Not found")
        self.count.setText(text)
        self._said.say("" if searching and not total else f"{text}. {line}" if line else text)
        for button in (self.previous_button, self.next_button):
            button.setEnabled(total > 0)

    def end(self) -> None:
        """Go, and say no more."""
        self.hide()
        self._said.say("")

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme or text size."""
        colors = theme.colors
        self.setStyleSheet(
            f"#find {{ background: {colors.raised}; border: 1px solid {colors.hairline};"
            f" border-radius: {RADIUS_LARGE_PX}px; }}"
        )
        self.count.setFont(text_font(min(theme.small_size_px, 13)))
        for button in (self.previous_button, self.next_button, self.close_button):
            button.set_theme(theme)

    def event(self, event: QEvent) -> bool:
        """Keep keys from the window's actions: Esc closes the bar and stops no answer."""
        kept = (Qt.Key.Key_Escape, Qt.Key.Key_F3)
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and event.key() in kept:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and F3 go on, with Shift back, Esc closes."""
        back = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F3) or event.matches(
            QKeySequence.StandardKey.FindNext
        ):
            self.step_requested.emit(-1 if back else 1)
        else:
            # What is typed on a button of the bar stays here: the page around would begin a message with it.
            event.accept()

    @Slot()
    def go_on(self) -> None:
        """Go to the next match."""
        self.step_requested.emit(1)

    @Slot()
    def go_back(self) -> None:
        """Go to the match before."""
        self.step_requested.emit(-1)
