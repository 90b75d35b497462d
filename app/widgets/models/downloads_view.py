"""The downloads that run, wait, stopped or have just ended."""

from PySide6.QtCore import QAbstractItemModel, Signal, Slot
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app.language import tr
from app.models.hub_rows import OVER, DownloadRow
from app.models.row_list_model import ROW_ROLE
from app.widgets.basics.theme import Theme
from app.widgets.models.download_row import DownloadRowWidget
from app.widgets.models.invitation import Invitation
from app.widgets.models.row_column import RowColumn
from app.widgets.models.scrolled import scrolled


class DownloadsView(QWidget):
    """One row for each download, or an invitation."""

    pause_requested = Signal(object)  # key
    resume_requested = Signal(object)  # key
    cancel_requested = Signal(object)  # key
    dismiss_requested = Signal(object)  # key
    chat_requested = Signal(object)  # reference
    find_requested = Signal()
    token_requested = Signal()
    settings_requested = Signal()
    link_activated = Signal(object)  # url
    count_changed = Signal(int)  # downloads that are not over

    def __init__(self, downloads: QAbstractItemModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._downloads = downloads
        self._theme = theme
        self.column: RowColumn[DownloadRow] = RowColumn(downloads, ROW_ROLE, _key, self._make_row)
        self.column.setAccessibleName(tr("Downloads"))
        self.invitation = Invitation(
            "download", tr("Nothing is being downloaded"), tr("What you download shows up here, and goes on where it "
            "was left, also after a restart."), theme,
        )  # fmt: skip
        find = QPushButton(tr("Find a model"))
        find.clicked.connect(self.find_requested)
        self.invitation.add_button(find)
        content = QWidget()
        inner = QVBoxLayout(content)
        inner.setContentsMargins(16, 0, 16, 16)
        inner.addWidget(self.column)
        inner.addStretch(1)
        self._scroll = scrolled(content, tr("Downloads"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._scroll, 1)
        column.addWidget(self.invitation, 1)
        for changed in (downloads.modelReset, downloads.rowsInserted, downloads.rowsRemoved, downloads.dataChanged):
            changed.connect(self._on_changed)
        self._on_changed()

    @property
    def rows(self) -> list[DownloadRow]:
        """All downloads of the list."""
        values = [self._downloads.index(place, 0).data(ROW_ROLE) for place in range(self._downloads.rowCount())]
        return [value for value in values if isinstance(value, DownloadRow)]

    @property
    def count(self) -> int:
        """How many are not over."""
        return sum(row.state not in OVER for row in self.rows)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme
        self.column.set_theme(theme)
        self.invitation.set_theme(theme)

    def take_focus(self) -> None:
        """Give the keyboard to the first row."""
        if self.column.rows:
            self.column.rows[0].setFocus()

    def _make_row(self) -> DownloadRowWidget:
        row = DownloadRowWidget(self._theme)
        row.pause_requested.connect(self.pause_requested)
        row.resume_requested.connect(self.resume_requested)
        row.cancel_requested.connect(self.cancel_requested)
        row.dismiss_requested.connect(self.dismiss_requested)
        row.chat_requested.connect(self.chat_requested)
        row.token_requested.connect(self.token_requested)
        row.settings_requested.connect(self.settings_requested)
        row.link_activated.connect(self.link_activated)
        return row

    @Slot()
    def _on_changed(self) -> None:
        is_empty = self._downloads.rowCount() == 0
        self._scroll.setVisible(not is_empty)
        self.invitation.setVisible(is_empty)
        self.count_changed.emit(self.count)


def _key(value: object) -> str | None:
    return value.key if isinstance(value, DownloadRow) else None
