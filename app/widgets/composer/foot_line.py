"""The line below the composer: what the conversation has of its own, and how much of the context is taken."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from app.language import tr
from app.models.context_use import ContextUse
from app.widgets.basics.icons import icon
from app.widgets.basics.mirroring import margins
from app.widgets.basics.theme import Theme
from app.widgets.composer.context_meter import ContextMeter

_ICON_PX = 14


class FootLine(QWidget):
    """Where it is narrow the button becomes its icon, so that a warning can be read. Signal own_requested()."""

    own_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.meter = ContextMeter()
        self.own_button = QToolButton()
        self.own_button.setProperty("kind", "own")
        self.own_button.setToolTip(tr("Instructions and settings of this conversation"))
        self.own_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.own_button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.own_button.setIconSize(QSize(_ICON_PX, _ICON_PX))
        self.own_button.clicked.connect(self.own_requested)
        line = QHBoxLayout(self)
        line.setContentsMargins(margins(8, 0, 0, 0))
        line.addWidget(self.own_button)
        line.addWidget(self.meter, 1)
        self.set_theme(theme)
        self.set_own_settings("")

    def set_own_settings(self, words: str) -> None:
        """Say that the conversation has instructions or settings of its own, "" if it has none."""
        self.own_button.setText(words or tr("Conversation settings"))
        self.own_button.setAccessibleName(self.own_button.text())
        self._fit()

    def show_use(self, use: ContextUse | None) -> None:
        """Show how much of the context is taken."""
        self.meter.show_use(use)
        self._fit()

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self.own_button.setIcon(icon("sliders-horizontal", theme.colors.muted, theme.colors.disabled))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Find room for the words again."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        text = self.own_button.fontMetrics().horizontalAdvance(self.own_button.text()) + 2 * _ICON_PX
        fits = text + self.meter.whole_width <= self.width()
        style = Qt.ToolButtonStyle.ToolButtonTextOnly if fits else Qt.ToolButtonStyle.ToolButtonIconOnly
        if style != self.own_button.toolButtonStyle():
            self.own_button.setToolButtonStyle(style)
