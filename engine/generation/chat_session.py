"""Everything that lives as long as one loaded model: its prompts, KV, pace; answers one conversation at a time."""

import gc
import logging
from collections.abc import Mapping

import msgspec
import psutil
import torch
from transformers import GenerationConfig

from engine.api.cancellation import CancellationToken
from engine.api.commands import Generate
from engine.api.errors import EngineError, ErrorKind
from engine.api.plan import Plan
from engine.checkpoints.loader import LoadedModel
from engine.generation import attention, sampler
from engine.generation.chat_template import ChatTemplate
from engine.generation.detokenizer import Detokenizer
from engine.generation.generate import Generation, PrefillPace, Report, Result
from engine.generation.kv_store import KvStore
from engine.generation.model_runner import ModelRunner
from engine.generation.prompt import PromptBuilder
from engine.generation.warm_conversations import WarmConversations

_LARGEST_STORE_BYTES = 4 * 2**30
_OUT_OF_MEMORY_SIGNS = ("out of memory", "not enough memory", "can't allocate memory")
_log = logging.getLogger(__name__)


class ChatSession:
    """A loaded model ready to answer. Made on the compute lane, used only there."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        tokenizer = loaded.tokenizer
        template = ChatTemplate(tokenizer.get_chat_template(), _special_tokens(loaded))
        self._prompts = PromptBuilder(tokenizer, template, loaded.plan.tokenizer_id)
        self._runner = ModelRunner(loaded.model, loaded.device, loaded.plan.context_window)
        self._runner.choose_mode()
        self._warm = WarmConversations(self._runner.kv, KvStore(_store_budget()))
        self._pace = PrefillPace(self._runner.stops_inside_chunks)
        self._published: GenerationConfig | None = loaded.model.generation_config
        self._end_ids = _end_ids(loaded) | self._prompts.end_token_ids()
        self.plan = _completed_plan(loaded, self._runner)

    def answer(self, command: Generate, cancellation: CancellationToken, report: Report) -> Result:
        """Generate the next answer, reusing every id the KV already holds. Raises EngineError."""
        prompt_ids = self._prompts.build(command.messages, command.continue_last, command.started_at)
        window = self.plan.context_window
        if len(prompt_ids) >= window:
            raise EngineError(
                ErrorKind.PROMPT_TOO_LONG,
                f"The conversation has {len(prompt_ids):,} tokens, but the model's window holds {window:,}.",
                "Shorten the message, start a new conversation, or choose a larger context in the settings.",
            )
        failure: EngineError | None = None
        try:
            return self._run(command, prompt_ids, cancellation, report)
        except torch.OutOfMemoryError as error:
            failure = _out_of_memory(str(error))
        except RuntimeError as error:
            failure = _failure_of_device(error)
            if failure is None:
                raise
        if failure.report.kind is ErrorKind.DEVICE_LOST:
            raise failure  # nothing on the device can be touched any more; the app starts a fresh engine
        # Freed only here: inside the except block the traceback still holds the tensors (pytorch#18853).
        self._runner.kv.clear()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise failure

    def forget(self, conversation_id: str) -> int:
        """Drop a conversation's KV from slab and snapshots; return the bytes freed."""
        return self._warm.forget(conversation_id)

    def _run(self, command: Generate, prompt_ids: list[int], cancellation: CancellationToken, report: Report) -> Result:
        reused = self._warm.prepare(command.conversation_id, prompt_ids)
        total = len(prompt_ids)
        report.prefilled(total, reused, 0)
        values = sampler.decide(command.sampling, self._published)
        generation = Generation(
            runner=self._runner,
            detokenizer=Detokenizer(self.loaded.tokenizer, _spoken_before(command)),
            sampler=sampler.Sampler(values, prompt_ids, self._runner.device),
            end_ids=self._end_ids,
            pace=self._pace,
            report=report,
        )
        return generation.run(prompt_ids, command.sampling.maximum_tokens, cancellation)


def _spoken_before(command: Generate) -> tuple[int, ...]:
    """Return the ids a continued answer goes on from: they decide how its first new id reads."""
    return command.messages[-1].token_ids if command.continue_last else ()


def _special_tokens(loaded: LoadedModel) -> dict[str, str]:
    named: Mapping[str, object] = loaded.tokenizer.special_tokens_map
    return {name: str(token) for name, token in named.items() if isinstance(token, str)}


def _end_ids(loaded: LoadedModel) -> frozenset[int]:
    """Return every id that the publisher names as an end: generation config, config, tokenizer."""
    found: set[int] = set()
    for source in (loaded.model.generation_config, loaded.model.config, loaded.tokenizer):
        value = getattr(source, "eos_token_id", None)
        found.update([value] if isinstance(value, int) else value or [])
    return frozenset(found)


def _completed_plan(loaded: LoadedModel, runner: ModelRunner) -> Plan:
    kernel, reason = attention.describe(loaded.model, loaded.device)
    return msgspec.structs.replace(
        loaded.plan,
        attention=kernel,
        attention_reason=reason,
        decode="eager",
        decode_reason="each token is one plain pass through the model",
        kv_reuse=runner.describe_reuse(),
    )


def _store_budget() -> int:
    """Return the bytes of main memory that inactive conversations may take: a quarter of what is free."""
    return int(min(psutil.virtual_memory().available // 4, _LARGEST_STORE_BYTES))


def _failure_of_device(error: RuntimeError) -> EngineError | None:
    """Tell memory that ran out (PyTorch's CPU allocator has no type for it) from a device that is lost."""
    text = str(error)
    if any(sign in text.lower() for sign in _OUT_OF_MEMORY_SIGNS):
        return _out_of_memory(text)
    if "CUDA error" not in text:
        return None
    return EngineError(
        ErrorKind.DEVICE_LOST,
        "The graphics card stopped working for Hearth.",
        "What was written is kept. The engine starts anew; then continue the answer.",
        text,
    )


def _out_of_memory(details: str) -> EngineError:
    return EngineError(
        ErrorKind.OUT_OF_MEMORY,
        "The memory was not enough to go on with this answer.",
        "What was written is kept. Choose a smaller context in the settings or a smaller model, then continue.",
        details,
    )
