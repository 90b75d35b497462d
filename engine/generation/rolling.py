"""Makes a conversation fit the context window: its oldest turns are left out if that is wished, else it is refused."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.api.commands import DescribePrompt, Generate, WhenFull, room_for_answer
from engine.api.errors import EngineError, ErrorKind
from engine.api.message import PromptMessage, Role
from engine.generation.prompt import PromptBuilder

# So much is left out at once that the next turns fit as well: what follows would otherwise be read again every turn.
_KEPT_SHARE = 2


@dataclass(frozen=True)
class Fitting:
    """The prompt's ids, and which of the messages is the first kept behind the system prompt; 0 if all are."""

    ids: list[int]
    first_kept: int = 0


def kept_messages(command: Generate | DescribePrompt, first_kept: int) -> tuple[PromptMessage, ...]:
    """Return the messages that are read where those before first_kept are left out; 0: none are."""
    if not first_kept:
        return command.messages
    return (*command.messages[: _leading_system(command.messages)], *command.messages[first_kept:])


def fit(command: Generate | DescribePrompt, prompts: PromptBuilder, window: int) -> Fitting:
    """Return the prompt, shortened if the command allows it.

    Raises EngineError, PROMPT_TOO_LONG and MESSAGE_TOO_LONG among others.
    """

    def build(first_kept: int) -> list[int]:
        return prompts.build(kept_messages(command, first_kept), command.continue_last, command.started_at)

    ids = prompts.build(command.messages, command.continue_last, command.started_at)
    if command.when_full is WhenFull.STOP:
        if len(ids) >= window:
            raise _refusal(command, prompts, len(ids), window)
        return Fitting(ids)
    if len(ids) + room_for_answer(window, command.sampling.maximum_tokens) <= window:
        return Fitting(ids)
    found = _shortened(_turn_starts(command.messages), build, window // _KEPT_SHARE)
    if found is None or len(found.ids) >= window:
        if len(ids) < window:
            return Fitting(ids)
        raise _refusal(command, prompts, len(ids), window)
    return found


def _shortened(starts: list[int], build: Callable[[int], list[int]], wanted_tokens: int) -> Fitting | None:
    """Return the prompt with as few turns left out as make it short enough, or with the last turn alone."""
    if not starts:
        return None
    low, high = 0, len(starts) - 1
    best = Fitting(build(starts[high]), starts[high])
    while low < high:
        middle = (low + high) // 2
        ids = build(starts[middle])
        if len(ids) <= wanted_tokens:
            best, high = Fitting(ids, starts[middle]), middle
        else:
            low = middle + 1
    return best


def _turn_starts(messages: tuple[PromptMessage, ...]) -> list[int]:
    """Return where the user's turns begin, all but the first one."""
    begin = _leading_system(messages)
    starts = [index for index, message in enumerate(messages) if index >= begin and message.role is Role.USER]
    return starts[1:]


def _leading_system(messages: tuple[PromptMessage, ...]) -> int:
    return 1 if messages and messages[0].role is Role.SYSTEM else 0


def _refusal(command: Generate | DescribePrompt, prompts: PromptBuilder, tokens: int, window: int) -> EngineError:
    """Return what to tell of a conversation of so many tokens: the least part of it that doesn't fit by itself."""
    begin = _leading_system(command.messages)
    last = command.messages[(_turn_starts(command.messages) or [begin])[-1] :]

    def length(*parts: PromptMessage) -> int:
        return len(prompts.build(parts, command.continue_last, command.started_at))

    kind = ErrorKind.MESSAGE_TOO_LONG
    if (alone := length(*last)) >= window and command.continue_last:
        sentence = f"This message and its answer have {alone:,} tokens, but the model's window holds {window:,}."
        hint = "Choose a larger context window, or start a new conversation."
    elif alone >= window:
        sentence = f"This message alone has {alone:,} tokens, but the model's window holds {window:,}."
        hint = "Shorten the message, or choose a larger context window."
    elif begin and (both := length(command.messages[0], *last)) >= window:
        sentence = f"The instructions and this message have {both:,} tokens, but the model's window holds {window:,}."
        hint = "Shorten the instructions or the message, or choose a larger context window."
    else:
        kind = ErrorKind.PROMPT_TOO_LONG
        sentence = f"The conversation has {tokens:,} tokens, but the model's window holds {window:,}."
        hint = "Shorten the message, start a new conversation, or choose a larger context window."
    return EngineError(kind, sentence, hint)
