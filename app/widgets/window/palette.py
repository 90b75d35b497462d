"""The palette: one field that searches everything, over the window, while what is behind it goes on."""

from PySide6.QtCore import QEvent, QModelIndex, QObject, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
)
from PySide6.QtWidgets import QAbstractItemView, QApplication, QFrame, QLineEdit, QListView, QVBoxLayout, QWidget

from app.language import tr
from app.models.palette_entries import Entry, Kind
from app.models.palette_model import PaletteModel
from app.widgets.access.announcing import LateAnnouncement, announce
from app.widgets.basics.faded_edges import fade_edges
from app.widgets.basics.plain_label import plain_label
from app.widgets.basics.theme import Theme
from app.widgets.window.palette_delegate import PaletteDelegate

_WIDTH_PX = 640
_MARGIN_PX = 24
_TOP_PX = 64
_HIGHEST_PX = 560
_TYPED_CHARACTERS = 500
_STEPS = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 8, Qt.Key.Key_PageUp: -8}
_SHADE = 60  # of 255


class PaletteField(QLineEdit):
    """What is typed; the keys that walk through the list, choose and leave are handed on."""

    stepped = Signal(object)  # int
    entered = Signal()
    escaped = Signal()

    def event(self, event: QEvent) -> bool:
        """Keep Escape and Tab: the one is also the window's, the other would leave the palette."""
        if isinstance(event, QKeyEvent):
            if event.type() == QEvent.Type.ShortcutOverride and event.key() == Qt.Key.Key_Escape:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress and event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
                self.stepped.emit(1 if event.key() == Qt.Key.Key_Tab else -1)
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk, choose, leave, or type."""
        if event.key() == Qt.Key.Key_Escape:
            self.escaped.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered.emit()
        elif event.key() in _STEPS:
            self.stepped.emit(_STEPS[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)


class Palette(QWidget):
    """Covers the window with a shade; the keyboard goes back to where it was when it closes.

    Signals: opened() and typed(str): set_entries() is wanted; chosen(Entry); restyled(): set_theme() is.
    """

    opened = Signal()
    typed = Signal(object)
    restyled = Signal()
    chosen = Signal(object)

    def __init__(self, theme: Theme, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._before: QWidget | None = None
        self._theme = theme
        self.model = PaletteModel(self)
        self.field = PaletteField()
        self.field.setMaxLength(_TYPED_CHARACTERS)
        self.field.setProperty("bare", True)
        self.field.setPlaceholderText(tr("Search conversations, messages, commands, models and settings"))
        self.field.setAccessibleName(tr("Search everything"))
        self.lines = QListView()
        self.lines.setAccessibleName(tr("Found"))
        self.lines.setModel(self.model)
        self.titles = PaletteDelegate(theme, self.lines)
        self.lines.setItemDelegate(self.titles)
        self.lines.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.lines.setMouseTracking(True)
        self.lines.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.lines.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.lines.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        fade_edges(self.lines, QPalette.ColorRole.Base)
        self.nothing = plain_label(tr("Nothing was found. Fewer or other words may help."), "muted", wraps=True)
        self._found = LateAnnouncement(self.lines)
        self._lay_out()
        self.hide()
        self.field.textChanged.connect(lambda text: self.typed.emit(text))
        self.field.stepped.connect(self._on_stepped)
        self.field.entered.connect(self._on_entered)
        self.field.escaped.connect(self.leave)
        self.lines.clicked.connect(self._on_clicked)
        window.installEventFilter(self)

    def _lay_out(self) -> None:
        line = QFrame()
        line.setProperty("surface", "line")
        self.card = QFrame(self)
        self.card.setProperty("surface", "palette")
        column = QVBoxLayout(self.card)
        column.setContentsMargins(0, 0, 0, 8)
        column.setSpacing(0)
        head = QVBoxLayout()
        head.setContentsMargins(18, 14, 18, 14)  # a line's words begin 2 px inside
        head.addWidget(self.field)
        column.addLayout(head)
        column.addWidget(line)
        column.addWidget(self.lines, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(20, 12, 20, 8)
        foot.addWidget(self.nothing)
        self._foot = QWidget()
        self._foot.setLayout(foot)
        column.addWidget(self._foot)

    def open(self) -> None:
        """Show it with nothing typed; the second time the field is emptied."""
        if not self.isVisible():
            self._before = QApplication.focusWidget()
        self.field.clear()
        self.setGeometry(self._window.rect())
        self.opened.emit()
        self._place()
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus_changed, Qt.ConnectionType.UniqueConnection)

    @Slot()
    def leave(self) -> None:
        """Close it and give the keyboard back."""
        before, self._before = self._before, None
        if before is not None and before.isVisible():  # before it is hidden, as Qt would give it to somebody else
            before.setFocus(Qt.FocusReason.OtherFocusReason)
        self._close()

    def set_entries(self, entries: list[Entry]) -> None:
        """List what was found; the first is current, or what the user has gone to if it is still there."""
        current = self.model.entry(self.lines.currentIndex().row())
        kept = current if self._has_walked else None
        self.model.set_entries(entries)
        place = self.model.place_of((kept.kind, kept.key)) if kept is not None else None
        if place is None:
            self._has_walked = False
            place = next((row for row in range(self.model.rowCount()) if self.model.entry(row)), -1)
        self._go(place)
        self.lines.setVisible(bool(entries))
        self._foot.setVisible(not entries)
        self._place()
        self._say_found()

    def _say_found(self) -> None:
        """Say how much was found once nobody types any more, and what Enter would open."""
        count = sum(self.model.entry(row) is not None for row in range(self.model.rowCount()))
        current = self.lines.currentIndex()
        if not self.field.text().strip() or self._has_walked:
            self._found.say("")
        elif not count or not current.isValid():
            self._found.say(self.nothing.text())
        else:
            self._found.say(f"{tr('Found: %n', None, count)}. {current.data()}")

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme
        self.titles.set_theme(theme)
        self.lines.scheduleDelayedItemsLayout()

    def changeEvent(self, event: QEvent) -> None:
        """Say that the window has a new look, as when the desktop turns dark while this is open."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.restyled.emit()

    _has_walked = False

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Stay as large as the window."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self.setGeometry(self._window.rect())
            self._place()
        return False

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Shade what is behind."""
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(0, 0, 0, _SHADE * (2 if self._theme.dark else 1)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click beside it closes it."""
        if not self.card.geometry().contains(event.position().toPoint()):
            self.leave()

    def _place(self) -> None:
        width = min(_WIDTH_PX, self.width() - 2 * _MARGIN_PX)
        top = min(_TOP_PX, self.height() // 10)
        rows = sum(self.lines.sizeHintForRow(row) for row in range(self.model.rowCount()))
        room = min(_HIGHEST_PX, self.height() - top - _MARGIN_PX)
        self.lines.setFixedHeight(max(0, min(rows + 4, room - 64)))
        self.card.setFixedWidth(width)
        self.card.adjustSize()
        self.card.move((self.width() - width) // 2, top)

    def _go(self, place: int) -> None:
        index = self.model.index(place)
        self.lines.setCurrentIndex(index)
        above = self.model.index(place - 1)
        if place > 0 and self.model.entry(place - 1) is None:
            self.lines.scrollTo(above)  # the name of the section, too
        if index.isValid():
            self.lines.scrollTo(index)
            if self.isVisible() and self._has_walked:
                announce(self.lines, str(index.data()))

    @Slot(object)
    def _on_stepped(self, step: int) -> None:
        """Go on among the entries; a single step leads from the last one to the first."""
        places = [row for row in range(self.model.rowCount()) if self.model.entry(row) is not None]
        if not places:
            return
        self._has_walked = True
        self._found.say("")
        row = self.lines.currentIndex().row()
        place = (places.index(row) if row in places else -1) + step
        place = place % len(places) if abs(step) == 1 else max(0, min(len(places) - 1, place))
        self._go(places[place])

    @Slot()
    def _on_entered(self) -> None:
        self._choose(self.lines.currentIndex())

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        self._choose(index)

    def _choose(self, index: QModelIndex) -> None:
        entry = self.model.entry(index.row())
        if entry is None or (entry.kind is Kind.MESSAGE and not entry.key):
            return
        if entry.kind in (Kind.HINT, Kind.MORE):
            self.field.setText(f"{entry.key} ")
            self.field.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        self.leave()
        self.chosen.emit(entry)

    def _close(self) -> None:
        if self.isHidden():
            return
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.disconnect(self._on_focus_changed)
        self._has_walked = False
        self._found.say("")
        self.hide()

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, _before: QWidget | None, now: QWidget | None) -> None:
        """Close when something else in the window takes the keyboard, such as a new conversation."""
        if now is not None and self.isVisible() and not self.isAncestorOf(now) and now.window() is self._window:
            self._before = None
            self._close()
