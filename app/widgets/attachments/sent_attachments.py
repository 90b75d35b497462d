"""The attachments of a message that was sent: chips one below the other, which open a preview; removable in an edit."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.conversations.attachment import Attachment
from app.models.attachment_item import AttachmentItem
from app.widgets.attachments.attachment_chip import AttachmentChip
from app.widgets.attachments.attachment_dialog import AttachmentDialog
from app.widgets.basics.theme import Theme


class SentAttachments(QWidget):
    """attachments is what is left of them."""

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, removable: bool = False) -> None:
        super().__init__(parent)
        self._theme = theme
        self._removable = removable
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

    def _fill(self) -> None:
        for chip in self.chips:
            self._column.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self.chips = []
        side = Qt.AlignmentFlag.AlignLeading if self._removable else Qt.AlignmentFlag.AlignTrailing
        for place, each in enumerate(self.attachments):
            chip = AttachmentChip(
                AttachmentItem(str(place), each.name, each), self._theme, self, removable=self._removable
            )
            chip.open_requested.connect(self._on_open)
            chip.remove_requested.connect(self._on_remove)
            self._column.addWidget(chip, 0, side)
            chip.show()
            self.chips.append(chip)
        self.setVisible(bool(self.chips))
        self.updateGeometry()

    @Slot(object)
    def _on_open(self, key: str) -> None:
        dialog = AttachmentDialog(self.attachments[int(key)], self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    @Slot(object)
    def _on_remove(self, key: str) -> None:
        place = int(key)
        self.set_attachments(self.attachments[:place] + self.attachments[place + 1 :])
        if self.chips:
            self.chips[min(place, len(self.chips) - 1)].name_button.setFocus()
        elif (parent := self.parentWidget()) is not None:
            parent.setFocus()
