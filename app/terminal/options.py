"""What a person asked for on the command line, on top of the settings."""

from dataclasses import dataclass

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

    sampling is that of the settings for the model; given stands over it and over the conversation's own.
    system None means: what the conversation has, else the settings' system prompt.
    """

    model: str
    precision: PrecisionChoice
    context_tokens: int | None
    device: str
    sampling: Sampling
    given: Sampling
    system: str | None
    default_system: str
    conversation: str | None
    json: bool
    when_full: WhenFull = WhenFull.ROLL
    speculates: bool = True
    draft: str = ""
    compiles: bool = False
    budgets: TierBudgets
