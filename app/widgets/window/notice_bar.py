"""The notices above the composer: the newest ones, as many as leave room for what they are about."""

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.language import tr
from app.models.notice import Notice, Severity
from app.widgets.access.announcing import announce
from app.widgets.basics.theme import TEXT_COLUMN_PX, Theme
from app.widgets.models.scrolled import FittedScroll
from app.widgets.window.notice_row import NoticeRow

_SHOWN_NOTICES = 3
_MOST_NOTICES = 20  # also of those that offer something
_UNDO = "undo"  # how the keys of all actions begin that take something back
_USUAL_SHARE, _LARGEST_SHARE = 3, 2  # of the window's height: one by one, and what was asked for
_LEAST_PX = 48
_LOW_WINDOW_PX = 600  # two notices would take a quarter of it
_GAP_PX = 4


class _NoticeScroll(FittedScroll):
    is_unfolded = False  # all were asked for

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Let the notices know their room, which a scroll bar does not change."""
        self.tell_room()
        super().resizeEvent(event)

    def tell_room(self) -> None:
        """Let the notices know how wide they are at least."""
        room = self.maximumViewportSize().width() - self.verticalScrollBar().sizeHint().width()
        for row in self.findChildren(NoticeRow):
            row.set_room(room)

    def sizeHint(self) -> QSize:
        """Return the size of the newest notices, a third of the window at most: what they are about is seen as well.

        The newest one is not cut for that, as long as it leaves half of the window, nor is one cut above it.
        """
        wanted, window_px = super().sizeHint(), self.window().height()
        largest = window_px // _LARGEST_SHARE
        most = largest if self.is_unfolded else window_px // _USUAL_SHARE
        heights = self._heights()
        height = min(heights[0], largest) if heights else 0
        for each in heights[1:]:
            if height + _GAP_PX + each > most:
                break
            height += _GAP_PX + each
        return QSize(wanted.width(), height)

    def minimumSizeHint(self) -> QSize:
        """Ask for the room of the newest notice at least, as that one is shown."""
        newest = max(self._heights()[:1], default=0)
        return QSize(0, min(max(_LEAST_PX, newest), self.sizeHint().height()))

    def _heights(self) -> list[int]:
        """Return how high each notice that is shown is, the newest first."""
        width = self.viewport().width()
        rows = [row for row in self.findChildren(NoticeRow) if not row.isHidden()]
        return [row.heightForWidth(width) for row in reversed(rows)]


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
        self._column.setSpacing(_GAP_PX)
        self.more_button = QPushButton()
        self.more_button.setProperty("kind", "quiet")
        self.more_button.clicked.connect(self._on_more)
        self.more_button.hide()
        self._is_low = False
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
    def rows(self) -> list[NoticeRow]:
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
        self._scroll.tell_room()
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
        self._scroll.is_unfolded = self._scroll.is_unfolded and len(rows) > 1
        folds = self._is_low and not self._scroll.is_unfolded
        hidden = 0
        for row in rows:
            is_held = focused is not None and row.isAncestorOf(focused)
            row.setVisible(not folds or row is rows[-1] or is_held)
            hidden += row.isHidden()
        self.more_button.setText(tr("Show {count} more").format(count=hidden))
        self.more_button.setVisible(hidden > 0)

    @Slot()
    def _on_more(self) -> None:
        self._scroll.is_unfolded = True
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
