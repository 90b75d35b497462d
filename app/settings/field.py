"""How a setting is shown, bounded and explained, and on which page."""

from dataclasses import dataclass
from enum import StrEnum

from app.language import mark


class FieldKind(StrEnum):
    """Which control edits a setting."""

    CHOICE = "choice"
    INTEGER = "int"
    NUMBER = "float"
    TEXT = "text"
    LONG_TEXT = "long_text"
    SWITCH = "bool"
    FOLDERS = "folders"
    FILE = "file"
    FOLDER = "folder"
    KEYS = "keys"


class TakesEffect(StrEnum):
    """When a change is felt."""

    AT_ONCE = "at once"
    NEXT_ANSWER = "with the next answer"
    AFTER_RESTART = "after starting Hearth again"
    AFTER_RELOAD = "after reloading the model"


@dataclass(frozen=True)
class Choice:
    """One value of a choice, and how it is called on screen."""

    value: str
    label: str


@dataclass(frozen=True)
class Field:
    """How one setting is shown and bounded. optional: None is allowed and shown as unset_label."""

    key: str
    label: str
    help: str
    page: str
    kind: FieldKind
    takes_effect: TakesEffect = TakesEffect.AT_ONCE
    choices: tuple[Choice, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    optional: bool = False
    unset_label: str = ""


GENERAL = mark("General")
MODEL = mark("Model")
ANSWERS = mark("Answers")
MEMORY = mark("Memory")
DOWNLOADS = mark("Downloads")
PAGES: tuple[str, ...] = (GENERAL, MODEL, MEMORY, ANSWERS, DOWNLOADS)
