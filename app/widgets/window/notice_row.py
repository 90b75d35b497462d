"""One notice: its sentence, buttons for what to do about it, the technical part folded."""

from PySide6.QtCore import QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAccessible, QEnterEvent, QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.bidi import without_controls
from app.language import tr
from app.models.notice import Choice, Notice, Severity
from app.widgets.access.accessible_roles import read_as
from app.widgets.basics.details_button import DetailsButton
from app.widgets.basics.foreign_text import menu_text
from app.widgets.basics.icon_button import IconButton
from app.widgets.basics.icons import pixmap
from app.widgets.basics.mirroring import margins
from app.widgets.basics.theme import Theme
from app.widgets.models.flow_row import FlowRow
from app.widgets.window.notice_details import DetailsText

_INFO_SECONDS = 12
_SHOWN_CHARACTERS = 400
_ICON_PX = 16
_LINE_PX = 32  # as high as a button, so that icon and first line stand beside each other
_ABOVE_LINE_PX = 7
_LEAST_TEXT_PX = 240  # less beside the buttons makes a column of single words
_DETAILS_PX = 120  # at most
_SURFACES = {Severity.INFO: "card", Severity.WARNING: "warning", Severity.ERROR: "danger"}
_ICONS = {Severity.INFO: "info", Severity.WARNING: "triangle-alert", Severity.ERROR: "circle-x"}


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
        self.details_button = DetailsButton()
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
        self._room = 0  # not known yet
        self._place()
        self._grid.addWidget(self.close_button, 0, 4, Qt.AlignmentFlag.AlignVCenter)  # visited after the others
        # Not before they are in the row: a button without a parent would be shown as a window of its own.
        self.action_button.setVisible(bool(notice.action))
        self.details_button.setVisible(bool(self._hidden_text()))
        self.choice_buttons = [self._choice_button(choice) for choice in notice.choices]
        if self.choice_buttons:
            self._grid.addWidget(_lines_of(self.choice_buttons), 2, 1, 1, 4)
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

    def set_room(self, width: int) -> None:
        """Put the buttons under the text where they would leave it no room.

        The width is not the row's own one: with each change of place a scroll bar would come and go, and so on forever.
        """
        self._room = width
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
        beside = self._room - margin.left() - margin.right() - taken - _ICON_PX - self._grid.horizontalSpacing()
        one_line = self.text.fontMetrics().horizontalAdvance(self.text.text())
        is_stacked = bool(self._room and buttons) and beside < min(_LEAST_TEXT_PX, one_line)
        if is_stacked != self._is_stacked:
            self._is_stacked = is_stacked
            self._place()

    def _place(self) -> None:
        """Place text and buttons, in the middle of each other's height or below; the keyboard's order is the same."""
        top, middle, end = Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignRight
        for each in (self.text, self.details_button, self.action_button):
            self._grid.removeWidget(each)
        self._grid.setAlignment(self.close_button, top if self._is_stacked else middle)
        if self._is_stacked:
            self._grid.addWidget(self.text, 0, 1, 1, 3, top)
            self._grid.addWidget(self.details_button, 1, 2, top)
            self._grid.addWidget(self.action_button, 1, 3, 1, 2, top | end)
        else:
            self._grid.addWidget(self.text, 0, 1, middle)
            self._grid.addWidget(self.details_button, 0, 2, middle)
            self._grid.addWidget(self.action_button, 0, 3, middle)

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


def _lines_of(buttons: list[QPushButton]) -> FlowRow:
    """Return the buttons beside each other, in as many lines as they need: three may be wider than a small window."""
    lines = FlowRow()
    for button in buttons:
        lines.add(button)
    policy = lines.sizePolicy()
    policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)  # else the buttons above move apart for them
    lines.setSizePolicy(policy)
    return lines


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS].rstrip() + "…"
