"""Everything that lives as long as one loaded model: its prompts, KV, pace; answers one conversation at a time."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec
import torch
from transformers import GenerationConfig

from engine.api.cancellation import CancellationToken
from engine.api.commands import (
    CountTokens,
    DescribePrompt,
    FinishWriting,
    Generate,
    PrepareConversation,
    SuggestTitle,
)
from engine.api.errors import EngineError
from engine.api.events import Statistics
from engine.api.plan import Plan
from engine.api.prompt import PromptPiece, ReusedPart
from engine.api.sampling import Sampling
from engine.api.warmth import ConversationWarmth, TierBudgets, TierUse
from engine.checkpoints import loader
from engine.checkpoints.loader import LoadedModel
from engine.decode import attention
from engine.decode.preparing import DecodeWay
from engine.decode.rungs import Rungs
from engine.generation.decoding import Decoder, PipelinedDecoder, PlainDecoder
from engine.generation.first_pass import ComputesNoNumbers, Unfit, unfit
from engine.generation.generate import Generation, Report, Result
from engine.generation.housekeeping import Housekeeping
from engine.generation.model_runner import ModelRunner
from engine.generation.past_check import PastCheck
from engine.generation.prompt import PromptBuilder
from engine.generation.prompt_opening import end_ids, prompts_of
from engine.generation.reading import Reader, pace_for
from engine.generation.rolling import fit, kept_messages
from engine.generation.sampler import Sampler, SamplingValues, decide, no_numbers
from engine.generation.shortage import MemoryRanOut, Shortage, out_of_memory, remedies, shortage_of
from engine.generation.speculation.draft import DraftModel
from engine.generation.speculation.rounds import Speculation, SpeculativeDecoder, Told, can_take_back
from engine.hardware import faults
from engine.hardware.faults import Fault
from engine.kv import description
from engine.kv.opening import fingerprint_of, open_tiers
from engine.kv.restoring import Reuse
from engine.kv.warm_conversations import WarmConversations

_AUTOMATIC = TierBudgets()
_ALL_RUNGS = Rungs()
_Outcome = TypeVar("_Outcome")


class ChatSession:
    """A loaded model ready to answer. Made on the compute lane, used only there; close() ends its writing to disk.

    kv_folder: where conversations are kept on disk; None for nowhere. past_check: what is known of the model.
    Making it raises EngineError: OUT_OF_MEMORY (the KV buffers are allocated here), DEVICE_LOST,
    CHECKPOINT_UNSUPPORTED where the model's own code fails.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        kv_folder: Path | None = None,
        budgets: TierBudgets = _AUTOMATIC,
        rungs: Rungs = _ALL_RUNGS,
        past_check: PastCheck | None = None,
    ) -> None:
        self.loaded = loaded
        tokenizer = loaded.tokenizer
        source = tokenizer.get_chat_template()
        self._prompts = prompts_of(loaded)
        plan = loaded.plan
        window, layout = plan.context_window, plan.kv_layout
        self._runner = ModelRunner(loaded.model, loaded.device, window, layout, rungs, past_check)
        self._choose_mode()
        self.plan = _completed_plan(loaded, self._runner, self._prompts)
        self._warm = self._opened(source, kv_folder, budgets)
        pace = pace_for(self._runner, plan.prefill_chunk_tokens)
        self._reader = Reader(self._runner, pace, self._make_room)
        self._speculation = Speculation(self._runner, self._opened_draft(past_check), self._free_draft)
        self._published: GenerationConfig | None = loaded.model.generation_config
        self._end_ids = end_ids(loaded) | self._prompts.end_token_ids()
        self._housekeeping = Housekeeping(self._prompts, self._reader, self._warm, tokenizer, self._end_ids)

    def close(self, timeout_seconds: float) -> None:
        """Write what is still to be written of conversations, as far as the time allows."""
        if self._runner.decode.way is DecodeWay.COMPILED:
            torch.compiler.reset()  # what was compiled holds the model, and counts against the next one's share
        self._warm.close(timeout_seconds)

    def answer(self, command: Generate, cancellation: CancellationToken, report: Report) -> Result:
        """Generate the next answer, reusing every id the KV already holds.

        Raises EngineError. After OUT_OF_MEMORY what was written has been reported and the next message works; after
        DEVICE_LOST nothing works in this process any more.
        """
        if command.continue_last and command.closing:
            return self._answer_behind(command, cancellation, report)
        prompt_tokens = 0

        def run() -> Result:
            nonlocal prompt_tokens
            fitting = fit(command, self._prompts_for(command), self.plan.context_window)
            prompt_tokens = len(fitting.ids)
            if fitting.first_kept:
                report.rolled(fitting.first_kept)
            return self._run(command, fitting.ids, cancellation, report)

        outcome = self._attempt(run)
        if isinstance(outcome, Shortage):
            faults.release()
            hint = "What was written is kept. Close other programs or load the model so that it needs less, then go on."
            raise self._out_of_memory(outcome, prompt_tokens, hint)
        return outcome

    def _answer_behind(self, command: Generate, cancellation: CancellationToken, report: Report) -> Result:
        """Write on behind a closing text, which is told first, with its ids, and is part of the result."""
        closed, ids = self._prompts_for(command).with_closing(command.messages[-1], command.closing)
        report.generated(command.closing, ids)
        behind = msgspec.structs.replace(command, messages=(*command.messages[:-1], closed), closing="")
        result = self.answer(behind, cancellation, report)
        return dataclasses.replace(result, text=command.closing + result.text, token_ids=ids + result.token_ids)

    def _choose_mode(self) -> None:
        """Allocate and try the KV; once more where memory was not enough, as loading leaves some that can be freed."""
        outcome = self._attempt(self._tried_mode)
        if isinstance(outcome, Shortage):
            faults.release()
            outcome = self._attempt(self._tried_mode)
        if isinstance(outcome, Shortage):
            hint = "Close other programs, or load the model so that it needs less."
            raise self._out_of_memory(outcome, 0, hint)
        if outcome is not None:
            raise outcome

    def _tried_mode(self) -> EngineError | None:
        """Return what to tell where the model's code fails; raised only outside, as in _attempt."""
        try:
            self._runner.choose_mode()
        except Unfit as failure:
            if isinstance(failure, ComputesNoNumbers) and self.loaded.model.dtype is torch.float16:
                return no_numbers()
            return unfit(failure, self.loaded.plan, self.loaded.is_published_packed)
        return None

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
        )
        return out_of_memory(shortage, self.loaded.plan, ways_out, hint)

    def _make_room(self, shortage: Shortage, failed_tokens: int) -> None:
        """Give back all that this answer can do without, and feed less at once from now on."""
        self._reader.pace.shrink(failed_tokens)
        self._warm.spare(main_memory=shortage.is_main_memory or self.loaded.device.type == "mps")
        faults.release()

    def prepare(self, command: PrepareConversation, cancellation: CancellationToken) -> int:
        """Read ahead what the next message will stand behind; return how many ids were read.

        Raises EngineError, and Cancelled, after which what was read stays.
        """
        return self._in_background(lambda: self._housekeeping.prepare(command, cancellation), 0)

    def finish_writing(self, command: FinishWriting, cancellation: CancellationToken, least_seconds: float) -> int:
        """Write what is not on disk yet, no longer than reading it again would take; return how many ids are not.

        least_seconds: it may take that long in any case. Raises EngineError.
        """
        return self._in_background(lambda: self._housekeeping.finish_writing(command, cancellation, least_seconds), 0)

    def suggest_title(self, command: SuggestTitle, cancellation: CancellationToken) -> tuple[str, int]:
        """Return a title (empty if there is no good one) and how many ids were read for it; the KV stays as it was.

        Raises EngineError and Cancelled.
        """
        return self._in_background(lambda: self._housekeeping.suggest_title(command, cancellation), ("", 0))

    def count_tokens(self, command: CountTokens) -> int:
        """Return the length of a prompt in ids. Raises EngineError."""
        return len(self._prompts_for(command).build(command.messages, False, command.started_at))

    def describe_prompt(self, command: DescribePrompt) -> tuple[list[PromptPiece], list[ReusedPart], int]:
        """Return a prompt token by token, what of it is known, and the first message kept. Raises EngineError."""
        prompts = self._prompts_for(command)
        fitting = fit(command, prompts, self.plan.context_window)
        messages = kept_messages(command, fitting.first_kept)
        pieces = prompts.pieces(messages, command.continue_last, command.started_at)
        known = self._warm.known_parts(fitting.ids)
        is_worth_it = self._runner.pays_to_go_on(sum(part.tokens for part in known), len(fitting.ids))
        return pieces, known if is_worth_it else [], fitting.first_kept

    def _prompts_for(self, command: Generate | CountTokens | DescribePrompt) -> PromptBuilder:
        return self._prompts.choosing(command.sampling.thinking)

    def forget(self, conversation_id: str) -> int:
        """Drop a conversation's KV from slab and tiers; return the bytes freed."""
        self._prompts.forget()
        self._speculation.forget()
        return self._warm.forget(conversation_id)

    def forget_others(self, conversation_ids: tuple[str, ...]) -> int:
        """Drop the KV of conversations that are none of these, as far as the disk had it; return the bytes freed."""
        return self._warm.forget_others(conversation_ids)

    def clear_warm_state(self) -> int:
        """Drop all KV from slab and tiers, other models' on disk as well; return the bytes freed."""
        self._prompts.forget()
        self._speculation.forget()
        return self._warm.clear()

    def settle(self, timeout_seconds: float) -> None:
        """Wait until nothing of opening goes on behind: pinning memory makes a card wait. For whoever takes times."""
        self._warm.tiers.wait_for_pinned_memory(timeout_seconds)

    def describe_warmth(self) -> tuple[tuple[ConversationWarmth, ...], tuple[TierUse, ...]]:
        """Return what is kept of which conversation, and how much the tiers hold."""
        kv = self._runner.kv
        return description.conversations(self._warm, kv), description.tier_uses(self._warm.tiers, kv)

    def _opened_draft(self, past_check: PastCheck | None) -> DraftModel | None:
        """Return the draft model ready to propose; None, and the plan says why, where it can't be used."""
        if self.loaded.draft is None:
            return None
        if not can_take_back(self._runner):
            self._do_without_draft("proposes to a model that can't take it back")
            return None
        known = past_check.of_draft(self.loaded.draft) if past_check is not None else None
        draft = DraftModel(self.loaded.draft, int(self.loaded.model.config.get_text_config().vocab_size), known)
        because = "can't take back what it has proposed"
        try:
            opened = self._attempt(draft.open)
            if opened is True:
                return draft
            if isinstance(opened, Shortage):
                because = "found too little memory"
        except Unfit:
            because = "can't be computed here"
        del draft
        self._do_without_draft(because)
        return None

    def _do_without_draft(self, because: str) -> None:
        self._free_draft()
        sentence = f"{self.plan.draft} {because}, so it isn't used."
        self.plan = msgspec.structs.replace(self.plan, draft="", draft_bytes=0, draft_reason=sentence)

    def _free_draft(self) -> None:
        draft, self.loaded = self.loaded.draft, dataclasses.replace(self.loaded, draft=None)
        if draft is not None:
            loader.free(draft)

    def _opened(self, template: str, kv_folder: Path | None, budgets: TierBudgets) -> WarmConversations:
        loaded, kv = self.loaded, self._runner.kv
        kernel, _ = attention.describe(loaded.model, loaded.device)
        fingerprint = fingerprint_of(
            loaded.source, loaded.plan, loaded.model.config, template, kv, kernel, self._runner.mode
        )
        tiers = open_tiers(kv, loaded.plan, loaded.device, fingerprint, budgets, kv_folder)
        return WarmConversations(kv, tiers, is_kept=self._runner.keeps_kv)

    def _in_background(self, work: Callable[[], _Outcome], nothing: _Outcome) -> _Outcome:
        """Return what work returns, and what stands for nothing where memory runs out: nobody waits for it."""
        outcome = self._attempt(work)
        if isinstance(outcome, Shortage):
            faults.release()
            return nothing
        return outcome

    def _decoder(self, chooser: Sampler, cancellation: CancellationToken) -> Decoder:
        decode = self._runner.decode
        if decode.way is DecodeWay.GRAPH and decode.steps is not None:
            return PipelinedDecoder(self._runner, chooser, decode.steps)
        return PlainDecoder(self._runner, chooser, cancellation)

    def _run(self, command: Generate, prompt_ids: list[int], cancellation: CancellationToken, report: Report) -> Result:
        started = time.perf_counter()
        reuse = self._warm.prepare(command.conversation_id, prompt_ids, should_stop=lambda: cancellation.is_cancelled)
        if not self._runner.pays_to_go_on(reuse.tokens, len(prompt_ids)):
            self._runner.kv.clear()
            reuse = Reuse(0)
        prepared_seconds = time.perf_counter() - started
        report.prefilled(len(prompt_ids), reuse.tokens, 0)

        def keep() -> None:
            self._warm.keep(command.conversation_id, is_private=command.is_private)

        decided = decide(command.sampling, self._published)
        chooser = Sampler(decided, prompt_ids, self._runner.device)
        decoder = self._decoder(chooser, cancellation)
        if command.speculates:
            decoder = self._speculation.around(decoder, chooser, prompt_ids, self._end_ids, cancellation)
        generation = Generation(
            reader=self._reader,
            answer_text=self._prompts_for(command).answer_text(command.messages[-1] if command.continue_last else None),
            sampler=chooser,
            decoder=decoder,
            end_ids=self._end_ids,
            report=report,
            keep=keep,
            keeps_before_last=self._warm.needs_turn_states,
        )
        result = generation.run(prompt_ids, command.sampling.maximum_tokens, cancellation)
        keep()
        self._warm.tiers.rates.learn_reading(result.statistics.prefilled_tokens, result.statistics.prefill_seconds)
        guessed = decoder.told if isinstance(decoder, SpeculativeDecoder) else Told()
        result = _with_origin(result, reuse, prepared_seconds, guessed)
        return dataclasses.replace(result, statistics=self._with_ways(result.statistics, command.sampling, decided))

    def _with_ways(self, statistics: Statistics, wanted: Sampling, decided: SamplingValues) -> Statistics:
        """Return the statistics with how ids were chosen and computed."""
        return msgspec.structs.replace(
            statistics,
            sampling=Sampling(
                **dataclasses.asdict(decided),
                maximum_tokens=wanted.maximum_tokens,
                thinking=self._prompts.switch.in_force(wanted.thinking),
            ),
            attention=self.plan.attention,
            decode=self._runner.decode.way,  # the plan's, unless recording failed since
        )


