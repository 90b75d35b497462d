"""The settings of one model: how it is loaded, its instructions, and how its answers are written."""

from dataclasses import replace

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from app.language import tr
from app.settings.schema import Field, Settings, TakesEffect, field_of
from app.widgets.basics.reload_note import ReloadNote
from app.widgets.settings.own_settings_dialog import SAMPLING_KEYS, SYSTEM_PROMPT, OwnSettingsDialog, following

KEYS = ("precision", "context_tokens", SYSTEM_PROMPT, *SAMPLING_KEYS)


class ModelSettingsDialog(OwnSettingsDialog):
    """What isn't set here follows the settings of the application."""

    reload_requested = Signal()

    def __init__(self, name: str, settings: Settings, parent: QWidget | None = None) -> None:
        words = tr(
            "These hold whenever {model} is used. What you leave alone follows the settings of Hearth; a "
            "conversation's own settings come before these."
        )
        super().__init__(
            tr("Settings for this model"),
            words.format(model=name),
            [_field(key, settings) for key in KEYS],
            settings.system_prompt,
            tr("Set for this model."),
            parent,
        )
        self.reload_note = ReloadNote()
        self.reload_note.wanted.connect(self.reload_requested)
        self.add_note(self.reload_note)
        self.changed.connect(self._on_own_changed)
        self.reset_requested.connect(self._note_reload)

    @Slot(object)
    def _on_own_changed(self, change: tuple[str, object]) -> None:
        self._note_reload(change[0])

    @Slot(object)
    def _note_reload(self, key: str) -> None:
        if field_of(key).takes_effect is TakesEffect.AFTER_RELOAD:
            self.reload_note.show()


def _field(key: str, settings: Settings) -> Field:
    if key == SYSTEM_PROMPT:
        words = tr("What this model is told at the beginning of each new conversation.")
        return replace(field_of(key), help=words)
    return following(key, settings, lambda value: tr("As in the settings: {value}").format(value=value))
