"""What a search on the Hub found, for the models page."""

from PySide6.QtCore import QObject

from app.models.hub_rows import HubRow
from app.models.row_list_model import ROW_ROLE, RowListModel

__all__ = ["ROW_ROLE", "HubResultListModel"]


class HubResultListModel(RowListModel[HubRow]):
    """Rows of HubRow, one for each Hub id; DisplayRole is the id."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(lambda row: row.checkpoint.hub_id, lambda row: row.checkpoint.hub_id, parent)
