"""What is kept of conversations, on the settings' page about memory: how much, where to see more, and Clear."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from app.language import mark, tr
from app.models.amounts import memory
from app.models.warmth_words import freeable_bytes
from app.settings.schema import MEMORY
from app.widgets.basics.flow_layout import FlowLayout
from app.widgets.basics.plain_label import setting_label
from app.widgets.dialogs.clear_dialog import freeable_words
from engine.api.events import WarmthDescribed

_LABEL = mark("What is kept now")
_HELP = mark("Clearing frees it. Conversations keep every word, and are read again with their next message.")
_NOT_KNOWN = mark("The engine says it as soon as it has a moment.")


class MemoryRow(QWidget):
    """Looks like a setting, but holds none."""

    shown_requested = Signal()
    clear_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        label = setting_label(tr(_LABEL))
        about = QLabel(tr(_HELP))
        about.setProperty("role", "muted")
        about.setWordWrap(True)
        self.amount = QLabel(tr(_NOT_KNOWN))
        self.amount.setWordWrap(True)
        self.status = QLabel()
        self.status.setProperty("role", "muted")
        self.status.hide()
        self.clear_button = QPushButton(tr("Clear all warm state…"))
        self.clear_button.setAutoDefault(False)
        self.clear_button.clicked.connect(self._on_clear)
        self.show_button = QPushButton(tr("Show by conversation"))
        self.show_button.setAutoDefault(False)
        self.show_button.clicked.connect(self.shown_requested)
        buttons = FlowLayout(spacing=8)  # long words need two lines beside a narrow list of pages
        buttons.addWidget(self.clear_button)
        buttons.addWidget(self.show_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in (label, about, self.amount):
            column.addWidget(widget)
        column.addSpacing(4)
        column.addLayout(buttons)
        column.addWidget(self.status)
        self.show_warmth(None)

    def matches(self, words: str) -> bool:
        """Return whether every word is found here."""
        text = f"{tr(_LABEL)} {tr(_HELP)} {tr(MEMORY)} {self.clear_button.text()}".casefold()
        return all(word in text for word in words.casefold().split())

    def show_warmth(self, known: WarmthDescribed | None) -> None:
        """Show how much is kept; None while the engine has not said it."""
        size = sum(freeable_bytes(known).values()) if known is not None else 0
        nothing = tr(_NOT_KNOWN) if known is None else tr("Nothing.")
        self.amount.setText(
            tr("{size}, of all models.").format(size=freeable_words(known)) if known and size else nothing
        )
        self.clear_button.setEnabled(size > 0)

    def show_freed(self, freed_bytes: int) -> None:
        """Say what came of clearing."""
        self.status.setText(tr("{memory} freed.").format(memory=memory(freed_bytes)))
        self.status.show()

    @Slot()
    def _on_clear(self) -> None:
        self.status.hide()
        self.clear_requested.emit()
