"""A sentence that the window shows above the composer, with at most one button."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How loud a notice is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One notice; a later one with the same key takes its place.

    action is the label of the button ("" for none); action_key is what comes back when it is pressed.
    details is the technical part, shown folded.
    """

    key: str
    text: str
    severity: Severity = Severity.INFO
    action: str = ""
    action_key: str = ""
    details: str = ""
