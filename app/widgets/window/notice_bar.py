"""Sentences above the composer: what happened, buttons for what to do about it, the technical part folded."""

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAccessible, QEnterEvent, QGuiApplication, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.bidi import without_controls
from app.language import tr
from app.models.notice import Choice, Notice, Severity
from app.widgets.access.accessible_roles import read_as
from app.widgets.access.announcing import announce
from app.widgets.basics.foreign_text import menu_text
from app.widgets.basics.icon_button import IconButton
from app.widgets.basics.icons import pixmap
from app.widgets.basics.mirroring import margins
from app.widgets.basics.theme import TEXT_COLUMN_PX, Theme
from app.widgets.models.scrolled import FittedScroll
from app.widgets.window.notice_details import DetailsText

_SHOWN_NOTICES = 3
_MOST_NOTICES = 20  # also of those that offer something
_UNDO = "undo"  # how the keys of all actions begin that take something back
_INFO_SECONDS = 12
_SHARE_OF_WINDOW = 3
_LEAST_PX = 48
_LOW_WINDOW_PX = 600  # two notices would take a quarter of it
_SHOWN_CHARACTERS = 400
_ICON_PX = 16
_LINE_PX = 32  # as high as a button, so that icon, first line and buttons stand beside each other
_ABOVE_LINE_PX = 7
_LEAST_TEXT_PX = 240  # less beside the buttons makes a column of single words
_DETAILS_PX = 120  # at most
_SURFACES = {Severity.INFO: "card", Severity.WARNING: "warning", Severity.ERROR: "danger"}
_ICONS = {Severity.INFO: "info", Severity.WARNING: "triangle-alert", Severity.ERROR: "circle-x"}


