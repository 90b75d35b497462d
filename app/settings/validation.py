"""Is this a value for that setting? The same answer for the file, the dialog and the command line."""

from typing import get_type_hints

import msgspec

from app.language import tr
from app.settings.schema import FIELDS, FieldKind, Settings
from engine.api.codec import clean_text

_TYPES = get_type_hints(Settings, include_extras=True)
_FIELDS = {field.key: field for field in FIELDS}
_SHOWN_CHARACTERS = 40


class BadValue(Exception):
    """A value that a setting can't have; the message is a sentence for a person."""


def checked(key: str, value: object) -> object:
    """Return the value in the setting's type, text cleaned; raises BadValue, or KeyError for an unknown key."""
    field, kind = _FIELDS[key], _TYPES[key]
    try:
        if isinstance(value, bool) and field.kind is not FieldKind.SWITCH:
            raise msgspec.ValidationError("a switch where a number is expected")
        typed: object = msgspec.convert(_cleaned(value), kind)
    except (msgspec.ValidationError, RecursionError, OverflowError) as error:
        raise BadValue(
            tr("{label}: {value} can't be used here.").format(label=tr(field.label), value=_shown(value))
        ) from error
    if isinstance(typed, int | float) and not isinstance(typed, bool):
        # "not >=" rather than "<": NaN compares false with everything.
        too_low = field.minimum is not None and not typed >= field.minimum
        too_high = field.maximum is not None and not typed <= field.maximum
        if too_low or too_high:
            outside = tr("{label}: {value} is outside {minimum} to {maximum}.")
            bounds = {"minimum": f"{field.minimum:g}", "maximum": f"{field.maximum:g}"}
            raise BadValue(outside.format(label=tr(field.label), value=_shown(value), **bounds))
    return typed


def with_value(settings: Settings, key: str, value: object) -> Settings:
    """Return the settings with one value changed; raises BadValue, or KeyError for an unknown key."""
    return msgspec.structs.replace(settings, **{key: checked(key, value)})


def only_texts(value: object) -> tuple[object, list[str]]:
    """Return what can be used of a table of texts, and the names of the entries that can't; other values as they are.

    So one bad entry, written by hand, leaves the others.
    """
    if not isinstance(value, dict):
        return value, []
    good = {key: each for key, each in value.items() if isinstance(key, str) and isinstance(each, str)}
    return good, [clean_text(str(key)) for key in value if key not in good]


def default_of(key: str) -> object:
    """Return what the setting is before anybody changes it; raises KeyError for an unknown key."""
    default: object = getattr(Settings(), _FIELDS[key].key)
    return default


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list | tuple):
        return [_cleaned(each) for each in value]
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(each) for key, each in value.items()}
    return value


def _shown(value: object) -> str:
    text = clean_text(repr(value))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
