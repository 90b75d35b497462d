"""Every setting once: its type and default here, its words, bounds and page in FIELDS."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec

from engine.api.commands import WhenFull
from engine.api.plan import PrecisionChoice
from engine.api.sampling import Count, Penalty, PositiveCount, Probability, Sampling, Seed, Temperature
from engine.api.warmth import DEFAULT_DISK_BYTES, GIB, TierBudgets

MAXIMUM_CONTEXT_TOKENS = 16_777_216
MAXIMUM_WARM_GIB = 65_536


class Theme(StrEnum):
    """Colours of the window; SYSTEM follows the desktop."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


TextSize = Annotated[int, msgspec.Meta(ge=10, le=32)]
ContextTokens = Annotated[int, msgspec.Meta(ge=256, le=MAXIMUM_CONTEXT_TOKENS)]
WarmGib = Annotated[float, msgspec.Meta(ge=0, le=MAXIMUM_WARM_GIB)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the user chose for the whole application; None means the publisher's or Hearth's own choice."""

    checkpoint: str = "starter"
    precision: PrecisionChoice = PrecisionChoice.AUTO
    context_tokens: ContextTokens | None = None
    warm_gpu_gib: WarmGib | None = None
    warm_ram_gib: WarmGib | None = None
    warm_disk_gib: WarmGib | None = None
    temperature: Temperature | None = None
    top_k: Count | None = None
    top_p: Probability | None = None
    min_p: Probability | None = None
    repetition_penalty: Penalty | None = None
    seed: Seed | None = None
    maximum_tokens: PositiveCount | None = None
    system_prompt: str = ""
    theme: Theme = Theme.SYSTEM
    text_size_px: TextSize = 15
    show_statistics: bool = True
    checkpoint_folders: tuple[str, ...] = ()
    write_titles: bool = True
    when_full: WhenFull = WhenFull.ROLL


class FieldKind(StrEnum):
    """Which control edits a setting."""

    CHOICE = "choice"
    INTEGER = "int"
    NUMBER = "float"
    TEXT = "text"
    LONG_TEXT = "long_text"
    SWITCH = "bool"
    FOLDERS = "folders"


class TakesEffect(StrEnum):
    """When a change is felt."""

    AT_ONCE = "at once"
    NEXT_ANSWER = "with the next answer"
    AFTER_RELOAD = "after reloading the model"


@dataclass(frozen=True)
class Choice:
    """One value of a choice, and how it is called on screen."""

    value: str
    label: str


@dataclass(frozen=True)
class Field:
    """How one setting is shown and bounded. optional: None is allowed and shown as unset_label."""

    key: str
    label: str
    help: str
    page: str
    kind: FieldKind
    takes_effect: TakesEffect = TakesEffect.AT_ONCE
    choices: tuple[Choice, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    optional: bool = False
    unset_label: str = ""


GENERAL = "General"
MODEL = "Model"
ANSWERS = "Answers"
MEMORY = "Memory"
PAGES: tuple[str, ...] = (GENERAL, MODEL, MEMORY, ANSWERS)
_PUBLISHER = "Publisher's choice"


def _warm_field(key: str, label: str, help_text: str, unset_label: str) -> Field:
    return Field(
        key,
        label,
        help_text,
        MEMORY,
        FieldKind.NUMBER,
        TakesEffect.AFTER_RELOAD,
        minimum=0,
        maximum=MAXIMUM_WARM_GIB,
        step=0.5,
        optional=True,
        unset_label=unset_label,
    )


FIELDS: tuple[Field, ...] = (
    Field(
        "theme",
        "Colours",
        "Light, dark, or the same as the rest of your desktop.",
        GENERAL,
        FieldKind.CHOICE,
        choices=(
            Choice(Theme.SYSTEM, "Same as the desktop"),
            Choice(Theme.LIGHT, "Light"),
            Choice(Theme.DARK, "Dark"),
        ),
    ),
    Field(
        "text_size_px",
        "Text size",
        "Size of the text in conversations, in pixels.",
        GENERAL,
        FieldKind.INTEGER,
        minimum=10,
        maximum=32,
        step=1,
    ),
    Field(
        "show_statistics",
        "Show numbers under answers",
        "One quiet line under each answer: the model, its speed, and how much of the conversation was read again.",
        GENERAL,
        FieldKind.SWITCH,
    ),
    Field(
        "write_titles",
        "Let the model write titles",
        "After the first answer the model finds a short title for the conversation, while nothing else is to be done.",
        GENERAL,
        FieldKind.SWITCH,
    ),
    Field(
        "checkpoint",
        "Model at start",
        "The model that is loaded when Hearth opens: the built-in one (starter), a name from the Hub, or a folder.",
        MODEL,
        FieldKind.TEXT,
        TakesEffect.AFTER_RELOAD,
    ),
    Field(
        "precision",
        "Precision",
        "How exactly the model's numbers are kept. Full is closest to what was published. 8-bit takes about half the "
        "memory with hardly a difference; 4-bit about a third, with slightly worse answers. Automatic takes the best "
        "that fits.",
        MODEL,
        FieldKind.CHOICE,
        TakesEffect.AFTER_RELOAD,
        choices=(
            Choice(PrecisionChoice.AUTO, "Automatic (best that fits)"),
            Choice(PrecisionChoice.FP32, "Double size (32-bit)"),
            Choice(PrecisionChoice.BF16, "Full (16-bit)"),
            Choice(PrecisionChoice.INT8, "Half size (8-bit)"),
            Choice(PrecisionChoice.INT4, "Smallest (4-bit)"),
        ),
    ),
    Field(
        "context_tokens",
        "Memory for a conversation",
        "How much of a conversation the model can look at, in tokens (about three quarters of a word each). More "
        "takes more memory.",
        MODEL,
        FieldKind.INTEGER,
        TakesEffect.AFTER_RELOAD,
        minimum=256,
        maximum=MAXIMUM_CONTEXT_TOKENS,
        step=1024,
        optional=True,
        unset_label="Automatic (what fits)",
    ),
    Field(
        "checkpoint_folders",
        "Folders with models",
        "More folders on this computer in which Hearth looks for models.",
        MODEL,
        FieldKind.FOLDERS,
    ),
    _warm_field(
        "warm_gpu_gib",
        "GPU memory for warm conversations (GiB)",
        "Other conversations beside the open one stay on the graphics card, where going back costs no time; 0 keeps "
        "none there.",
        "Automatic (if there is a card)",
    ),
    _warm_field(
        "warm_ram_gib",
        "RAM for warm conversations (GiB)",
        "What the model has read stays in main memory, and is copied back when you return; 0 keeps none there.",
        "Automatic (up to 4 GiB)",
    ),
    _warm_field(
        "warm_disk_gib",
        "Disk for warm conversations (GiB)",
        "What the model has read is kept on disk, so that conversations stay warm over a restart; 0 keeps none there.",
        f"Automatic ({DEFAULT_DISK_BYTES // GIB} GiB)",
    ),
    Field(
        "system_prompt",
        "Instructions for new conversations",
        "What the model is told before you say anything, such as who it should be or how it should write.",
        ANSWERS,
        FieldKind.LONG_TEXT,
    ),
    Field(
        "when_full",
        "When a conversation is full",
        "What happens when a conversation gets longer than what the model can hold. Messages that are left out stay on "
        "screen, and a line marks where the model begins to read. Each conversation may have its own choice.",
        ANSWERS,
        FieldKind.CHOICE,
        TakesEffect.NEXT_ANSWER,
        choices=(
            Choice(WhenFull.ROLL, "Leave out the oldest messages"),
            Choice(WhenFull.STOP, "Stop and say so"),
        ),
    ),
    Field(
        "maximum_tokens",
        "Longest answer",
        "An answer stops after this many tokens (about three quarters of a word each), and can then be continued.",
        ANSWERS,
        FieldKind.INTEGER,
        TakesEffect.NEXT_ANSWER,
        minimum=1,
        maximum=MAXIMUM_CONTEXT_TOKENS,
        step=256,
        optional=True,
        unset_label="As long as the model wants",
    ),
    Field(
        "temperature",
        "Temperature",
        "0 always takes the most likely word; around 0.7 is lively; above 1.5 it soon makes no sense.",
        ANSWERS,
        FieldKind.NUMBER,
        TakesEffect.NEXT_ANSWER,
        minimum=0.0,
        maximum=5.0,
        step=0.05,
        optional=True,
        unset_label=_PUBLISHER,
    ),
    Field(
        "top_k",
        "Only the best words (top k)",
        "Chooses among this many most likely words; 0 means all of them.",
        ANSWERS,
        FieldKind.INTEGER,
        TakesEffect.NEXT_ANSWER,
        minimum=0,
        maximum=1_000_000,
        step=1,
        optional=True,
        unset_label=_PUBLISHER,
    ),
    Field(
        "top_p",
        "Share of likely words (top p)",
        "Chooses among the most likely words that together have this probability; 1 means all of them.",
        ANSWERS,
        FieldKind.NUMBER,
        TakesEffect.NEXT_ANSWER,
        minimum=0.0,
        maximum=1.0,
        step=0.01,
        optional=True,
        unset_label=_PUBLISHER,
    ),
    Field(
        "min_p",
        "Least likely word (min p)",
        "Leaves out words that are less than this share as likely as the best one; 0 leaves out none.",
        ANSWERS,
        FieldKind.NUMBER,
        TakesEffect.NEXT_ANSWER,
        minimum=0.0,
        maximum=1.0,
        step=0.01,
        optional=True,
        unset_label=_PUBLISHER,
    ),
    Field(
        "repetition_penalty",
        "Against repeating itself",
        "Above 1 the model avoids words it has used already; 1 changes nothing.",
        ANSWERS,
        FieldKind.NUMBER,
        TakesEffect.NEXT_ANSWER,
        minimum=0.05,
        maximum=10.0,
        step=0.05,
        optional=True,
        unset_label=_PUBLISHER,
    ),
    Field(
        "seed",
        "Seed",
        "With the same number, the same question to the same model gives the same answer.",
        ANSWERS,
        FieldKind.INTEGER,
        TakesEffect.NEXT_ANSWER,
        minimum=0,
        maximum=2**63 - 1,
        step=1,
        optional=True,
        unset_label="A new one each time",
    ),
)


def field_of(key: str) -> Field:
    """Return the field of a key; raises KeyError."""
    for field in FIELDS:
        if field.key == key:
            return field
    raise KeyError(key)


def sampling_from(settings: Settings) -> Sampling:
    """Return how the next token is chosen under these settings."""
    return Sampling(
        temperature=settings.temperature,
        top_k=settings.top_k,
        top_p=settings.top_p,
        min_p=settings.min_p,
        repetition_penalty=settings.repetition_penalty,
        seed=settings.seed,
        maximum_tokens=settings.maximum_tokens,
    )


def budgets_from(settings: Settings) -> TierBudgets:
    """Return how much memory conversations may take under these settings."""
    return TierBudgets(
        device_bytes=_bytes(settings.warm_gpu_gib),
        ram_bytes=_bytes(settings.warm_ram_gib),
        disk_bytes=_bytes(settings.warm_disk_gib),
    )


def _bytes(gib: float | None) -> int | None:
    return None if gib is None else int(gib * GIB)
