"""The table of what is kept of which conversation: sorted by any column, several rows chosen at once."""

from PySide6.QtCore import (
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app.language import tr
from app.models.memory_table_model import ID_ROLE, SORT_ROLE, TIER_ROLE, Column, MemoryTableModel
from app.widgets.basics.faded_edges import fade_edges
from app.widgets.basics.mirroring import apart
from app.widgets.basics.theme import Theme
from app.widgets.basics.warmth_mark import mark_icon
from engine.api.warmth import Tier

_ROW_PX = 32
_TITLE_PX = 160
_Index = QModelIndex | QPersistentModelIndex


class _Cells(QStyledItemDelegate):
    """Puts the tier's mark before its name, and draws one focus ring for a row, not one for each cell."""

    def __init__(self, theme: Theme, table: QTableView) -> None:
        super().__init__(table)
        self._table = table
        self.theme = theme

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        super().paint(painter, option, index)
        if self._table.hasFocus() and index.row() == self._table.currentIndex().row():
            painter.save()
            painter.setPen(QPen(QColor(self.theme.colors.accent), 1))
            cell: QRect = option.rect
            painter.drawLine(cell.topLeft(), cell.topRight())
            painter.drawLine(cell.bottomLeft(), cell.bottomRight())
            if index.column() == 0:
                painter.drawLine(cell.topLeft(), cell.bottomLeft())
            if index.column() == len(Column) - 1:
                painter.drawLine(cell.topRight(), cell.bottomRight())
            painter.restore()

    def initStyleOption(self, option: QStyleOptionViewItem, index: _Index) -> None:
        super().initStyleOption(option, index)
        option.state &= ~QStyle.StateFlag.State_HasFocus
        option.text = apart(option.text)
        if index.column() == Column.STATE:
            option.features |= QStyleOptionViewItem.ViewItemFeature.HasDecoration
            option.icon = mark_icon(Tier(index.data(TIER_ROLE)), self.theme)


class MemoryTable(QTableView):
    """Emits chosen_changed() when other rows are chosen, and forget_requested() for the Delete key."""

    chosen_changed = Signal()
    forget_requested = Signal()

    def __init__(self, model: MemoryTableModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cells = _Cells(theme, self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSortRole(SORT_ROLE)
        self._sorted.setSortCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._sorted.setSortLocaleAware(True)
        self._sorted.setSourceModel(model)
        self.setModel(self._sorted)
        self.setItemDelegate(self._cells)
        self.setAccessibleName(tr("What is kept of which conversation"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_PX)
        self._set_up_header(self.horizontalHeader())
        self.setSortingEnabled(True)
        self.sortByColumn(Column.STATE, Qt.SortOrder.AscendingOrder)
        self.selectionModel().selectionChanged.connect(self.chosen_changed)
        self.selectionModel().currentRowChanged.connect(self.viewport().update)
        fade_edges(self)

    def chosen_ids(self) -> tuple[str, ...]:
        """Return the conversations of the chosen rows."""
        return tuple(str(index.data(ID_ROLE)) for index in self.selectionModel().selectedRows())

    def show_gpu(self, is_used: bool) -> None:
        """Show what lies on the graphics card, where anything does."""
        self.setColumnHidden(Column.GPU, not is_used)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._cells.theme = theme
        self.viewport().update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Point at a row, so that the arrow keys have somewhere to start."""
        super().focusInEvent(event)
        if not self.currentIndex().isValid():
            first = self.model().index(0, 0)
            self.selectionModel().setCurrentIndex(first, QItemSelectionModel.SelectionFlag.NoUpdate)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the ring away, also from cells that Qt would leave as they are."""
        super().focusOutEvent(event)
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Forget with the keyboard."""
        if event.key() == Qt.Key.Key_Delete:
            self.forget_requested.emit()
        else:
            super().keyPressEvent(event)

    def _set_up_header(self, header: QHeaderView) -> None:
        header.setHighlightSections(False)
        header.setMinimumSectionSize(56)
        header.setResizeContentsPrecision(0)  # looks at the rows in sight only: all of a thousand take a second
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(Column.TITLE, QHeaderView.ResizeMode.Stretch)
        header.resizeSection(Column.TITLE, _TITLE_PX)
