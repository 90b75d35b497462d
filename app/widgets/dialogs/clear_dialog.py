"""The question before all warm conversations are forgotten."""

import re

from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.language import tr
from app.models.amounts import memory
from app.models.warmth_words import freeable_bytes, place_name
from app.widgets.basics.plain_label import plain_label
from engine.api.events import WarmthDescribed

_WIDTH_PX = 440
_NO_BREAK = "\u00a0"


def freeable_words(known: WarmthDescribed) -> str:
    """Return what clearing frees: e.g. "1.3 GiB (0.2 GiB of RAM, 1.1 GiB of disk)"."""
    freeable = freeable_bytes(known)
    parts = [
        tr("{size} of {place}").format(size=memory(size), place=place_name(tier))
        for tier, size in freeable.items()
        if size
    ]
    total = memory(sum(freeable.values()))
    words = f"{total} ({', '.join(parts)})" if len(parts) > 1 else "".join(parts) or total
    return re.sub(r" (?=[MG]iB)", _NO_BREAK, words)


class ClearDialog(QDialog):
    """Clear or Cancel; Cancel is what Enter does. accepted is emitted for Clear."""

    def __init__(self, known: WarmthDescribed, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Clear all warm state"))
        self.setFixedWidth(_WIDTH_PX)
        self.question = plain_label(tr("Forget what the model has read of all conversations?"), "heading", wraps=True)
        self.consequences = plain_label(
            tr(
                "This frees {size}, of all models. Your conversations keep every word; each is "
                "read again with its next message."
            ).format(size=freeable_words(known)),
            wraps=True,
        )
        self.clear_button = QPushButton(tr("Clear"))
        self.clear_button.setProperty("kind", "danger")
        self.clear_button.setAutoDefault(False)
        self.clear_button.clicked.connect(self.accept)
        cancel = QPushButton(tr("Cancel"))
        cancel.setDefault(True)
        cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.clear_button)
        buttons.addWidget(cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(12)
        column.addWidget(self.question)
        column.addWidget(self.consequences)
        column.addLayout(buttons)
        self.setFixedHeight(column.totalHeightForWidth(_WIDTH_PX))
        cancel.setFocus()
