"""What is searched for on the Hub: words, an id or an address, and below them order, size and author."""

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLineEdit, QWidget

from app.language import mark, tr
from app.models.hub_rows import HubQuery
from app.widgets.basics.choice_box import ChoiceBox
from app.widgets.basics.field_buttons import name_button, show_clear_button
from app.widgets.basics.icons import icon
from app.widgets.basics.theme import Theme
from engine.api.codec import clean_text
from engine.api.hub import HubSort

_PAUSE_MS = 400
_LONGEST_TEXT = 500
_LINE_SIDES_PX = 28  # what a line takes beside its words
_SORTS = (
    (mark("Popular"), HubSort.DOWNLOADS),
    (mark("Most liked"), HubSort.LIKES),
    (mark("Newest"), HubSort.RECENT),
    (mark("Trending"), HubSort.TRENDING),
)
_BILLION = 10**9
LIST_SHARE, DETAILS_SHARE, GAP_PX = 5, 6, 8  # the results below end where the words to look for end
_SIZES: tuple[tuple[str, int | None, int | None], ...] = (
    (mark("Any size"), None, None),
    (mark("Up to 4 billion"), None, 4 * _BILLION),
    (mark("4 to 9 billion"), 4 * _BILLION, 9 * _BILLION),
    (mark("9 to 15 billion"), 9 * _BILLION, 15 * _BILLION),
    (mark("15 to 35 billion"), 15 * _BILLION, 35 * _BILLION),
    (mark("Above 35 billion"), 35 * _BILLION, None),
)


class _SearchLine(QLineEdit):
    went_down = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Down goes into the results; Esc first empties the field."""
        if event.key() == Qt.Key.Key_Down:
            self.went_down.emit()
        elif event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)


class _HintedLine(QLineEdit):
    def minimumSizeHint(self) -> QSize:
        """Leave room for all that the empty field says, in the font of the moment."""
        words = self.fontMetrics().horizontalAdvance(self.placeholderText())
        return super().minimumSizeHint().expandedTo(QSize(words + _LINE_SIDES_PX, 0))


class SearchBar(QWidget):
    """Enter searches at once, a pause of typing after 400 ms; nothing is asked twice in a row but by Enter."""

    search_requested = Signal(object)  # HubQuery
    went_down = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._asked: HubQuery | None = None
        self.line = _SearchLine()
        self.line.setMaxLength(_LONGEST_TEXT)
        self.line.setPlaceholderText(tr("Search, or paste an address"))
        self.line.setAccessibleName(tr("Search the Hub"))
        self.line.setToolTip(tr("Words to look for, a model's name such as Qwen/Qwen3-8B, or the address of its page"))
        show_clear_button(self.line)
        self._lens = self.line.addAction(icon("search", theme.colors.muted), QLineEdit.ActionPosition.LeadingPosition)
        name_button(self.line, self._lens, tr("Search"))
        self.sort = _choice(tr("Order"), [tr(words) for words, _ in _SORTS])
        self.size_range = _choice(tr("Size"), [tr(words) for words, _, _ in _SIZES])
        self.author = _HintedLine()
        self.author.setMaxLength(_LONGEST_TEXT)
        self.author.setPlaceholderText(tr("Any publisher"))
        self.author.setAccessibleName(tr("Publisher"))
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._ask_if_changed)
        filters = QHBoxLayout()
        filters.setSpacing(8)
        for widget, share in ((self.sort, 6), (self.size_range, 6), (self.author, 4)):
            filters.addWidget(widget, share)
        self._lines = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(GAP_PX)
        self._lines.addWidget(self.line, LIST_SHARE)
        self._lines.addLayout(filters, DETAILS_SHARE)
        self._connect()

    @property
    def query(self) -> HubQuery:
        """What stands here."""
        _, least, most = _SIZES[self.size_range.currentIndex()]
        return HubQuery(
            text=clean_text(self.line.text()).strip(),
            author=clean_text(self.author.text()).strip(),
            least_parameters=least,
            most_parameters=most,
            sort=_SORTS[self.sort.currentIndex()][1],
        )

    def ask(self) -> None:
        """Search for what stands here, also if that was asked before."""
        self._pause.stop()
        self._asked = self.query
        self.search_requested.emit(self._asked)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._lens.setIcon(icon("search", theme.colors.muted))

    def set_narrow(self, is_narrow: bool) -> None:
        """Put the filters below the words, or beside them."""
        down, beside = QBoxLayout.Direction.TopToBottom, QBoxLayout.Direction.LeftToRight
        self._lines.setDirection(down if is_narrow else beside)

    def _connect(self) -> None:
        for line in (self.line, self.author):
            line.textChanged.connect(self._pause.start)
            line.returnPressed.connect(self.ask)
        for box in (self.sort, self.size_range):
            box.activated.connect(self._ask_if_changed)
        self.line.went_down.connect(self.went_down)

    @Slot()
    def _ask_if_changed(self) -> None:
        if self.query != (self._asked or HubQuery()):
            self.ask()


def _choice(name: str, words: list[str]) -> ChoiceBox:
    box = ChoiceBox()
    box.addItems(words)
    box.setAccessibleName(name)
    box.setAccessibleDescription(name)  # Qt on Linux calls a box by what is chosen in it
    box.setMinimumContentsLength(6)
    box.setSizeAdjustPolicy(ChoiceBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box
