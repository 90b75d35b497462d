"""The drawings of all formulas that were lately on screen, whoever shows them; one shelf for the whole window."""

from collections import OrderedDict
from functools import lru_cache

from PySide6.QtCore import QByteArray, QObject, QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from app.mathematics.shapes import EM, INK, LONGEST_LATEX, Drawn, Shape, Wanted
from app.rendering.formulas import Formula
from app.widgets.text.formula_process import FormulaProcess

SCALE = 1.1  # STIX Two Math's small letters are that much lower than Inter's at the same size
_KEPT_SHAPES = 1_500
_JOINED_MS = 16  # drawings that arrive within one frame are told together
_LARGEST_PIXELS = 12_000_000


class Formulas(QObject):
    """Knows drawings or has them made. Signal: drawn(frozenset of Formula) when it is known of some."""

    drawn = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._shapes: OrderedDict[Formula, Shape | None] = OrderedDict()
        self._asked: dict[int, Formula] = {}
        self._pending: set[Formula] = set()
        self._told: set[Formula] = set()
        self._number = 0
        self._process = FormulaProcess(self)
        self._process.drawn.connect(self._on_drawn)
        self._tell = QTimer(self, singleShot=True, interval=_JOINED_MS)
        self._tell.timeout.connect(self._on_tell)

    def shape(self, formula: Formula) -> Shape | None:
        """Return the drawing, None while there is none: it is being made (drawn will tell), or can't be made."""
        if formula in self._shapes:
            self._shapes.move_to_end(formula)
            return self._shapes[formula]
        if formula not in self._pending and len(formula.latex) <= LONGEST_LATEX:
            self._number += 1
            self._asked[self._number] = formula
            self._pending.add(formula)
            self._process.ask(Wanted(self._number, formula.latex, formula.is_display))
        return None

    def is_pending(self, formula: Formula) -> bool:
        """Return whether a drawing is being made."""
        return formula in self._pending

    @property
    def is_busy(self) -> bool:
        """Return whether any drawing is being made."""
        return bool(self._pending)

    def end(self) -> None:
        """End the drawing process; nothing more is told."""
        self._tell.stop()
        self._process.end()

    @Slot(object)
    def _on_drawn(self, answer: Drawn) -> None:
        formula = self._asked.pop(answer.number)
        self._pending.discard(formula)
        self._shapes[formula] = answer.shape
        while len(self._shapes) > _KEPT_SHAPES:
            self._shapes.popitem(last=False)
        self._told.add(formula)
        if not self._tell.isActive():
            self._tell.start()

    @Slot()
    def _on_tell(self) -> None:
        told, self._told = frozenset(self._told), set()
        self.drawn.emit(told)


_shared: list[Formulas] = []


def formulas() -> Formulas:
    """Return the shelf of this window; it is made when it is first wanted, and ended by end_formulas."""
    if not _shared:
        _shared.append(Formulas())
    return _shared[0]


def end_formulas() -> None:
    """End the shelf and its process, as the program closes."""
    while _shared:
        shelf = _shared.pop()
        shelf.end()
        shelf.deleteLater()


def scale_of(text_size_px: float) -> float:
    """Return what a shape's units are to be multiplied by beside text of a size."""
    return text_size_px * SCALE / EM


def paint_shape(painter: QPainter, shape: Shape, place: QRectF, color: str) -> None:
    """Draw a shape at its place in a colour (``#rrggbb``), sharp at the painter's own resolution."""
    device = painter.device()
    ratio = device.devicePixelRatio() if device is not None else 1.0
    width, height = round(place.width() * ratio) + 1, round(place.height() * ratio) + 1
    if width * height > _LARGEST_PIXELS:
        _renderer(shape.svg, color).render(painter, place)
        return
    # A whole device pixel to begin with, or the picture would be resampled.
    left, top = round(place.left() * ratio) / ratio, round(place.top() * ratio) / ratio
    size = (place.width() * ratio, place.height() * ratio)
    painter.drawPixmap(
        QRectF(left, top, width / ratio, height / ratio).topLeft(), _picture(shape.svg, color, size, ratio)
    )


@lru_cache(maxsize=400)
def _picture(svg: str, color: str, size: tuple[float, float], ratio: float) -> QPixmap:
    picture = QPixmap(round(size[0]) + 1, round(size[1]) + 1)
    picture.fill(Qt.GlobalColor.transparent)
    with QPainter(picture) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        _renderer(svg, color).render(painter, QRectF(0, 0, *size))
    picture.setDevicePixelRatio(ratio)
    return picture


@lru_cache(maxsize=64)
def _renderer(svg: str, color: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(svg.replace(INK, color).encode()))
