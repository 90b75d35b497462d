"""The settings of one conversation: its instructions and how its answers are written, each with a way back."""

from collections.abc import Collection
from dataclasses import replace

from PySide6.QtWidgets import QWidget

from app.language import tr
from app.settings.schema import Field, Settings, field_of
from app.widgets.settings.own_settings_dialog import SAMPLING_KEYS, SYSTEM_PROMPT, OwnSettingsDialog, following

KEYS = (SYSTEM_PROMPT, *SAMPLING_KEYS)


class ConversationSettingsDialog(OwnSettingsDialog):
    """What isn't set here follows the settings in force, of which by_model are those that the model sets itself."""

    def __init__(self, settings: Settings, parent: QWidget | None = None, *, by_model: Collection[str] = ()) -> None:
        words = tr("These hold for this conversation only. What you leave alone follows the settings of Hearth.")
        if by_model:
            words = tr(
                "These hold for this conversation only. What you leave alone follows what is set for the model, "
                "else the settings of Hearth."
            )
        super().__init__(
            tr("Conversation settings"),
            words,
            [_field(key, settings, is_by_model=key in by_model) for key in KEYS],
            settings.system_prompt,
            tr("Set for this conversation."),
            parent,
        )


def _field(key: str, settings: Settings, *, is_by_model: bool) -> Field:
    if key == SYSTEM_PROMPT:
        words = tr(
            "What the model is told before you say anything in this conversation. After a change it reads the "
            "conversation once more."
        )
        return replace(field_of(key), label=tr("Instructions of this conversation"), help=words)
    if is_by_model:
        return following(key, settings, lambda value: tr("As set for this model: {value}").format(value=value))
    return following(key, settings, lambda value: tr("As in the settings: {value}").format(value=value))
