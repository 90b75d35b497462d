"""A quiet word in the top row while something is downloaded: how far it is; a click opens the list of downloads."""

from PySide6.QtCore import QAbstractItemModel, QSize, Qt, Slot
from PySide6.QtWidgets import QPushButton, QWidget

from app.language import tr
from app.models import hub_words
from app.models.hub_rows import DownloadRow, DownloadState
from app.models.row_list_model import ROW_ROLE
from app.widgets.basics.foreign_text import plain_tooltip
from app.widgets.basics.icons import icon
from app.widgets.basics.theme import Theme

_ICON_ROOM = QSize(20, 16)  # wider than the icon, which would touch the number
_MOVING = (DownloadState.RUNNING, DownloadState.WAITING, DownloadState.VERIFYING, DownloadState.QUEUED)


class DownloadIndicator(QPushButton):
    """Is there only while something is on its way, waits for its turn, or has failed."""

    def __init__(self, downloads: QAbstractItemModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._downloads = downloads
        self.setProperty("kind", "quiet")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        for changed in (downloads.modelReset, downloads.rowsInserted, downloads.rowsRemoved, downloads.dataChanged):
            changed.connect(self._show)
        self.set_theme(theme)
        self._show()

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self.setIcon(icon("download", theme.colors.muted))
        self.setIconSize(_ICON_ROOM)

    @Slot()
    def _show(self) -> None:
        values = [self._downloads.index(place, 0).data(ROW_ROLE) for place in range(self._downloads.rowCount())]
        rows = [value for value in values if isinstance(value, DownloadRow)]
        moving = [row for row in rows if row.state in _MOVING]
        failed = [row for row in rows if row.state is DownloadState.FAILED]
        done, total = sum(row.done_bytes for row in moving), sum(row.total_bytes for row in moving)
        words = f"{hub_words.percent(done, total)} %" if moving else tr("Stopped") if failed else ""
        self.setText(words)
        self.setVisible(bool(words))
        said = "\n".join(hub_words.download_words(row) for row in (*moving, *failed))
        self.setAccessibleName(tr("Downloads: {words}").format(words=words))
        self.setAccessibleDescription(said)
        self.setToolTip(plain_tooltip(said))
