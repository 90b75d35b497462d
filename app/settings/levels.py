"""The three levels of what counts: the application, over it the model, over both the conversation. Pure."""

import msgspec

from app.settings.model_settings import ModelSettings
from app.settings.schema import Settings

_NOTHING = ModelSettings()


def own_of_model(settings: Settings, reference: str) -> ModelSettings:
    """Return what was set for a model only."""
    return settings.models.get(reference, _NOTHING)


def for_model(settings: Settings, reference: str) -> Settings:
    """Return the settings as they are for a model: its own values over the application's."""
    own = own_of_model(settings, reference).own
    return msgspec.structs.replace(settings, **own) if own else settings
