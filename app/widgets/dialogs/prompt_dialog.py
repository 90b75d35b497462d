"""The exact prompt of an answer: its text coloured by what is known of it, its parts as a table, both to copy."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.language import grouped, tr
from app.models.prompt_spans import PLACE_WORDS, SOURCE_WORDS, PromptSpans, summary
from app.widgets.basics.dialog_size import size_on_screen
from app.widgets.basics.flow_layout import FlowLayout
from app.widgets.basics.plain_label import plain_label
from app.widgets.basics.theme import Theme
from app.widgets.dialogs.prompt_view import PromptView, place_color
from engine.api.events import PromptDescribed
from engine.api.warmth import Tier

_SIZE_PX = (820, 600)
_SMALLEST = QSize(560, 400)
_CELL_CHARACTERS = 120
_SWATCH_PX = 14
_COUNT_COLUMN = 2
_WORDS = Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter
_NUMBERS = Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter


class _Swatch(QWidget):
    """A sample of one colour, with the line that tells it apart from the others without colours."""

    def __init__(self, tier: Tier | None, theme: Theme) -> None:
        super().__init__()
        self._tier = tier
        self.theme = theme
        self.setFixedSize(_SWATCH_PX * 2, _SWATCH_PX + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        with QPainter(self) as painter:
            painter.fillRect(self.rect().adjusted(0, 2, 0, -2), place_color(self._tier, self.theme))
            painter.setPen(self.theme.colors.outline)
            if self._tier is None:
                painter.drawRect(self.rect().adjusted(0, 2, -1, -3))
            lines = {Tier.RAM: Qt.PenStyle.DotLine, Tier.DISK: Qt.PenStyle.DashLine}
            if self._tier in lines:
                pen = painter.pen()
                pen.setStyle(lines[self._tier])
                painter.setPen(pen)
                painter.drawLine(0, self.height() - 4, self.width(), self.height() - 4)


class PromptDialog(QDialog):
    """Opens with a sentence about what it waits for. theme gives the look of now. Signal closed(): nobody waits."""

    closed = Signal()

    def __init__(self, theme: Callable[[], Theme], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._drawn = theme()
        self._swatches = [_Swatch(tier, self._drawn) for tier in PLACE_WORDS]
        self.setWindowTitle(tr("The exact prompt"))
        self.setMinimumSize(_SMALLEST)
        size_on_screen(self, *_SIZE_PX)
        self._spans: PromptSpans | None = None
        self.message = plain_label("", "muted", wraps=True)
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.message.setContentsMargins(48, 0, 48, 0)
        self.summary = plain_label("", wraps=True)
        self.token = plain_label("", "small", wraps=True)
        self.token.setMinimumHeight(self.token.fontMetrics().lineSpacing() * 2)
        self.view = PromptView(self._drawn)
        self.view.token_shown.connect(self.token.setText)
        self.table = _table()
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName(tr("Views"))
        self.tabs.addTab(self._text_page(), tr("Text"))
        self.tabs.addTab(self.table, tr("Parts"))
        self.tabs.currentChanged.connect(self._fill_table)
        self.copy_text_button = QPushButton(tr("Copy text"))
        self.copy_text_button.clicked.connect(self._on_copy_text)
        self.copy_ids_button = QPushButton(tr("Copy ids"))
        self.copy_ids_button.clicked.connect(self._on_copy_ids)
        self.close_button = QPushButton(tr("Close"))
        self.close_button.clicked.connect(self.accept)
        self._build_layout()
        self.finished.connect(self.closed)

    @Slot(object)
    def show_message(self, sentence: str) -> None:
        """Show a sentence where the prompt would be: why there is none, or what is waited for."""
        self.message.setText(sentence)
        self._pages.setCurrentWidget(self.message)
        self._show_buttons(False)

    @Slot(object)
    def show_prompt(self, described: PromptDescribed) -> None:
        """Show a prompt."""
        self._spans = PromptSpans(described)
        self.summary.setText(summary(described))
        self.view.show_spans(self._spans)
        self.table.setRowCount(0)
        self._fill_table()
        self._pages.setCurrentIndex(1)
        self._show_buttons(True)
        self.view.setFocus()

    def changeEvent(self, event: QEvent) -> None:
        """Take the window's new look while it stays open."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and self._theme() != self._drawn:
            self._drawn = self._theme()
            self.view.set_theme(self._drawn)
            for swatch in self._swatches:
                swatch.theme = self._drawn
                swatch.update()

    def _text_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        legend = FlowLayout(spacing=16)
        for swatch, words in zip(self._swatches, PLACE_WORDS.values(), strict=True):
            legend.addWidget(_named(swatch, tr(words)))
        column.addLayout(legend)
        column.addWidget(self.view, 1)
        hint = tr("Muted: the model's template. Bold: generated by the model, kept token for token.")
        column.addWidget(plain_label(hint, "small", wraps=True))
        column.addWidget(self.token)
        return page

    def _build_layout(self) -> None:
        content = QWidget()
        inner = QVBoxLayout(content)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(12)
        inner.addWidget(self.summary)
        inner.addWidget(self.tabs, 1)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.message)
        self._pages.addWidget(content)
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy_text_button)
        buttons.addWidget(self.copy_ids_button)
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        for button in (self.copy_text_button, self.copy_ids_button, self.close_button):
            button.setAutoDefault(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        column.addWidget(self._pages, 1)
        column.addLayout(buttons)
        self._show_buttons(False)

    def _show_buttons(self, shown: bool) -> None:
        self.copy_text_button.setEnabled(shown)
        self.copy_ids_button.setEnabled(shown)

    @Slot()
    def _fill_table(self) -> None:
        """Fill it once it is seen: a long conversation has a thousand parts."""
        if self._spans is None or self.tabs.currentWidget() is not self.table or self.table.rowCount():
            return
        self.table.setRowCount(len(self._spans.spans))
        for row, span in enumerate(self._spans.spans):
            text = span.text[:_CELL_CHARACTERS].replace("\n", "↵")
            cells = (tr(SOURCE_WORDS[span.source]), tr(PLACE_WORDS[span.tier]), grouped(len(span.token_ids)), text)
            for column, words in enumerate(cells):
                item = QTableWidgetItem(words)
                item.setTextAlignment(_NUMBERS if column == _COUNT_COLUMN else _WORDS)
                self.table.setItem(row, column, item)

    @Slot()
    def _on_copy_text(self) -> None:
        if self._spans is not None:
            QGuiApplication.clipboard().setText("".join(self._spans.texts))

    @Slot()
    def _on_copy_ids(self) -> None:
        if self._spans is not None:
            QGuiApplication.clipboard().setText(", ".join(str(token_id) for token_id in self._spans.token_ids))


def _named(swatch: QWidget, words: str) -> QWidget:
    pair = QWidget()
    row = QHBoxLayout(pair)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    row.addWidget(swatch)
    row.addWidget(plain_label(words, "small"))
    return pair


def _table() -> QTableWidget:
    table = QTableWidget(0, 4)
    table.setHorizontalHeaderLabels([tr("From"), tr("State"), tr("Tokens"), tr("Text")])
    table.setAccessibleName(tr("The prompt's parts"))
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setFrameShape(QFrame.Shape.NoFrame)
    table.setTabKeyNavigation(False)
    table.setWordWrap(False)
    table.setShowGrid(False)
    table.verticalHeader().hide()
    header = table.horizontalHeader()
    header.setDefaultAlignment(_WORDS)
    count = table.horizontalHeaderItem(_COUNT_COLUMN)
    assert count is not None  # it has just been named
    count.setTextAlignment(_NUMBERS)
    for column in range(3):
        header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
    table.horizontalHeader().setHighlightSections(False)
    return table
