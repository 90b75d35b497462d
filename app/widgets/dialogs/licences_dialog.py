"""What Hearth is made of: each part with its version and licence, and the licence's text."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.language import tr
from app.licences import Component, licence_text
from app.widgets.basics.assets import asset
from app.widgets.basics.dialog_size import size_on_screen
from app.widgets.basics.faded_edges import fade_edges
from app.widgets.basics.fonts import code_font
from app.widgets.basics.plain_label import plain_label

_LIST_PX = 220
_OFL = "SIL Open Font License 1.1"


def shipped() -> list[Component]:
    """Return the fonts and icons that come with Hearth."""
    return [
        Component("Inter", "", _OFL, (asset("fonts", "Inter-OFL.txt"),)),
        Component("JetBrains Mono", "", _OFL, (asset("fonts", "JetBrainsMono-OFL.txt"),)),
        Component("Lucide", "", "ISC", (asset("icons", "LICENSE"),)),
    ]


class LicencesDialog(QDialog):
    """A list to the left, the text of the selected part's licence beside it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._components: list[Component] = []
        self.setWindowTitle(tr("Licences"))
        size_on_screen(self, 900, 600)
        self.list = QListWidget()
        self.list.setFixedWidth(_LIST_PX)
        self.list.setAccessibleName(tr("Parts of Hearth"))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.currentRowChanged.connect(self._on_row_changed)
        fade_edges(self.list)
        self.title = plain_label("", "heading", wraps=True)
        self.licence = plain_label("", "muted", wraps=True)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName(tr("Text of the licence"))
        self.text.setFont(code_font(12))
        self.text.setTabChangesFocus(True)
        close = QPushButton(tr("Close"))
        close.clicked.connect(self.accept)
        right = QVBoxLayout()
        right.setSpacing(8)
        for widget in (self.title, self.licence, self.text):
            right.addWidget(widget)
        right.addWidget(close, 0, Qt.AlignmentFlag.AlignTrailing)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 16, 16, 16)
        row.setSpacing(16)
        row.addWidget(self.list)
        row.addLayout(right, 1)
        self.show_components(shipped())

    def show_components(self, components: list[Component]) -> None:
        """Add parts to the list."""
        self._components += components
        for component in components:
            self.list.addItem(QListWidgetItem(f"{component.name} {component.version}".strip()))
        if self.list.currentRow() < 0:
            self.list.setCurrentRow(0)

    @Slot(int)
    def _on_row_changed(self, place: int) -> None:
        if 0 <= place < len(self._components):
            component = self._components[place]
            self.title.setText(f"{component.name} {component.version}".strip())
            self.licence.setText(component.licence)
            text = licence_text(component)
            self.text.setPlainText(text or tr("This part brings no text of its licence along."))
