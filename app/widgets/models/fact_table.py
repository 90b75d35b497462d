"""Numbers of a model on the Hub in two columns: what it is, and how much."""

from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from app.dates import full_date
from app.language import grouped, mark, tr
from app.models import hub_words
from app.models.plan_words import parameters_text
from app.models.warmth_words import token_words
from app.widgets.basics.foreign_text import breakable
from app.widgets.basics.plain_label import plain_label
from app.widgets.models.emptied import emptied
from engine.api.hub import Gating, HubCheckpoint

FIRST_COLUMN_PX = 120  # the same in each table of the details, so that they stand below each other
_TEMPLATES = {True: mark("yes"), False: mark("no: it continues texts rather than chats")}
_GATING = {
    Gating.TERMS: mark("after accepting the publisher's terms"),
    Gating.APPROVAL: mark("after the publisher's approval"),
}


def facts_of(checkpoint: HubCheckpoint) -> list[tuple[str, str]]:
    """Return what is known about a model, by name."""
    updated = datetime.fromtimestamp(checkpoint.updated_at) if checkpoint.updated_at > 0 else None
    template = checkpoint.has_chat_template
    facts = [
        (tr("Parameters"), parameters_text(checkpoint.parameters) if checkpoint.parameters else ""),
        (
            tr("Download", "noun"),
            hub_words.download_size(checkpoint.download_bytes) if checkpoint.download_bytes else "",
        ),
        (
            tr("Context"),
            token_words(checkpoint.context_tokens) if checkpoint.context_tokens else "",
        ),
        (tr("Chat template"), "" if template is None else tr(_TEMPLATES[template])),
        (tr("Packed as"), hub_words.one_line(checkpoint.quantization)),
        (tr("Licence"), hub_words.license_words(checkpoint.license)),
        (tr("Available"), tr(_GATING[checkpoint.gating]) if checkpoint.gating in _GATING else ""),
        (tr("Updated"), full_date(updated) if updated else ""),
        (
            tr("Downloads"),
            tr("{downloads} in a month").format(downloads=grouped(checkpoint.downloads))
            if checkpoint.downloads
            else "",
        ),
        (tr("Likes"), grouped(checkpoint.likes) if checkpoint.likes else ""),
        (tr("Architecture"), hub_words.one_line(checkpoint.architecture)),
    ]
    return [(name, words) for name, words in facts if words]


class FactTable(QWidget):
    """Shows only what is known."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnMinimumWidth(0, FIRST_COLUMN_PX)
        self._facts: list[tuple[str, str]] = []

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What is shown, by name."""
        return self._facts

    def show_checkpoint(self, checkpoint: HubCheckpoint) -> None:
        """Show another model's numbers."""
        facts = facts_of(checkpoint)
        if facts == self._facts:
            return
        self._facts = facts
        emptied(self._grid)
        for place, (name, words) in enumerate(facts):
            value: QLabel = plain_label(breakable(words), wraps=True)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._grid.addWidget(plain_label(name, "muted"), place, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(value, place, 1)
