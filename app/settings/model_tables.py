"""What the settings file says about single models: read entry by entry, written back with what isn't known here."""

from collections.abc import Mapping

import msgspec

from app.language import tr
from app.settings.model_settings import MODEL_KEYS, ModelSettings
from app.settings.validation import BadValue, checked
from engine.api.codec import clean_text


def models_from(value: object) -> tuple[dict[str, ModelSettings], list[str]]:
    """Return what can be used of the table, and a sentence for each thing that can't; a bad value costs only itself."""
    if not isinstance(value, dict):
        return {}, [tr("In the settings, what is set for single models can't be read.")]
    models: dict[str, ModelSettings] = {}
    warnings: list[str] = []
    for reference, table in value.items():
        if not isinstance(table, dict):
            warnings.append(
                tr("In the settings, what is set for {model} can't be read.").format(model=clean_text(str(reference)))
            )
            continue
        own, bad = _own_from(str(reference), table)
        warnings += bad
        if own != ModelSettings():
            models[str(reference)] = own
    return models, warnings


def tables_from(
    models: Mapping[str, ModelSettings], there: object, before: Mapping[str, ModelSettings] | None = None
) -> dict[str, object]:
    """Return the table for the file; there is what lies in it, of which unknown keys are kept.

    before: of what was read or written last; what is as it was then is left as it lies there. None leaves nothing.
    """
    old = there if isinstance(there, dict) else {}
    tables: dict[str, object] = {}
    for reference in [*old, *(each for each in models if each not in old)]:
        lying = old.get(reference)
        if before is not None and models.get(reference) == before.get(reference):
            tables |= {reference: lying} if reference in old else {}
            continue
        unknown = {key: each for key, each in lying.items() if key not in MODEL_KEYS} if isinstance(lying, dict) else {}
        table = {**unknown, **msgspec.to_builtins(models.get(reference, ModelSettings()))}
        if table:
            tables[reference] = table
    return tables


def with_own(own: ModelSettings, key: str, value: object) -> ModelSettings:
    """Return a model's settings with one value changed, None: as in the settings. Raises BadValue or KeyError."""
    if key not in MODEL_KEYS:
        raise KeyError(key)
    return msgspec.structs.replace(own, **{key: None if value is None else checked(key, value)})


def _own_from(reference: str, table: Mapping[str, object]) -> tuple[ModelSettings, list[str]]:
    own, warnings = ModelSettings(), []
    for key in MODEL_KEYS:
        if key not in table:
            continue
        try:
            own = with_own(own, key, table[key])
        except BadValue as bad:
            words = tr("In the settings for {model}, {bad} The usual value is used.")
            warnings.append(words.format(model=clean_text(reference), bad=bad))
    return own, warnings
