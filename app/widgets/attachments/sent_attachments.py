"""The attachments of a message that was sent: chips one below the other, which open a preview."""

from collections.abc import Collection

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.conversations.attachment import Attachment
from app.models.attachment_item import AttachmentItem
from app.widgets.attachments.attachment_chip import AttachmentChip
from app.widgets.attachments.attachment_dialog import AttachmentDialog
from app.widgets.basics.theme import Theme


class SentAttachments(QWidget):
    """Shows them, and lets none be taken away."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.attachments: tuple[Attachment, ...] = ()
        self.chips: list[AttachmentChip] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 4)
        self._column.setSpacing(4)
        self.hide()

    def set_attachments(self, attachments: tuple[Attachment, ...]) -> None:
        """Show exactly these."""
        if attachments != self.attachments:
            self.attachments = attachments
            self._fill()

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        if theme is not self._theme:
            self._theme = theme
            self._fill()

    def show_found(self, places: Collection[int], current: int | None) -> None:
        """Mark those at these places as found by a search, and one of them as visited."""
        for place, chip in enumerate(self.chips):
            colors = self._theme.colors if place in places else None
            chip.show_found(colors, is_current=place == current)

    def _fill(self) -> None:
        for chip in self.chips:
            self._column.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self.chips = []
        for place, each in enumerate(self.attachments):
            chip = AttachmentChip(AttachmentItem(str(place), each.name, each), self._theme, self, removable=False)
            chip.open_requested.connect(self._on_open)
            self._column.addWidget(chip, 0, Qt.AlignmentFlag.AlignTrailing)
            chip.show()
            self.chips.append(chip)
        self.setVisible(bool(self.chips))
        self.updateGeometry()

    @Slot(object)
    def _on_open(self, key: str) -> None:
        dialog = AttachmentDialog(self.attachments[int(key)], self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
