"""The button that unfolds the technical part of a sentence; its arrow says whether that is open."""

from PySide6.QtCore import QEvent, QSize, Slot
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtWidgets import QPushButton

from app.language import tr
from app.widgets.basics.icons import icon

_ARROW_PX = 16


class DetailsButton(QPushButton):
    """Checked while the details are open."""

    def __init__(self) -> None:
        super().__init__(tr("Details"))
        self.setProperty("kind", "quiet")
        self.setCheckable(True)
        self.setIconSize(QSize(_ARROW_PX, _ARROW_PX))
        self.toggled.connect(self._show_arrow)
        self._show_arrow()

    def changeEvent(self, event: QEvent) -> None:
        """Draw the arrow in another theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._show_arrow()

    @Slot()
    def _show_arrow(self) -> None:
        muted = QGuiApplication.palette().color(QPalette.ColorRole.PlaceholderText).name()
        self.setIcon(icon("chevron-down" if self.isChecked() else "chevron-right", muted))
