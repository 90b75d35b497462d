"""A sentence that the window shows above the composer, with a button for each thing that can be done about it."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How loud a notice is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Choice:
    """One of several ways out: the label of its button, and what comes back when it is pressed."""

    label: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One notice; a later one with the same key takes its place.

    action is the label of the button ("" for none); action_key is what comes back when it is pressed. choices are
    further buttons, in a row of their own. details is the technical part, shown folded. is_progress: the next one of
    this key only changes the text, so that its button keeps the keyboard.
    """

    key: str
    text: str
    severity: Severity = Severity.INFO
    action: str = ""
    action_key: str = ""
    choices: tuple[Choice, ...] = ()
    details: str = ""
    is_progress: bool = False

    @property
    def is_lasting(self) -> bool:
        """Whether it stays until somebody has seen to it: it offers something to do, or something went wrong."""
        return bool(self.action or self.choices) or self.severity is not Severity.INFO
