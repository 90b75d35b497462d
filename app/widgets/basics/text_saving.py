"""Saves a text as a file that the user names; what goes wrong is said in a sentence."""

import threading

from PySide6.QtCore import QObject, QSaveFile, QStandardPaths, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from app.language import tr

_LOOK_MS = 30


class TextSaving(QObject):
    """One of each window, for one text after the other."""

    saved = Signal(object)  # the text

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._text = ""
        self._path = ""
        self._problem: str | None = None  # "" when all went well
        self._look = QTimer(self)  # a signal from a thread may outlive what sends it
        self._look.setInterval(_LOOK_MS)
        self._look.timeout.connect(self._on_look_due)
        self.dialog = QFileDialog(window, tr("Save code"))
        self.dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        self.dialog.setFileMode(QFileDialog.FileMode.AnyFile)
        self.dialog.fileSelected.connect(self.write)

    @classmethod
    def of(cls, window: QWidget) -> "TextSaving":
        """Return the one of a window."""
        known = window.findChild(cls)
        return known if isinstance(known, cls) else cls(window)

    def ask(self, text: str, name: str) -> None:
        """Let the user choose where, with a name to begin with."""
        if self._look.isActive():
            return  # the text before is still on its way to a slow disk
        self._text = text
        documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        if documents and not self._path:
            self.dialog.setDirectory(documents)
        self.dialog.selectFile(name)
        self.dialog.open()

    @Slot(str)
    def write(self, path: str) -> None:
        """Write the whole file or none of it, away from the window's thread: a disk may be slow."""
        self._path, self._problem = path, None
        threading.Thread(target=self._write, args=(path, self._text), name="save", daemon=True).start()
        self._look.start()

    def _write(self, path: str, text: str) -> None:
        data = text.encode("utf-8", "replace")
        file = QSaveFile(path)
        whole = file.open(QSaveFile.OpenModeFlag.WriteOnly) and file.write(data) == len(data)
        self._problem = "" if whole and file.commit() else (file.errorString() or "?").rstrip(".")

    @Slot()
    def _on_look_due(self) -> None:
        if self._problem is None:
            return
        self._look.stop()
        if self._problem:
            sentence = tr("The file could not be saved: {problem}. Choose another place, or copy the code instead.")
            box = QMessageBox(self._window)
            box.setTextFormat(Qt.TextFormat.PlainText)
            box.setIcon(QMessageBox.Icon.Warning)
            box.setWindowTitle(tr("Save code"))
            box.setText(sentence.format(problem=self._problem))
            box.setInformativeText(self._path)
            box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            box.open()
        else:
            self.saved.emit(self._text)
