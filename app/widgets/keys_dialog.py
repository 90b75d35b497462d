"""All keys on one page: those of the menus, and those that work where the keyboard is."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFrame, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from app.language import mark, tr

ELSEWHERE = (
    (mark("Send the message"), mark("Enter")),
    (mark("New line in a message"), mark("Shift+Enter")),
    (mark("Stop the answer, leave editing, close"), mark("Esc")),
    (mark("Edit your last message (in an empty composer)"), mark("Up")),
    (mark("Message above or below"), mark("Up / Down")),
    (mark("Rename the selected conversation"), mark("F2")),
    (mark("Delete the selected conversation"), mark("Del")),
)


class KeysDialog(QDialog):
    """Lists what each key does; the actions say their own names and keys."""

    def __init__(self, actions: Sequence[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Keyboard shortcuts"))
        self.resize(520, 560)
        self.rows = [(_plain(action.text()), _key(action)) for action in actions if not action.shortcut().isEmpty()]
        self.rows += [row for row in ((tr(name), tr(key)) for name, key in ELSEWHERE) if row not in self.rows]
        content = QWidget()
        grid = QGridLayout(content)
        grid.setContentsMargins(24, 20, 24, 12)
        grid.setVerticalSpacing(10)
        grid.setColumnStretch(0, 1)
        for place, (name, key) in enumerate(self.rows):
            grid.addWidget(QLabel(name), place, 0)
            label = QLabel(key)
            label.setProperty("role", "muted")
            grid.addWidget(label, place, 1, Qt.AlignmentFlag.AlignRight)
        grid.setRowStretch(len(self.rows), 1)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 16, 16)
        column.addWidget(scroll, 1)
        column.addWidget(buttons)


def _plain(text: str) -> str:
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&").rstrip("…")


def _key(action: QAction) -> str:
    return action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
