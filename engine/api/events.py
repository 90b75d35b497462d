"""What comes out of the engine. Events of a command carry its id; the terminal ones end it."""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from engine.api.benchmark import BenchmarkReport, BenchmarkStep
from engine.api.checkpoint import LocalCheckpoint
from engine.api.errors import ErrorReport, Remedy
from engine.api.hardware import Hardware
from engine.api.hub import ConnectionStep, DownloadPhase, HubCheckpoint, HubDetails
from engine.api.plan import Plan, PrecisionChoice
from engine.api.prompt import PromptPiece, ReusedPart
from engine.api.sampling import Sampling
from engine.api.warmth import ConversationWarmth, Tier, TierUse


class _Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", kw_only=True):
    pass


class _CommandEvent(_Event, frozen=True):
    command_id: str


class EngineReady(_Event, frozen=True, tag="engine_ready"):
    """The pipe is open and commands are read. Sent once, first, before torch is imported."""

    process_id: int


class LoadPhase(StrEnum):
    """What a load is busy with, in the order it happens. The model loaded before stays until LOADING is told.

    WAITING: for a disk that doesn't answer, at any time.
    """

    IMPORTING = "importing"
    CONVERTING = "converting"
    LOADING = "loading"
    CHECKING = "checking"
    WAITING = "waiting"


class LoadProgress(_CommandEvent, frozen=True, tag="load_progress"):
    """Bytes (or steps) of the phase done so far; total 0 means not known.

    lighter: what would need less memory, told once before it is taken; None where nothing is told about that.
    """

    phase: LoadPhase
    done: int
    total: int
    lighter: tuple[Remedy, ...] | None = None


class CheckpointLoaded(_CommandEvent, frozen=True, tag="checkpoint_loaded"):
    """Terminal: the model answers from now on."""

    plan: Plan


class CheckpointUnloaded(_CommandEvent, frozen=True, tag="checkpoint_unloaded"):
    """Terminal: nothing is loaded."""


class _GenerationEvent(_CommandEvent, frozen=True):
    conversation_id: str
    message_id: str


class PrefillProgress(_GenerationEvent, frozen=True, tag="prefill_progress"):
    """Of prompt_tokens, reused_tokens were still there and done_tokens of the rest have been read."""

    prompt_tokens: int
    reused_tokens: int
    done_tokens: int


class ContextRolled(_GenerationEvent, frozen=True, tag="context_rolled"):
    """The conversation was longer than the window: of the command's messages those before first_kept were left out.

    A system message at their beginning is always kept and doesn't count as left out.
    """

    first_kept: int


class TextGenerated(_GenerationEvent, frozen=True, tag="text_generated"):
    """Text that is final and safe to show, with the ids generated since the last such event."""

    text: str
    token_ids: tuple[int, ...]


class FinishReason(StrEnum):
    """Why a generation ended."""

    END = "end"
    MAXIMUM_TOKENS = "maximum_tokens"
    CONTEXT_FULL = "context_full"
    STOPPED = "stopped"


