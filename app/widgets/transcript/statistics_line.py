"""The quiet line under an answer: what it cost, shortened to the room there is, all of it on click."""

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Slot
from PySide6.QtGui import QAccessible, QColor, QFont, QFontMetrics, QGuiApplication, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QGridLayout, QPushButton, QSizePolicy, QWidget

from app.bidi import without_controls
from app.conversations.records import Message
from app.language import tr
from app.widgets.access.accessible_roles import read_as
from app.widgets.basics.fonts import text_font
from app.widgets.basics.foreign_text import set_tooltip
from app.widgets.basics.mirroring import draw_line, turned
from app.widgets.basics.plain_label import plain_label
from app.widgets.basics.theme import Theme
from app.widgets.transcript.statistics_text import shortened, statistics_details, statistics_line

_FOCUS_INSET = 4
_WRAPPED_CHARACTERS = 60
_WRAPPED_PX = 320


class StatisticsLine(QAbstractButton):
    """Model, precision, speed and reuse in small muted text; a click shows the details."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._text_font = QFont()
        self._message: Message | None = None
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.clicked.connect(self._on_clicked)
        self.set_theme(theme)

    def show_message(self, message: Message | None) -> None:
        """Show what is known about this answer, or leave the place empty."""
        if message == self._message:
            return
        self._message = message
        self.setEnabled(message is not None)
        line = statistics_line(message) if message is not None else ""
        self.setText(line.replace("&", "&&"))
        self.setAccessibleName(line)
        facts = statistics_details(message) if message is not None else []
        details = "\n".join(without_controls(f"{name}: {value}") for name, value in facts)
        set_tooltip(self, details)
        self.setAccessibleDescription(tr("About this answer") if details else "")  # which says them when it is pressed
        self.update()

    def shown_text(self) -> str:
        """Return the line as it is drawn at the present width."""
        if self._message is None:
            return ""
        metrics = QFontMetrics(self._text_font)
        return shortened(self._message, lambda line: metrics.horizontalAdvance(line) <= self.width())

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme
        self._text_font = text_font(min(theme.small_size_px, 14) - 1)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Return one line; the width is what the layout gives."""
        return QSize(120, QFontMetrics(self._text_font).height() + 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the text, underlined while pointed at, ringed while focused."""
        with QPainter(self) as painter:
            metrics = QFontMetrics(self._text_font)
            text = metrics.elidedText(self.shown_text(), Qt.TextElideMode.ElideRight, self.width())
            painter.setPen(QColor(self._theme.colors.text if self.underMouse() else self._theme.colors.muted))
            font = QFont(self._text_font)
            font.setUnderline(self.underMouse())
            painter.setFont(font)
            draw_line(painter, self.rect(), self.layoutDirection(), text)
            if self.hasFocus():
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(QPen(QColor(self._theme.colors.accent), 1))
                right = min(self.width(), metrics.horizontalAdvance(text) + _FOCUS_INSET)
                ring = turned(QRect(0, 0, right - 1, self.height() - 1), self.rect(), self.layoutDirection())
                painter.drawRoundedRect(ring, 4, 4)

    def show_details(self, message: Message) -> None:
        """Open all that is known about an answer, also where the line itself is switched off."""
        details = StatisticsDetails(message, self)
        details.move(_on_screen(self, details.sizeHint()))
        details.show()
        details.copy_button.setFocus()

    @Slot()
    def _on_clicked(self) -> None:
        if self._message is not None:
            self.show_details(self._message)


@read_as(QAccessible.Role.Dialog)
class StatisticsDetails(QFrame):
    """A small pop-up with one row per fact, to be copied; a click elsewhere or Esc closes it."""

    def __init__(self, message: Message, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("popup")
        self.setProperty("surface", "composer")
        self.setAccessibleName(tr("About this answer"))
        self._facts = statistics_details(message)
        self.setAccessibleDescription(_lines(self._facts))
        grid = QGridLayout(self)
        grid.setContentsMargins(16, 12, 16, 12)
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(4)
        for row, (name, value) in enumerate(self._facts):
            grid.addWidget(plain_label(name, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
            words = plain_label(value, wraps=len(value) > _WRAPPED_CHARACTERS)
            words.setMinimumWidth(_WRAPPED_PX if words.wordWrap() else 0)
            grid.addWidget(words, row, 1)
        grid.setRowMinimumHeight(len(self._facts), 8)
        self.copy_button = QPushButton(tr("Copy details"))
        self.copy_button.clicked.connect(self._on_copy)
        grid.addWidget(self.copy_button, len(self._facts) + 1, 0, 1, 2, Qt.AlignmentFlag.AlignTrailing)

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(_lines(self._facts))
        self.close()


def _lines(facts: list[tuple[str, str]]) -> str:
    return "\n".join(without_controls(f"{name}: {value}") for name, value in facts)


def _on_screen(widget: QWidget, size: QSize) -> QPoint:
    """Return where a pop-up of that size goes: above the widget, else below it, always on its screen."""
    room = widget.screen().availableGeometry()
    begin = widget.mapToGlobal(QPoint(0, 0))
    seen = widget.window().frameGeometry()  # the widget itself may be scrolled far away
    begin.setY(max(seen.top(), min(begin.y(), seen.bottom() - widget.height())))
    above, below = begin.y() - size.height() - 4, begin.y() + widget.height() + 4
    top = min(above if above >= room.top() else below, room.bottom() - size.height())
    left = min(begin.x(), room.right() - size.width())
    return QPoint(max(room.left(), left), max(room.top(), top))
