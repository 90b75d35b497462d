"""A loaded model that is asked things whose time is taken. Owns the model and its KV until close().

Prompts are stories of common words in an order that a seed decides: of any length, never the same twice, and ending in
a wish that even small models answer at length.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedModel

from engine.api.cancellation import CancellationToken
from engine.api.commands import Generate
from engine.api.events import FinishReason
from engine.api.message import PromptMessage, Role
from engine.api.plan import Plan
from engine.api.sampling import Sampling
from engine.api.warmth import TierBudgets
from engine.bench.clean_copy import Copied
from engine.checkpoints import loader
from engine.checkpoints.loader import LoadedModel
from engine.decode.rungs import Rungs
from engine.generation.chat_session import ChatSession
from engine.generation.chat_template import ChatTemplate
from engine.generation.generate import Report, Result
from engine.generation.prompt import PromptBuilder
from engine.planning.facts import CheckpointFacts
from engine.planning.loading import Shape

# No tokenizer makes less of the sentence below.
_LEAST_SENTENCE_TOKENS = 12
_CLOSE_ENOUGH, _SMALLER = 0.96, 0.99
# A card's own tier would hide main memory's.
_BUDGETS = TierBudgets(device_bytes=0)
_FLUSH_SECONDS = 120.0
_SETTLE_SECONDS = 60.0
# The first one finds the chunk size.
_RATE_TOKENS = (64, 512, 513)
_RATE_SECONDS = 3.0
_TRIES = 5
_EAGER = "eager"
_WORD_LIST = (
    "time year people way day man thing woman life child world school state family student group country problem hand "
    "part place case week company system program question work number night point home water room mother area money "
    "story fact month lot right study book eye job word business issue side kind head house service friend father "
    "power hour game line end member law car city name president team minute idea kid body"
)
_WORDS = _WORD_LIST.split()
_SENTENCE = "The {} of the {} told the {} about a {}, and the {} listened."
_INSTRUCTION = "\n\nGo on with this story. Write at least twenty more sentences."


@dataclass(frozen=True)
class Bench:
    """What all parts need to know about the model: facts, how it was loaded, and the bandwidth (0: not measured)."""

    facts: CheckpointFacts
    shape: Shape
    bandwidth_bytes_per_second: float = 0.0
    matrix_operations_per_second: float = 0.0


class Workbench:
    """Asks the model on the compute lane's thread. folder: where conversations are kept on disk meanwhile."""

    def __init__(
        self, loaded: LoadedModel, copied: Copied, folder: Path, cancellation: CancellationToken, rungs: Rungs
    ) -> None:
        self.loaded = loaded
        self.copied = copied
        self.cancellation = cancellation
        self._folder = folder
        self._rungs = rungs
        self.session = ChatSession(loaded, folder, _BUDGETS, rungs)
        tokenizer = loaded.tokenizer
        special = {name: token for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
        template = ChatTemplate(tokenizer.get_chat_template(), special)
        self._prompts = PromptBuilder(tokenizer, template, loaded.plan.tokenizer_id)
        self._conversations = 0
        self._reading_rate = 0.0

    @property
    def plan(self) -> Plan:
        """How the model is loaded, completed by the session."""
        return self.session.plan

    @property
    def records(self) -> bool:
        """Whether a step is recorded when it first reaches so far, which is not to be measured."""
        return self.plan.decode != _EAGER

    @property
    def plain_model(self) -> PreTrainedModel | None:
        """The model as transformers made it, without Hearth's hooks; None where there is no such copy."""
        return self.copied.model

    def close(self) -> None:
        """Give the model's memory back, also where another session could not be made."""
        if hasattr(self, "session"):
            self.session.close(0.0)
            del self.session
        self.copied = Copied(None, "")
        loader.free(self.loaded)

    def open_again(self) -> None:
        """Make a session that knows of conversations what the disk holds, as after a restart."""
        self.session.close(_FLUSH_SECONDS)
        del self.session  # its buffers make room for the next one's
        self.session = ChatSession(self.loaded, self._folder, _BUDGETS, self._rungs)
        self.settle()

    def settle(self) -> None:
        """Wait until a session that was just opened disturbs nothing that is measured."""
        self.session.settle(_SETTLE_SECONDS)

    def open_with(self, rungs: Rungs) -> None:
        """Make a session that may take other ways; what an earlier one did to the model's weights stays done."""
        self._rungs = rungs
        self.open_again()

    def new_conversation(self) -> str:
        """Return a name that no conversation had."""
        self._conversations += 1
        return f"benchmark {self._conversations}"

    def prompt(self, tokens: int, seed: int) -> tuple[PromptMessage, ...]:
        """Return a user's message whose prompt has about that many ids and not more; one for each seed."""
        story = _story(random.Random(seed), max(tokens // _LEAST_SENTENCE_TOKENS, 1))
        most = len(story)
        for _ in range(_TRIES):
            messages = (asked(" ".join(story[:most]) + _INSTRUCTION),)
            length = len(self.prompt_ids(messages))
            if most == 1 or (length <= tokens and (length > _CLOSE_ENOUGH * tokens or most == len(story))):
                break
            most = max(1, min(len(story), int(most * tokens / length * _SMALLER)))
        return messages

    def prompt_ids(self, messages: tuple[PromptMessage, ...]) -> list[int]:
        """Return the ids that the messages become."""
        return self._prompts.build(messages, False, 0.0)

    def ask(
        self,
        messages: tuple[PromptMessage, ...],
        conversation: str,
        maximum_tokens: int,
        *,
        is_kept_on_disk: bool = False,
    ) -> Result:
        """Return the likeliest answer of at most that many tokens. Raises EngineError and Cancelled."""
        self.cancellation.raise_if_cancelled()
        command = Generate(
            command_id="benchmark",
            conversation_id=conversation,
            message_id="benchmark",
            messages=messages,
            sampling=Sampling(
                temperature=0.0, top_k=0, top_p=1.0, min_p=0.0, repetition_penalty=1.0, maximum_tokens=maximum_tokens
            ),
            is_private=not is_kept_on_disk,
            speculates=False,  # what one token costs is measured, not how many of them can be guessed
        )
        result = self.session.answer(command, self.cancellation, _SILENT)
        self.cancellation.raise_if_cancelled()
        return result

    def reading_rate(self) -> float:
        """Return about how many ids are read per second, measured once."""
        for tokens in _RATE_TOKENS if not self._reading_rate else ():
            if self._reading_rate and tokens / self._reading_rate > _RATE_SECONDS:
                break  # known well enough for what takes so long
            conversation = self.new_conversation()
            found = self.ask(self.prompt(min(tokens, self.plan.context_window // 2), -tokens), conversation, 1)
            self.session.forget(conversation)
            read = found.statistics
            self._reading_rate = read.prefilled_tokens / max(read.prefill_seconds, 1e-9)
        return self._reading_rate

    def seconds_to_read(self, tokens: int) -> float:
        """Return about how long reading so many ids takes."""
        return tokens / max(self.reading_rate(), 1e-9)


def answered(workbench: Workbench, result: Result) -> PromptMessage:
    """Return an answer as the turn that a follow-up stands behind."""
    return PromptMessage(
        role=Role.ASSISTANT,
        content=result.text,
        token_ids=result.token_ids,
        tokenizer_id=workbench.plan.tokenizer_id,
    )


def asked(text: str) -> PromptMessage:
    """Return a user's turn."""
    return PromptMessage(role=Role.USER, content=text)


def decoded_steps(result: Result) -> int:
    """Return how many tokens were computed while decoding: the first comes from reading, an end token counts too."""
    return len(result.token_ids) - (result.reason is not FinishReason.END)


def _story(chosen: random.Random, sentences: int) -> list[str]:
    places = _SENTENCE.count("{}")
    return [_SENTENCE.format(*chosen.choices(_WORDS, k=places)) for _ in range(sentences)]


def _nothing(*_numbers: object) -> None:
    return None


_SILENT = Report(_nothing, _nothing, _nothing)
Tell = Callable[[int], None]
"""Tells behind how many tokens is measured next."""