class Statistics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one generation cost. prefilled_tokens counts the ids that really entered the model before decoding.

    Of the reused_tokens, restored_tokens had to be copied from the slowest tier named by restored_from (None: all
    were still in place), which took restore_seconds. proposed_tokens were checked ahead by what speculation names
    ("prompt lookup", "draft model", or both), accepted_tokens of them became part of the answer. sampling: how ids were
    really chosen. attention: the loaded model's, as in its plan. decode: how steps ran in the end, which is not what
    the plan says where recording one has failed since.
    """

    prompt_tokens: int
    reused_tokens: int
    prefilled_tokens: int
    generated_tokens: int
    time_to_first_token_seconds: float
    prefill_seconds: float
    decode_seconds: float
    tokens_per_second: float
    restored_tokens: int = 0
    restored_from: Tier | None = None
    restore_seconds: float = 0.0
    proposed_tokens: int = 0
    accepted_tokens: int = 0
    speculation: str = ""
    sampling: Sampling | None = None
    attention: str = ""
    decode: str = ""

    @property
    def has_rate(self) -> bool:
        """Whether tokens_per_second says something: the first token comes with the end of reading, in no time."""
        return self.generated_tokens > 1


class GenerationFinished(_GenerationEvent, frozen=True, tag="generation_finished"):
    """Terminal: the whole text and all its ids (end token excluded). The text wins over what was streamed.

    For a continued message both hold the newly written part only.
    """

    reason: FinishReason
    text: str
    token_ids: tuple[int, ...]
    tokenizer_id: str
    statistics: Statistics


class ConversationPrepared(_CommandEvent, frozen=True, tag="conversation_prepared"):
    """Terminal: read_tokens ids were read ahead."""

    read_tokens: int


class TitleSuggested(_CommandEvent, frozen=True, tag="title_suggested"):
    """Terminal. title is one line of plain text, empty if the model had no usable one; read_tokens: ids fed for it."""

    conversation_id: str
    title: str
    read_tokens: int


class TokensCounted(_CommandEvent, frozen=True, tag="tokens_counted"):
    """Terminal: ids of the prompt, template included, and how many the window holds, answer included."""

    conversation_id: str
    prompt_tokens: int
    context_window: int


class PromptDescribed(_CommandEvent, frozen=True, tag="prompt_described"):
    """Terminal: all tokens of a prompt in order. reused: what of its beginning would not be read again, and from where.

    first_kept: of the command's messages those before it are left out (0: none), a system message at their beginning
    excepted.
    """

    conversation_id: str
    pieces: tuple[PromptPiece, ...]
    reused: tuple[ReusedPart, ...]
    context_window: int
    first_kept: int = 0


class WritingFinished(_CommandEvent, frozen=True, tag="writing_finished"):
    """Terminal: of the conversation's tokens so many are not on disk, and will have to be read again."""

    unwritten_tokens: int


class ConversationForgotten(_CommandEvent, frozen=True, tag="conversation_forgotten"):
    """Terminal: no tier holds anything of the conversation, nor of the ones that were not to be kept."""

    freed_bytes: int


class WarmStateCleared(_CommandEvent, frozen=True, tag="warm_state_cleared"):
    """Terminal: no tier holds anything."""

    freed_bytes: int


class WarmthDescribed(_CommandEvent, frozen=True, tag="warmth_described"):
    """Terminal. Conversations are those the loaded model (if any) finds again; the tiers are fastest first."""

    conversations: tuple[ConversationWarmth, ...]
    tiers: tuple[TierUse, ...]


class HardwareDescribed(_CommandEvent, frozen=True, tag="hardware_described"):
    """Terminal."""

    hardware: Hardware


class CheckpointsListed(_CommandEvent, frozen=True, tag="checkpoints_listed"):
    """Terminal. hub_folder: where downloads lie."""

    checkpoints: tuple[LocalCheckpoint, ...]
    hub_folder: str = ""


class PlanSource(StrEnum):
    """What a plan stands on: the files here, what the Hub tells of them, a GGUF file's description, a known shape."""

    FILES = "files"
    HUB = "hub"
    GGUF = "gguf"
    KNOWN_SHAPE = "known_shape"


class CheckpointPlanned(_CommandEvent, frozen=True, tag="checkpoint_planned"):
    """Terminal: how the checkpoint would be loaded on that hardware. notes: sentences about what was assumed.

    draft: the plan of the draft model that was named, TOO_BIG if the model would be loaded without it.
    """

    plan: Plan
    hardware: Hardware
    source: PlanSource = PlanSource.FILES
    notes: tuple[str, ...] = ()
    draft: Plan | None = None


class BenchmarkProgress(_CommandEvent, frozen=True, tag="benchmark_progress"):
    """What a benchmark is busy with, in which precision (None: in none yet).

    tokens: behind how many it measures, 0 if that doesn't matter. total 0 means not known.
    """

    step: BenchmarkStep
    precision: PrecisionChoice | None = None
    tokens: int = 0
    done: int = 0
    total: int = 0


