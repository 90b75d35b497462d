"""The settings of one conversation: its instructions and how its answers are written, each with a way back."""

from collections.abc import Mapping
from dataclasses import replace

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.language import plain, tr
from app.settings.schema import Field, Settings, field_of
from app.widgets.plain_label import plain_label
from app.widgets.setting_controls import LongTextControl, NumberControl
from app.widgets.setting_row import SettingRow

SYSTEM_PROMPT = "system_prompt"
KEYS = (SYSTEM_PROMPT, "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "maximum_tokens", "seed")
_SIZE = QSize(560, 600)
_NUMBER_PX = 400


class ConversationSettingsDialog(QDialog):
    """Emits what is changed, at once; what is shown comes through show_values."""

    changed = Signal(object)  # (key, value)
    reset_requested = Signal(object)  # key

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Conversation settings"))
        self.resize(_SIZE)
        self.rows = {key: self._make_row(key, settings) for key in KEYS}
        self._settings = settings
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(24, 16, 24, 16)
        column.setSpacing(24)
        words = tr("These hold for this conversation only. What you leave alone follows the settings of Hearth.")
        column.addWidget(plain_label(words, "muted", wraps=True))
        for row in self.rows.values():
            column.addWidget(row)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(page)
        close = QPushButton(tr("Close"))
        close.setDefault(True)
        close.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(24, 8, 24, 16)
        buttons.addStretch(1)
        buttons.addWidget(close)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(scroll, 1)
        outer.addLayout(buttons)

    def show_values(self, own: Mapping[str, object]) -> None:
        """Show what the conversation sets itself; the other fields say what they follow."""
        for key, row in self.rows.items():
            inherited = self._settings.system_prompt if key == SYSTEM_PROMPT else None
            row.show_value(own.get(key, inherited))

    def done(self, result: int) -> None:
        """Hand over what was typed a moment ago."""
        control = self.rows[SYSTEM_PROMPT].control
        if isinstance(control, LongTextControl):
            control.flush()
        super().done(result)

    def _make_row(self, key: str, settings: Settings) -> SettingRow:
        default = settings.system_prompt if key == SYSTEM_PROMPT else None
        row = SettingRow(own_field(key, settings), default)
        if isinstance(row.control, NumberControl):
            row.control.widget.setMaximumWidth(_NUMBER_PX)  # for the words about what it follows
        row.changed.connect(self.changed)
        row.reset_requested.connect(self.reset_requested)
        return row


def own_field(key: str, settings: Settings) -> Field:
    """Return the setting's field as one conversation has it: unset means as in the settings, whose value is named."""
    field = field_of(key)
    if key == SYSTEM_PROMPT:
        words = tr(
            "What the model is told before you say anything in this conversation. After a change it reads the "
            "conversation once more."
        )
        return replace(field, label=tr("Instructions of this conversation"), help=words)
    value = getattr(settings, key)
    follows = plain(f"{value:g}") if isinstance(value, float) else str(value)
    inherited = tr(field.unset_label) if value is None else follows
    return replace(field, unset_label=tr("As in the settings: {value}").format(value=inherited))