def _with_origin(result: Result, reuse: Reuse, prepared_seconds: float, guessed: Told) -> Result:
    """Return the result with what came from the tiers and from speculation in its statistics."""
    before = result.statistics
    statistics = msgspec.structs.replace(
        before,
        restored_tokens=min(reuse.restored_tokens, before.reused_tokens),
        restored_from=reuse.restored_from,
        restore_seconds=reuse.seconds,
        time_to_first_token_seconds=before.time_to_first_token_seconds + prepared_seconds,
        proposed_tokens=guessed.proposed,
        accepted_tokens=min(guessed.accepted, before.generated_tokens),
        speculation=guessed.by,
    )
    return dataclasses.replace(result, statistics=statistics)


def _completed_plan(loaded: LoadedModel, runner: ModelRunner, prompts: PromptBuilder) -> Plan:
    kernel, reason = attention.describe(loaded.model, loaded.device)
    products = runner.describe_products()
    return msgspec.structs.replace(
        loaded.plan,
        attention=kernel,
        attention_reason=reason,
        decode=runner.decode.way,
        decode_reason="; ".join(filter(None, (runner.decode.reason, products))),
        kv_reuse=runner.describe_reuse(),
        opens_thinking=prompts.opens_thinking,
        thinking_choices=prompts.switch.choices,
        thinking_by_default=prompts.switch.by_default,
        opens_thinking_with=prompts.opens_thinking_with,
    )