class BenchmarkFinished(_CommandEvent, frozen=True, tag="benchmark_finished"):
    """Terminal: all that was asked was measured, or told why not. No model is loaded."""

    report: BenchmarkReport


class CheckpointsFound(_CommandEvent, frozen=True, tag="checkpoints_found"):
    """Terminal: what the Hub has, in the order asked for. is_exact: the text named this one model."""

    results: tuple[HubCheckpoint, ...]
    is_exact: bool = False


class CheckpointInspected(_CommandEvent, frozen=True, tag="checkpoint_inspected"):
    """Terminal."""

    details: HubDetails


class ConnectionChecked(_CommandEvent, frozen=True, tag="connection_checked"):
    """Terminal: the steps that were tried; the last one is the only one that can have failed."""

    steps: tuple[ConnectionStep, ...]


class CheckpointDeleted(_CommandEvent, frozen=True, tag="checkpoint_deleted"):
    """Terminal: so many bytes of the disk were freed (or would be, if it was only to be counted)."""

    checkpoint: str
    freed_bytes: int


class CacheMoveProgress(_CommandEvent, frozen=True, tag="cache_move_progress"):
    """Bytes moved so far."""

    done_bytes: int
    total_bytes: int


class CacheMoved(_CommandEvent, frozen=True, tag="cache_moved"):
    """Terminal: everything lies in the folder now, which the engine is to be started with from here on."""

    folder: str
    moved_bytes: int


class DownloadProgress(_CommandEvent, frozen=True, tag="download_progress"):
    """Bytes that are on this computer so far, over all files; total 0 means not known yet.

    bytes_per_second: over the last seconds, 0 while nothing arrives. seconds_left: None where that can't be said.
    words: while WAITING why, and what happens next, as a sentence.
    """

    done_bytes: int
    total_bytes: int
    phase: DownloadPhase = DownloadPhase.RECEIVING
    bytes_per_second: float = 0.0
    seconds_left: float | None = None
    words: str = ""


class DownloadFinished(_CommandEvent, frozen=True, tag="download_finished"):
    """Terminal: the checkpoint can be loaded by its reference. received_bytes: what had to be fetched for it now."""

    checkpoint: str
    revision: str
    received_bytes: int = 0


class DownloadDiscarded(_CommandEvent, frozen=True, tag="download_discarded"):
    """Terminal."""

    checkpoint: str
    freed_bytes: int


class CommandFailed(_CommandEvent, frozen=True, tag="command_failed"):
    """Terminal: what happened and what to do."""

    error: ErrorReport


class CommandCancelled(_CommandEvent, frozen=True, tag="command_cancelled"):
    """Terminal: stopped by the user before there was anything to keep."""


Terminal = (
    CheckpointLoaded
    | CheckpointUnloaded
    | GenerationFinished
    | ConversationPrepared
    | TitleSuggested
    | TokensCounted
    | PromptDescribed
    | WritingFinished
    | ConversationForgotten
    | WarmStateCleared
    | WarmthDescribed
    | HardwareDescribed
    | CheckpointsListed
    | CheckpointDeleted
    | CacheMoved
    | CheckpointsFound
    | CheckpointInspected
    | ConnectionChecked
    | DownloadFinished
    | DownloadDiscarded
    | CheckpointPlanned
    | BenchmarkFinished
    | CommandFailed
    | CommandCancelled
)
Progress = (
    LoadProgress
    | PrefillProgress
    | ContextRolled
    | TextGenerated
    | DownloadProgress
    | CacheMoveProgress
    | BenchmarkProgress
)
Event = EngineReady | Progress | Terminal
Emit = Callable[[Event], None]


def is_terminal(event: Event) -> bool:
    """Return whether the event ends its command."""
    return isinstance(event, Terminal)
