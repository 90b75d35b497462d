"""Fades what scrolls where it goes on above or below, so that no line of words ends in a hard cut."""

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, Slot
from PySide6.QtGui import QColor, QGuiApplication, QLinearGradient, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QAbstractItemView, QAbstractScrollArea, QWidget

from app.widgets.basics.theme import RADIUS_LARGE_PX

FADE_PX = 24  # a line of words, so that a cut one is never half as strong as a whole one
_LEAST_SHARE = 4  # of the height of what scrolls
_STEPS = 8
_Role = QPalette.ColorRole


def fade_edges(area: QAbstractScrollArea, ground: QPalette.ColorRole = _Role.Window) -> None:
    """Let the words of an area that scrolls up and down fade into its ground, a colour of the palette."""
    for at_end in (False, True):
        FadedEdge(area, ground, at_end=at_end)


class FadedEdge(QWidget):
    """Lies over one edge of what scrolls while there is more behind that edge; the mouse goes through it."""

    def __init__(self, area: QAbstractScrollArea, ground: QPalette.ColorRole, *, at_end: bool) -> None:
        super().__init__(area)
        self._area = area
        self._ground = ground
        self._at_end = at_end
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.viewport().installEventFilter(self)
        bar = area.verticalScrollBar()
        bar.valueChanged.connect(self._follow)
        bar.rangeChanged.connect(self._follow)
        if isinstance(area, QAbstractItemView):
            area.selectionModel().currentChanged.connect(lambda: self.update())
        self._follow()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay on the edge when the area gets another size."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move, QEvent.Type.Show):
            self._follow()
        return super().eventFilter(watched, event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Cover what is behind, more and more towards the edge."""
        current = self._current()
        if current is not None and current.intersects(self.geometry()):
            return  # the chosen row of a list is always read as a whole
        ground = QGuiApplication.palette().color(self._ground)
        fade = QLinearGradient(QPoint(0, 0), QPoint(0, self.height()))
        for step in range(_STEPS + 1):
            covered = step / _STEPS
            color = QColor(ground)
            color.setAlphaF(covered * covered * (3 - 2 * covered))  # no band where it begins or ends
            fade.setColorAt(covered if self._at_end else 1 - covered, color)
        covered_px = self.rect().adjusted(0, -FADE_PX if self._at_end else 0, 0, 0 if self._at_end else FADE_PX)
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(fade)
            # Rounder than the frame around it, whose corners lie over what scrolls.
            painter.drawRoundedRect(covered_px, RADIUS_LARGE_PX, RADIUS_LARGE_PX)

    def _current(self) -> QRect | None:
        if not isinstance(self._area, QAbstractItemView) or not self._area.currentIndex().isValid():
            return None
        place = self._area.visualRect(self._area.currentIndex())
        return place.translated(self._area.viewport().pos())

    @Slot()
    def _follow(self) -> None:
        bar, view = self._area.verticalScrollBar(), self._area.viewport().geometry()
        height = min(FADE_PX, view.height() // _LEAST_SHARE)
        top = view.bottom() + 1 - height if self._at_end else view.top()
        self.setGeometry(view.left(), top, view.width(), height)
        self.setVisible(bar.value() < bar.maximum() if self._at_end else bar.value() > bar.minimum())
        self.raise_()
