"""Everything that lives as long as one loaded model: its prompts, KV, pace; answers one conversation at a time."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
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
from engine.generation.shortage import MemoryRanOut, Shortage, out_of_memory, remedies, shortage_of
from engine.generation.warm_conversations import WarmConversations
from engine.hardware import faults
from engine.hardware.faults import Fault
from engine.hardware.ram import read_ram

_LARGEST_STORE_BYTES = 4 * 2**30
_Outcome = TypeVar("_Outcome")


class ChatSession:
    """A loaded model ready to answer. Made on the compute lane, used only there.

    Making it raises EngineError: OUT_OF_MEMORY (the KV buffers are allocated here), DEVICE_LOST.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        tokenizer = loaded.tokenizer
        template = ChatTemplate(tokenizer.get_chat_template(), _special_tokens(loaded))
        self._prompts = PromptBuilder(tokenizer, template, loaded.plan.tokenizer_id)
        self._runner = ModelRunner(loaded.model, loaded.device, loaded.plan.context_window, loaded.plan.kv_layout)
        self._choose_mode()
        self._warm = WarmConversations(self._runner.kv, KvStore(_store_budget()))
        self._pace = PrefillPace(self._runner.stops_inside_chunks, loaded.plan.prefill_chunk_tokens)
        self._published: GenerationConfig | None = loaded.model.generation_config
        self._end_ids = _end_ids(loaded) | self._prompts.end_token_ids()
        self.plan = _completed_plan(loaded, self._runner)

    def answer(self, command: Generate, cancellation: CancellationToken, report: Report) -> Result:
        """Generate the next answer, reusing every id the KV already holds.

        Raises EngineError. After OUT_OF_MEMORY what was written has been reported and the next message works; after
        DEVICE_LOST nothing works in this process any more.
        """
        prompt_tokens = 0

        def run() -> Result:
            nonlocal prompt_tokens
            prompt_ids = self._prompts.build(command.messages, command.continue_last, command.started_at)
            prompt_tokens = len(prompt_ids)
            self._refuse_too_long(prompt_tokens)
            return self._run(command, prompt_ids, cancellation, report)

        outcome = self._attempt(run)
        if isinstance(outcome, Shortage):
            faults.release()
            hint = "What was written is kept. Close other programs or load the model so that it needs less, then go on."
            raise self._out_of_memory(outcome, prompt_tokens, hint)
        return outcome

    def _choose_mode(self) -> None:
        """Allocate and try the KV; once more where memory was not enough, as loading leaves some that can be freed."""
        outcome = self._attempt(self._runner.choose_mode)
        if isinstance(outcome, Shortage):
            faults.release()
            outcome = self._attempt(self._runner.choose_mode)
        if isinstance(outcome, Shortage):
            hint = "Close other programs, or load the model so that it needs less."
            raise self._out_of_memory(outcome, 0, hint)

    def _attempt(self, work: Callable[[], _Outcome]) -> _Outcome | Shortage:
        """Return what work returns, or the numbers if memory ran out. Raises EngineError where the device is lost.

        The shortage is returned and not raised: only outside the except block the tensors can be freed.
        """
        try:
            return work()
        except MemoryRanOut as error:
            return error.shortage
        except (RuntimeError, MemoryError) as error:
            match faults.fault_of(error):
                case Fault.DEVICE_LOST:
                    raise faults.device_lost(error) from error
                case Fault.DEVICE_UNFIT:
                    raise faults.device_unfit(error) from error
            shortage = shortage_of(error, self.loaded.device)
            if shortage is None:
                raise
            return shortage

    def _out_of_memory(self, shortage: Shortage, conversation_tokens: int, hint: str) -> EngineError:
        if shortage.is_main_memory and self.loaded.device.type != "cpu":
            # Another form of the model would leave room on the card, not here.
            return out_of_memory(shortage, self.loaded.plan, (), hint)
        ways_out = remedies(
            self.loaded.plan,
            is_published_packed=self.loaded.is_published_packed,
            conversation_tokens=conversation_tokens,
            main_memory_bytes=read_ram().available_bytes,
        )
        return out_of_memory(shortage, self.loaded.plan, ways_out, hint)

    def _refuse_too_long(self, prompt_tokens: int) -> None:
        window = self.plan.context_window
        if prompt_tokens >= window:
            raise EngineError(
                ErrorKind.PROMPT_TOO_LONG,
                f"The conversation has {prompt_tokens:,} tokens, but the model's window holds {window:,}.",
                "Shorten the message, start a new conversation, or choose a larger context in the settings.",
            )

    def _make_room(self, shortage: Shortage, failed_tokens: int) -> None:
        """Give back all that this answer can do without, and feed less at once from now on."""
        self._pace.shrink(failed_tokens)
        self._warm.spare(main_memory=shortage.is_main_memory or self.loaded.device.type == "mps")
        faults.release()

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
            make_room=self._make_room,
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
    return int(min(read_ram().available_bytes // 4, _LARGEST_STORE_BYTES))
