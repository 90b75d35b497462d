"""The checkpoints that are usable on this computer, for the model menu."""

from collections.abc import Iterable

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from engine.api.checkpoint import LocalCheckpoint

CHECKPOINT_ROLE = Qt.ItemDataRole.UserRole + 1
_NO_PARENT = QModelIndex()


class CheckpointListModel(QAbstractListModel):
    """Rows of LocalCheckpoint in the order given; DisplayRole is the name."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._checkpoints: list[LocalCheckpoint] = []

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _NO_PARENT) -> int:  # noqa: N802  Qt's name
        """Return the number of checkpoints."""
        return 0 if parent.isValid() else len(self._checkpoints)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the name, or the checkpoint."""
        if not index.isValid() or not 0 <= index.row() < len(self._checkpoints):
            return None
        checkpoint = self._checkpoints[index.row()]
        if role == CHECKPOINT_ROLE:
            return checkpoint
        return checkpoint.name if role == Qt.ItemDataRole.DisplayRole else None

    def checkpoint(self, row: int) -> LocalCheckpoint:
        """Return the checkpoint of a row; raises IndexError."""
        if row < 0:
            raise IndexError(row)
        return self._checkpoints[row]

    @property
    def checkpoints(self) -> tuple[LocalCheckpoint, ...]:
        """All of them."""
        return tuple(self._checkpoints)

    def name_of(self, reference: str) -> str:
        """Return what a checkpoint is called; one that is not listed goes by what it is loaded by."""
        return next((each.name for each in self._checkpoints if each.reference == reference), reference)

    def usable(self) -> list[LocalCheckpoint]:
        """Return those that can be loaded: all but what is there only in part."""
        return [checkpoint for checkpoint in self._checkpoints if checkpoint.is_complete]

    def set_checkpoints(self, checkpoints: Iterable[LocalCheckpoint]) -> None:
        """List exactly these."""
        self.beginResetModel()
        self._checkpoints = list(checkpoints)
        self.endResetModel()
