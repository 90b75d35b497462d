"""A small button that is only an icon, named for those who don't see it, and invisible until it is of use."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QToolButton, QWidget

from app.widgets.basics.foreign_text import set_tooltip
from app.widgets.basics.icons import icon
from app.widgets.basics.theme import Theme


class IconButton(QToolButton):
    """An icon with a name. While it is not revealed it takes its room but draws nothing (unless it has the focus)."""

    def __init__(self, icon_name: str, label: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon_name = icon_name
        self._revealed = True
        self.setIconSize(QSize(16, 16))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.set_label(label)
        self.set_theme(theme)

    def set_label(self, label: str, shortcut: str = "") -> None:
        """Name the button; the tooltip also says the key, which is all that it says to who has heard the name."""
        self.setAccessibleName(label)
        set_tooltip(self, f"{label} ({shortcut})" if shortcut else label)
        self.setAccessibleDescription(shortcut or label)

    def set_theme(self, theme: Theme) -> None:
        """Draw the icon in the theme's colour."""
        self.setIcon(icon(self._icon_name, theme.colors.muted, theme.colors.disabled))

    def set_revealed(self, revealed: bool) -> None:
        """Draw the button, or leave its place empty."""
        if revealed != self._revealed:
            self._revealed = revealed
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw only what is of use now."""
        if self._revealed or self.hasFocus():
            super().paintEvent(event)
