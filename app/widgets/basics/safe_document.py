"""The one document class that model output is shown in: it opens no file and no connection, whatever the text names."""

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QImage, QTextDocument, QTextOption


class SafeDocument(QTextDocument):
    """A QTextDocument that answers every request for a resource with an empty picture of 1x1."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._nothing = QImage(1, 1, QImage.Format.Format_ARGB32)
        self._nothing.fill(0)
        self.setUndoRedoEnabled(False)
        self.setDocumentMargin(0)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setDefaultTextOption(option)

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        """Return the empty picture, whatever is asked for."""
        # None or an empty QByteArray would make Qt look for the file itself, under some twenty suffixes.
        return self._nothing
