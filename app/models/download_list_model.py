"""The downloads that run, wait, failed or have just ended, for the models page."""

from PySide6.QtCore import QObject

from app.models.hub_rows import DownloadRow
from app.models.row_list_model import ROW_ROLE, RowListModel

__all__ = ["ROW_ROLE", "DownloadListModel"]


class DownloadListModel(RowListModel[DownloadRow]):
    """Rows of DownloadRow in the order they were asked for; DisplayRole is the Hub id."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(lambda row: row.key, lambda row: row.hub_id, parent)
