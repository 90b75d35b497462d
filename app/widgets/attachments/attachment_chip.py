"""One attachment as a chip: its kind, name and size; a click or Enter opens it, the cross or Delete removes it."""

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QToolButton, QWidget

from app.language import placed, tr
from app.models.attachment_item import AttachmentItem, icon_of, size_of
from app.widgets.basics.foreign_text import set_tooltip
from app.widgets.basics.icon_button import IconButton
from app.widgets.basics.icons import icon
from app.widgets.basics.mirroring import margins
from app.widgets.basics.plain_label import plain_label
from app.widgets.basics.theme import Theme, ThemeColors

_NAME_PX = 180
_ICON_PX = 16
_WARNING = "⚠"


class _NameButton(QToolButton):
    """The name, cut in its middle where it is long: its end says what kind of file it is."""

    removed = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens, Delete removes."""
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)


class AttachmentChip(QFrame):
    """Emits the item's key; without Remove where the message was sent already."""

    open_requested = Signal(object)  # key
    remove_requested = Signal(object)  # key

    def __init__(
        self, item: AttachmentItem, theme: Theme, parent: QWidget | None = None, *, removable: bool = True
    ) -> None:
        super().__init__(parent)
        self.item = item
        self._is_narrow = False
        self.setProperty("surface", "chip")
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.name_button = _NameButton()
        self.name_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.name_button.setIconSize(QSize(_ICON_PX, _ICON_PX))
        self.name_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.name_button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.name_button.setAccessibleName(item.title)
        set_tooltip(self.name_button, item.title)
        self.name_button.clicked.connect(self._on_open)
        self.size_label = plain_label("", "small")
        self.remove_button = IconButton("x", tr("Remove {name}").format(name=item.name), theme)
        self.remove_button.clicked.connect(self._on_remove)
        if not removable:
            self.remove_button.hide()  # never shown here: without a parent yet, it would be a window of its own
        else:
            self.name_button.removed.connect(self._on_remove)
        row = QHBoxLayout(self)
        row.setContentsMargins(margins(4, 0, 4 if removable else 12, 0))
        row.setSpacing(4)
        row.addWidget(self.name_button)
        row.addWidget(self.size_label)
        row.addWidget(self.remove_button)
        self._show(theme)

    def _show(self, theme: Theme) -> None:
        attachment = self.item.attachment
        name = " ".join(self.item.name.split())
        shown = placed(self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, _NAME_PX))
        words = shown if attachment is not None else tr("Reading {name} …").format(name=shown)
        self.name_button.setText(" " + words.replace("&", "&&"))
        kind = icon_of(attachment) if attachment is not None else "clock"
        self.name_button.setIcon(icon(kind, theme.colors.muted, theme.colors.muted))
        self.name_button.setEnabled(attachment is not None)
        warning = attachment is not None and bool(attachment.note)
        self.size_label.setProperty("role", "small-warning" if warning else "small")
        set_tooltip(self.size_label, self.item.title)
        self._show_size()

    def set_narrow(self, is_narrow: bool) -> None:
        """Leave the size to the tooltip where there is little room; of a warning its sign stays."""
        if is_narrow != self._is_narrow:
            self._is_narrow = is_narrow
            self._show_size()
            self.updateGeometry()  # asked for its size at once, not when Qt comes to it

    def _show_size(self) -> None:
        attachment = self.item.attachment
        parts = ["" if attachment is None or self._is_narrow else size_of(attachment)]
        parts.append(_WARNING if attachment is not None and attachment.note else "")
        words = " ".join(part for part in parts if part)
        self.size_label.setText(words)
        self.size_label.setVisible(bool(words))

    def show_found(self, colors: ThemeColors | None, *, is_current: bool) -> None:
        """Draw as what a search has found, with an edge where that is visited; None: as always."""
        look = ""
        if colors is not None:
            edge = colors.visited_match if is_current else colors.match
            look = f"AttachmentChip {{ background: {colors.match}; border: 1px solid {edge}; }}"
        if look != self.styleSheet():
            self.setStyleSheet(look)

    @Slot()
    def _on_open(self) -> None:
        self.open_requested.emit(self.item.key)

    @Slot()
    def _on_remove(self) -> None:
        self.remove_requested.emit(self.item.key)
