"""The dialogs that ask which files to import, and where to put an export."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QWidget

from app.conversations.exchange.file_names import file_name
from app.language import tr

_JSON, _MARKDOWN = "json", "md"


class ExchangeDialogs(QObject):
    """Opens them without blocking; both ask before they take another file's place."""

    import_chosen = Signal(object)  # list of paths
    export_chosen = Signal(object)  # (path, tuple of conversation ids, or None: all)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._folder = ""  # where the last file was, for the next one

    def ask_import(self) -> QFileDialog:
        """Ask for files with conversations."""
        known = tr("Conversations (*.json *.jsonl *.zip *.html)")
        dialog = QFileDialog(self._window, tr("Import conversations"), self._folder, known)
        dialog.setNameFilters([known, tr("All files (*)")])
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(self._on_files_selected)
        return _opened(dialog)

    def ask_export(
        self, title: str, conversation_ids: Sequence[str] | None, *, markdown: bool = False, both: bool = False
    ) -> QFileDialog:
        """Ask where to put conversations. both: the form can be chosen there."""
        suffix = _MARKDOWN if markdown else _JSON
        dialog = QFileDialog(self._window, tr("Export conversations"), self._folder)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setFileMode(QFileDialog.FileMode.AnyFile)
        filters = {
            _JSON: tr("Everything, to be imported again (*.json)"),
            _MARKDOWN: tr("Markdown, to be read elsewhere (*.md)"),
        }
        dialog.setNameFilters(list(filters.values()) if both else [filters[suffix]])
        dialog.filterSelected.connect(
            lambda chosen: dialog.setDefaultSuffix(_MARKDOWN if chosen == filters[_MARKDOWN] else _JSON)
        )
        dialog.setDefaultSuffix(suffix)
        dialog.selectFile(file_name(title, "" if both else f".{suffix}"))
        ids = tuple(conversation_ids) if conversation_ids is not None else None
        dialog.fileSelected.connect(lambda path: self._on_place_selected(path, ids))
        return _opened(dialog)

    def show_folder(self, folder: str) -> None:
        """Show the folder of an export in the desktop's own way."""
        if Path(folder).is_dir():
            QDesktopServices.openUrl(QUrl.fromLocalFile(folder))

    def _on_files_selected(self, paths: Sequence[str]) -> None:
        if paths:
            self._folder = str(Path(paths[0]).parent)
            self.import_chosen.emit(list(paths))

    def _on_place_selected(self, path: str, conversation_ids: tuple[str, ...] | None) -> None:
        if path:
            self._folder = str(Path(path).parent)
            self.export_chosen.emit((path, conversation_ids))


def _opened(dialog: QFileDialog) -> QFileDialog:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()
    return dialog
