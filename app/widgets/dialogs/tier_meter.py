"""How full one tier of the memory for conversations is, and why it is used or not."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from app.language import tr
from app.models.warmth_words import TIER_NAMES, reason_sentence, use_words
from app.widgets.basics.plain_label import plain_label
from engine.api.warmth import Tier, TierUse

_STEPS = 1000


class TierMeter(QFrame):
    """A name, an amount, a bar and the engine's reason."""

    def __init__(self, tier: Tier, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "card")
        self.name = plain_label(tr(TIER_NAMES[tier]), "heading")
        self.amount = plain_label("", "")
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(tr("{tier}: share in use").format(tier=tr(TIER_NAMES[tier])))
        keep_room = self.bar.sizePolicy()
        keep_room.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(keep_room)
        self.reason = plain_label("", "small")
        self.reason.setWordWrap(True)
        self.reason.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.reason.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 10)
        column.setSpacing(4)
        for widget in (self.name, self.amount, self.bar):
            column.addWidget(widget)
        column.addSpacing(4)
        column.addWidget(self.reason)
        self.show_use(None)

    def show_use(self, use: TierUse | None) -> None:
        """Show how full the tier is; None while nobody knows."""
        if use is None:
            self._show("…", 0, "")
        else:
            share = use.used_bytes / use.budget_bytes if use.budget_bytes else float(use.used_bytes > 0)
            self._show(use_words(use), round(min(1.0, share) * _STEPS), reason_sentence(use))
        self.bar.setVisible(use is not None and use.used_bytes + use.budget_bytes > 0)

    def _show(self, amount: str, steps: int, reason: str) -> None:
        self.amount.setText(amount)
        self.bar.setValue(steps)
        self.reason.setText(reason)
