"""The results of a search as a list that is walked through with the arrow keys."""

from PySide6.QtCore import QAbstractItemModel, QIdentityProxyModel, QModelIndex, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from app.language import tr
from app.models import hub_words
from app.models.hub_rows import HubRow
from app.models.row_list_model import ROW_ROLE
from app.widgets.basics.faded_edges import fade_edges
from app.widgets.basics.theme import Theme
from app.widgets.models.result_delegate import ResultDelegate

_Index = QModelIndex | QPersistentModelIndex


class _SpokenRows(QIdentityProxyModel):
    """The same rows, with the words that a screen reader says."""

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return all that is drawn as one sentence, for the role of accessible text."""
        if role == Qt.ItemDataRole.AccessibleTextRole:
            row = super().data(index, ROW_ROLE)
            return hub_words.result_words(row) if isinstance(row, HubRow) else None
        return super().data(index, role)


class ResultList(QListView):
    """row_selected follows the keyboard and the pointer; row_chosen is Enter or a click: the details are wanted now."""

    row_selected = Signal(object)  # HubRow
    row_chosen = Signal(object)  # HubRow
    left_upwards = Signal()  # Up was pressed in the first row

    def __init__(self, results: QAbstractItemModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selected_id = ""
        self._spoken = _SpokenRows(self)
        self._spoken.setSourceModel(results)
        self._delegate = ResultDelegate(theme, self)
        self.setModel(self._spoken)
        self.setItemDelegate(self._delegate)
        self.setAccessibleName(tr("Results"))
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setSpacing(0)
        self.clicked.connect(self._on_clicked)
        self._spoken.modelReset.connect(self._on_reset)
        fade_edges(self)

    def row_at(self, index: _Index) -> HubRow | None:
        """Return the result at an index."""
        row = index.data(ROW_ROLE)
        return row if isinstance(row, HubRow) else None

    def rows(self) -> list[HubRow]:
        """Return all results."""
        model = self.model()
        rows = [self.row_at(model.index(place, 0)) for place in range(model.rowCount())]
        return [row for row in rows if row is not None]

    def select_first(self) -> None:
        """Select the first result, if there is one."""
        if self.model().rowCount():
            self.setCurrentIndex(self.model().index(0, 0))

    def forget(self) -> None:
        """Look at none, so that the next one that is selected counts, whichever it is."""
        self._selected_id = ""
        self.setCurrentIndex(QModelIndex())

    def choose_current(self) -> None:
        """Say that the details of the selected result are wanted, or those of the first one."""
        if not self.currentIndex().isValid():
            self.select_first()
        row = self.row_at(self.currentIndex())
        if row is not None:
            self.row_chosen.emit(row)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._delegate.set_theme(theme)
        self.scheduleDelayedItemsLayout()

    def currentChanged(self, current: _Index, previous: _Index) -> None:
        """Tell which result is looked at."""
        super().currentChanged(current, previous)
        row = self.row_at(current)
        if row is not None and row.checkpoint.hub_id != self._selected_id:
            self._selected_id = row.checkpoint.hub_id
            self.row_selected.emit(row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter wants the details; Up from the first row goes back to the search."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.choose_current()
        elif event.key() == Qt.Key.Key_Up and self.currentIndex().row() <= 0:
            self.left_upwards.emit()
        else:
            super().keyPressEvent(event)

    @Slot()
    def _on_reset(self) -> None:
        """Keep the selection where the new rows have the same model."""
        for place, row in enumerate(self.rows()):
            if row.checkpoint.hub_id == self._selected_id:
                self.setCurrentIndex(self.model().index(place, 0))
                return

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        row = self.row_at(index)
        if row is not None:
            self.row_chosen.emit(row)
