"""The files that a download would fetch, folded."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QGridLayout, QToolButton, QVBoxLayout, QWidget

from app.language import tr
from app.models import hub_words
from app.models.amounts import file_size
from app.widgets.basics.elided_label import ElidedLabel
from app.widgets.basics.icons import icon
from app.widgets.basics.mirroring import margins
from app.widgets.basics.plain_label import plain_label
from app.widgets.basics.theme import Theme
from engine.api.hub import HubFile

_MOST_ROWS = 200


class FileList(QWidget):
    """One line that says how many and how large; unfolded, each of them. The rows are made when they are wanted."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._files: tuple[HubFile, ...] = ()
        self.fold = QToolButton()
        self.fold.setProperty("kind", "fold")
        self.fold.setCheckable(True)
        self.fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.fold.toggled.connect(self._on_toggled)
        self._rows: QWidget | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._column.addWidget(self.fold, 0, Qt.AlignmentFlag.AlignLeft)
        self.set_theme(theme)

    def show_files(self, files: tuple[HubFile, ...]) -> None:
        """Show other files, folded if they are others."""
        if [file.path for file in files] != [file.path for file in self._files]:
            self.fold.setChecked(False)
        self._files = files
        total = sum(file.size_bytes for file in files)
        number = tr("{number} files").format(number=len(files)) if len(files) != 1 else tr("1 file")
        self.fold.setText(f"{number}, {file_size(total)}")
        self.setVisible(bool(files))
        self._on_toggled(self.fold.isChecked())

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme
        name = "chevron-down" if self.fold.isChecked() else "chevron-right"
        self.fold.setIcon(icon(name, theme.colors.muted))

    @Slot(bool)
    def _on_toggled(self, unfolded: bool) -> None:
        if self._rows is not None:
            self._rows.hide()
            self._rows.deleteLater()
            self._rows = None
        if unfolded:
            self._rows = _table(self._files)
            self._column.addWidget(self._rows)
        self.set_theme(self._theme)


def _table(files: tuple[HubFile, ...]) -> QWidget:
    table = QWidget()
    grid = QGridLayout(table)
    grid.setContentsMargins(margins(24, 0, 0, 0))
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(4)
    grid.setColumnStretch(0, 1)
    for place, file in enumerate(files[:_MOST_ROWS]):
        name = ElidedLabel(hub_words.one_line(file.path))
        name.setProperty("role", "small")
        is_here = file.present_bytes >= file.size_bytes
        here = (
            " · " + tr("here")
            if is_here
            else " · " + tr("{size} here").format(size=file_size(file.present_bytes))
            if file.present_bytes
            else ""
        )
        grid.addWidget(name, place, 0)
        grid.addWidget(plain_label(file_size(file.size_bytes) + here, "small"), place, 1, Qt.AlignmentFlag.AlignRight)
    if len(files) > _MOST_ROWS:
        grid.addWidget(
            plain_label(tr("and {number} more").format(number=len(files) - _MOST_ROWS), "small"), _MOST_ROWS, 0
        )
    return table