class _NoticeScroll(FittedScroll):
    def sizeHint(self) -> QSize:
        """Return the notices' size, a third of the window at most: what they are about is to be seen as well.

        The newest one is not cut for that, as long as it leaves half of the window.
        """
        wanted, window_px = super().sizeHint(), self.window().height()
        most = max(window_px // _SHARE_OF_WINDOW, min(self._newest_height(), window_px // 2))
        return QSize(wanted.width(), min(wanted.height(), most))

    def minimumSizeHint(self) -> QSize:
        """Ask for the room of the newest notice at least, as that one is shown."""
        return QSize(0, min(max(_LEAST_PX, self._newest_height()), self.sizeHint().height()))

    def _newest_height(self) -> int:
        rows = [row for row in self.findChildren(NoticeRow) if not row.isHidden()]
        return max((row.heightForWidth(self.viewport().width()) for row in rows[-1:]), default=0)


class NoticeBar(QWidget):
    """The newest notices, one row each; a notice with the key of an older one takes its place."""

    action_requested = Signal(object)  # action_key
    left = Signal()  # a notice went that had the keyboard

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._rows: dict[str, NoticeRow] = {}
        inner = QWidget()
        self._scroll = _NoticeScroll(inner, tr("Notices"))
        self._scroll.setMaximumWidth(TEXT_COLUMN_PX + 32)
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self.more_button = QPushButton()
        self.more_button.setProperty("kind", "quiet")
        self.more_button.clicked.connect(self._on_more)
        self.more_button.hide()
        self._is_low = False
        self._is_unfolded = False
        line = QHBoxLayout()
        line.addWidget(self._scroll)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(8, 4, 8, 4)
        outer.setSpacing(0)
        outer.addWidget(self.more_button, 0, Qt.AlignmentFlag.AlignHCenter)
        outer.addLayout(line)
        self._scroll.verticalScrollBar().rangeChanged.connect(self._show_newest)
        self.hide()

    @property
    def rows(self) -> list["NoticeRow"]:
        """The notices that are shown, oldest first."""
        return list(self._rows.values())

    def show_notice(self, notice: Notice) -> None:
        """Show a notice; the oldest one that only informs goes if there are too many."""
        known = self._rows.get(notice.key)
        if known is not None and known.notice.is_progress and notice.is_progress:
            known.say(notice)
            return
        self.clear_notice(notice.key)
        if len(self._rows) >= _SHOWN_NOTICES:
            self._make_room()
        row = NoticeRow(notice, self._theme)
        row.closed.connect(self._on_closed)
        row.action_requested.connect(self._on_action_requested)
        self._rows[notice.key] = row
        self._column.addWidget(row)
        self._fold()
        self.show()
        announce(self, f"{notice.text} {notice.action}".strip(), is_urgent=notice.severity is Severity.ERROR)

    def _make_room(self) -> None:
        """Let the oldest notice go that only informs: an Undo that goes early, say, could not be pressed any more."""
        oldest = next((key for key, row in self._rows.items() if not row.notice.is_lasting), "")
        if not oldest and len(self._rows) >= _MOST_NOTICES:
            oldest = next(iter(self._rows))
        self.clear_notice(oldest)

    def clear_notice(self, key: str) -> None:
        """Take a notice away; nothing happens if it is not shown."""
        row = self._rows.pop(key, None)
        focused = QApplication.focusWidget()
        had_focus = row is not None and focused is not None and row.isAncestorOf(focused)
        if row is not None:
            row.hide()
            row.deleteLater()
        self._fold()
        self.setVisible(bool(self._rows))
        if had_focus:
            self.left.emit()

    def set_window_height(self, height_px: int) -> None:
        """Show one notice only in a low window, and how many more there are."""
        if (height_px < _LOW_WINDOW_PX) != self._is_low:
            self._is_low = not self._is_low
            self._fold()

    def _fold(self) -> None:
        """Show the newest only where there is little room; who is busy with another one keeps it."""
        rows, focused = self.rows, QApplication.focusWidget()
        self._is_unfolded = self._is_unfolded and len(rows) > 1
        folds = self._is_low and not self._is_unfolded
        hidden = 0
        for row in rows:
            is_held = focused is not None and row.isAncestorOf(focused)
            row.setVisible(not folds or row is rows[-1] or is_held)
            hidden += row.isHidden()
        self.more_button.setText(tr("Show {count} more").format(count=hidden))
        self.more_button.setVisible(hidden > 0)

    @Slot()
    def _on_more(self) -> None:
        self._is_unfolded = True
        had_focus = self.more_button.hasFocus()
        self._fold()
        oldest = self.rows[0]
        stops = [each for each in oldest.findChildren(QWidget) if each.focusPolicy() & Qt.FocusPolicy.TabFocus]
        if had_focus:
            next(each for each in stops if each.isVisibleTo(oldest)).setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def undo_newest(self) -> None:
        """Take back what was done last, if a notice still offers that."""
        for row in reversed(self.rows):
            if row.notice.action_key.startswith(_UNDO):
                self._on_action_requested((row.notice.key, row.notice.action_key))
                return

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme
        for row in self._rows.values():
            row.set_theme(theme)

    @Slot(int, int)
    def _show_newest(self, _first: int, last: int) -> None:
        """The newest one is at the bottom; whoever is busy with another one is left there."""
        focused = QApplication.focusWidget()
        if focused is None or not self._scroll.isAncestorOf(focused):
            self._scroll.verticalScrollBar().setValue(last)

    @Slot(object)
    def _on_closed(self, key: object) -> None:
        self.clear_notice(str(key))

    @Slot(object)
    def _on_action_requested(self, asked: tuple[str, str]) -> None:
        key, action_key = asked
        self.clear_notice(key)
        self.action_requested.emit(action_key)


@read_as(QAccessible.Role.Grouping)
class NoticeRow(QFrame):
    """One notice. Information goes by itself after a while, unless it is pointed at or has something to decide."""

    closed = Signal(object)  # key
    action_requested = Signal(object)  # (key, action_key)

    def __init__(self, notice: Notice, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.notice = notice
        self.setProperty("surface", _SURFACES[notice.severity])
        self.setAccessibleName(notice.text)
        self._icon = QLabel()
        self._icon.setFixedSize(_ICON_PX, _LINE_PX)
        self.text = QLabel(_shortened(notice.text))
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.text.setMinimumWidth(80)
        self.text.setContentsMargins(0, _ABOVE_LINE_PX, 0, _ABOVE_LINE_PX)
        self.action_button = QPushButton(menu_text(notice.action))
        self.action_button.setAccessibleDescription(notice.text)
        self.action_button.clicked.connect(self._on_action)
        self.details_button = QPushButton(tr("Details"))
        self.details_button.setProperty("kind", "quiet")
        self.details_button.setCheckable(True)
        self.details_button.toggled.connect(self._on_details_toggled)
        self.close_button = IconButton("x", tr("Close"), theme)
        self.close_button.clicked.connect(self._on_close)
        self.details: QWidget | None = None
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(margins(12, 4, 8, 4))
        self._grid.setHorizontalSpacing(8)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(self._icon, 0, 0, Qt.AlignmentFlag.AlignTop)
        self._is_stacked = False
        self._place()
        self._grid.addWidget(self.close_button, 0, 4, Qt.AlignmentFlag.AlignTop)  # visited after the others
        # Not before they are in the row: a button without a parent would be shown as a window of its own.
        self.action_button.setVisible(bool(notice.action))
        self.details_button.setVisible(bool(self._hidden_text()))
        self.choice_buttons = [self._choice_button(choice) for choice in notice.choices]
        if self.choice_buttons:
            self._grid.addLayout(_row_of(self.choice_buttons), 2, 1, 1, 4)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_INFO_SECONDS * 1000)
        self._timer.timeout.connect(self._on_close)
        self._goes_by_itself = not notice.is_lasting
        if self._goes_by_itself:
            self._timer.start()
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        colors = theme.colors
        color = {Severity.INFO: colors.muted, Severity.WARNING: colors.warning, Severity.ERROR: colors.danger}
        name = _ICONS[self.notice.severity]
        self._icon.setPixmap(pixmap(name, color[self.notice.severity], _ICON_PX, self.devicePixelRatioF()))
        self.close_button.set_theme(theme)

    def say(self, notice: Notice) -> None:
        """Say how far it is by now, and leave all else as it is."""
        self.notice = notice
        self.setAccessibleName(notice.text)
        self.text.setText(_shortened(notice.text))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the buttons under the text where they would leave it no room."""
        super().resizeEvent(event)
        self._fit()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Stay while it is pointed at."""
        super().enterEvent(event)
        self._timer.stop()

    def leaveEvent(self, event: QEvent) -> None:
        """Go a while after that."""
        super().leaveEvent(event)
        if self._goes_by_itself:
            self._timer.start()

    def event(self, event: QEvent) -> bool:
        """Keep Esc from the window while the keyboard is here."""
        is_key = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if is_key and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc closes the notice."""
        if event.key() == Qt.Key.Key_Escape:
            self._on_close()
        else:
            super().keyPressEvent(event)

    def _fit(self) -> None:
        buttons = [each for each in (self.details_button, self.action_button) if not each.isHidden()]
        taken = sum(each.sizeHint().width() + self._grid.horizontalSpacing() for each in [*buttons, self.close_button])
        margin = self._grid.contentsMargins()
        beside = self.width() - margin.left() - margin.right() - taken - _ICON_PX - self._grid.horizontalSpacing()
        one_line = self.text.fontMetrics().horizontalAdvance(self.text.text())
        is_stacked = bool(buttons) and beside < min(_LEAST_TEXT_PX, one_line)
        if is_stacked != self._is_stacked:
            self._is_stacked = is_stacked
            self._place()

    def _place(self) -> None:
        """Place text and buttons, beside each other or not; the order for the keyboard is the same."""
        top, end = Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignRight
        for each in (self.text, self.details_button, self.action_button):
            self._grid.removeWidget(each)
        if self._is_stacked:
            self._grid.addWidget(self.text, 0, 1, 1, 3, top)
            self._grid.addWidget(self.details_button, 1, 2, top)
            self._grid.addWidget(self.action_button, 1, 3, 1, 2, top | end)
        else:
            self._grid.addWidget(self.text, 0, 1, top)
            self._grid.addWidget(self.details_button, 0, 2, top)
            self._grid.addWidget(self.action_button, 0, 3, top)

    def _choice_button(self, choice: Choice) -> QPushButton:
        button = QPushButton(menu_text(choice.label))
        button.setAccessibleName(choice.label)
        button.setAccessibleDescription(self.notice.text)
        button.setProperty("choice", choice.key)
        button.clicked.connect(self._on_choice)
        return button

    def _hidden_text(self) -> str:
        """Return what does not stand in the row: the details, and the whole text if it was too long for it."""
        is_cut = len(self.notice.text) > _SHOWN_CHARACTERS
        parts = (self.notice.text if is_cut else "", self.notice.details)
        return "\n\n".join(part for part in parts if part)

    def _build_details(self) -> QWidget:
        details = QWidget()
        text = DetailsText()
        text.setProperty("bare", "true")
        text.setAccessibleName(tr("Details"))
        text.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        text.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        text.set_text(self._hidden_text())
        text.setMaximumHeight(_DETAILS_PX)
        copy = QPushButton(tr("Copy details"))
        copy.clicked.connect(self._on_copy)
        column = QVBoxLayout(details)
        column.setContentsMargins(0, 4, 0, 4)
        column.addWidget(text)
        column.addWidget(copy, 0, Qt.AlignmentFlag.AlignRight)
        return details

    @Slot()
    def _on_action(self) -> None:
        self.action_requested.emit((self.notice.key, self.notice.action_key))

    @Slot()
    def _on_choice(self) -> None:
        button = self.sender()
        assert isinstance(button, QPushButton)
        self.action_requested.emit((self.notice.key, str(button.property("choice"))))

    @Slot()
    def _on_close(self) -> None:
        self.closed.emit(self.notice.key)

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(f"{without_controls(self.notice.text)}\n\n{self.notice.details}")

    @Slot(bool)
    def _on_details_toggled(self, checked: bool) -> None:
        if self.details is None:
            self.details = self._build_details()
            self._grid.addWidget(self.details, 3, 1, 1, 4)
        self.details.setVisible(checked)


def _row_of(buttons: list[QPushButton]) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 4, 0, 4)
    row.setSpacing(8)
    for button in buttons:
        row.addWidget(button)
    row.addStretch(1)
    return row


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS].rstrip() + "…"
