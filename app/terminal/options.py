"""What a person asked for on the command line, on top of the settings."""

from dataclasses import dataclass

import msgspec

from engine.api.commands import WhenFull
from engine.api.plan import PrecisionChoice
from engine.api.sampling import Sampling
from engine.api.warmth import TierBudgets

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_WRONG_USAGE = 2
EXIT_INTERRUPTED = 130


class TerminalFailure(Exception):
    """Ends the command with exit status 1; its text is the one sentence that is told."""


class WrongUsage(TerminalFailure):
    """Ends the command with exit status 2: what was typed can't be done like this."""


@dataclass(frozen=True, kw_only=True)
class ChatOptions:
    """The options of `ask` and `chat`, complete: what was not given comes from the settings.

    system None means: what the conversation has, else the settings' system prompt.
    """

    model: str
    precision: PrecisionChoice
    context_tokens: int | None
    device: str
    sampling: Sampling
    system: str | None
    default_system: str
    conversation: str | None
    json: bool
    when_full: WhenFull = WhenFull.ROLL
    speculates: bool = True
    draft: str = ""
    compiles: bool = False
    budgets: TierBudgets


def merged_sampling(settings: Sampling, given: Sampling) -> Sampling:
    """Return the settings' sampling with every value that was given on the command line put over it."""
    changes = {field: value for field in given.__struct_fields__ if (value := getattr(given, field)) is not None}
    return msgspec.structs.replace(settings, **changes)
