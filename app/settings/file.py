"""The settings as a JSON file: whatever lies there, the application opens. Owns one file.

Only what differs from the default is written, so that a better default of a later version arrives; keys that this
version doesn't know are kept.
"""

import stat
import time
from pathlib import Path

import msgspec

from app.dates import stamp
from app.language import tr
from app.settings.atomic import write_atomically
from app.settings.model_tables import models_from, tables_from
from app.settings.schema import FIELDS, FieldKind, Settings
from app.settings.validation import BadValue, checked, default_of, only_texts

MAXIMUM_FILE_BYTES = 1_000_000
_MODELS = "models"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SettingsNotSaved(Exception):
    """The file can't be written; what was chosen holds until Hearth closes."""

    def __init__(self, path: Path, reason: str) -> None:
        self.message = tr("The settings could not be saved ({reason}).").format(reason=reason)
        self.hint = tr("Make {folder} writable, or free some space.").format(folder=path.parent)
        super().__init__(f"{self.message} {self.hint}")


class _Unreadable(Exception):
    """What lies at the path is no settings file."""


def load(path: Path) -> tuple[Settings, list[str]]:
    """Return the settings, and one sentence for each thing in the file that could not be used."""
    try:
        values = _read(path)
    except FileNotFoundError:
        return Settings(), []
    except OSError as error:
        return Settings(), [
            tr("The settings can't be read ({reason}), so the usual ones are used.").format(
                reason=error.strerror or error
            )
        ]
    except _Unreadable as error:
        kept = _set_aside(path)
        where = " " + tr("The file was kept as {kept}.").format(kept=kept) if kept else ""
        return Settings(), [
            tr("The settings can't be read ({reason}), so the usual ones are used.").format(reason=error) + where
        ]
    warnings: list[str] = []
    usable: dict[str, object] = {}
    for field in FIELDS:
        if field.key in values:
            value = values[field.key]
            if field.kind is FieldKind.KEYS:
                value, bad_names = only_texts(value)
                warnings += [
                    tr("In the settings, the key of “{name}” can't be read.").format(name=n) for n in bad_names
                ]
            try:
                usable[field.key] = checked(field.key, value)
            except BadValue as bad:
                warnings.append(tr("In the settings, {bad} The usual value is used.").format(bad=bad))
    if _MODELS in values:
        usable[_MODELS], bad_models = models_from(values[_MODELS])
        warnings += bad_models
    return msgspec.structs.replace(Settings(), **usable), warnings


def peek(path: Path, key: str) -> object:
    """Return one setting as it lies in the file, its usual value where that can't be read; changes nothing."""
    try:
        return checked(key, _read(path)[key])
    except (OSError, _Unreadable, KeyError, BadValue):
        return default_of(key)


def save(path: Path, settings: Settings, before: Settings | None = None) -> None:
    """Write the settings, keeping unknown keys; the file is either the old or the new one. Raises SettingsNotSaved.

    before: what was read or written here last; what is as it was then is left as it lies there, such as what somebody
    has changed by hand since.
    """
    try:
        values = _read(path)
    except FileNotFoundError:
        values, before = {}, None
    except (OSError, _Unreadable):
        _set_aside(path)
        values, before = {}, None
    builtin = msgspec.to_builtins(settings)
    for field in FIELDS:
        value = getattr(settings, field.key)
        if before is not None and value == getattr(before, field.key):
            continue
        values.pop(field.key, None)
        if value != default_of(field.key):
            values[field.key] = builtin[field.key]
    tables = tables_from(settings.models, values.pop(_MODELS, None), before.models if before is not None else None)
    if tables:
        values[_MODELS] = tables
    try:
        write_atomically(path, msgspec.json.format(msgspec.json.encode(values), indent=2) + b"\n")
    except OSError as error:
        raise SettingsNotSaved(path, error.strerror or str(error)) from error


def _read(path: Path) -> dict[str, object]:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
        raise _Unreadable(tr("it is not a file"))
    if status.st_size > MAXIMUM_FILE_BYTES:
        raise _Unreadable(tr("the file is far too large"))
    content = path.read_bytes().removeprefix(_BYTE_ORDER_MARK)
    if not content.strip():
        return {}
    try:
        return msgspec.json.decode(content, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise _Unreadable(tr("it is not a settings file")) from error


def _set_aside(path: Path) -> Path | None:
    moved_at = stamp(time.time())
    for number in range(1, 100):
        target = path.with_name(f"{path.stem}-unreadable-{moved_at}_{number}{path.suffix}")
        if not target.exists():
            try:
                return path.rename(target)
            except OSError:
                return None
    return None
