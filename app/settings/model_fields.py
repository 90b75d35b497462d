"""The settings about which model is loaded how, and what it may keep of conversations."""

from app.language import mark
from app.settings.field import MEMORY, MODEL, Choice, Field, FieldKind, TakesEffect
from app.settings.values import MAXIMUM_CONTEXT_TOKENS, MAXIMUM_WARM_GIB
from engine.api.plan import PrecisionChoice


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


MODEL_FIELDS: tuple[Field, ...] = (
    Field(
        "checkpoint",
        mark("Model at start"),
        mark(
            "The model that is loaded when Hearth opens: the built-in one (starter), a name from the Hub, or a folder."
        ),
        MODEL,
        FieldKind.TEXT,
        TakesEffect.AFTER_RESTART,
    ),
    Field(
        "precision",
        mark("Precision"),
        mark(
            "How exactly the model's numbers are kept. Full is closest to what was published. INT8 takes about half "
            "the memory with hardly a difference; INT4 about a third, with slightly worse answers. "
            "Automatic takes the best that fits."
        ),
        MODEL,
        FieldKind.CHOICE,
        TakesEffect.AFTER_RELOAD,
        choices=(
            Choice(PrecisionChoice.AUTO, mark("Automatic (best that fits)")),
            Choice(PrecisionChoice.FP32, mark("Double size (FP32)")),
            Choice(PrecisionChoice.BF16, mark("Full (BF16 or FP16)")),
            Choice(PrecisionChoice.INT8, mark("Half size (INT8)")),
            Choice(PrecisionChoice.INT4, mark("Smallest (INT4)")),
        ),
    ),
    Field(
        "context_tokens",
        mark("Memory for a conversation"),
        mark(
            "How much of a conversation the model can look at, in tokens (about three quarters of a word each). More "
            "takes more memory."
        ),
        MODEL,
        FieldKind.INTEGER,
        TakesEffect.AFTER_RELOAD,
        minimum=256,
        maximum=MAXIMUM_CONTEXT_TOKENS,
        step=1024,
        optional=True,
        unset_label=mark("Automatic (what fits)"),
    ),
    Field(
        "draft_checkpoint",
        mark("Draft model"),
        mark(
            "A small model of the same family that guesses words, which the large one then checks several at a "
            "time: the same answers, often faster, for some more memory. A name from the Hub or a folder; "
            "empty means none."
        ),
        MODEL,
        FieldKind.TEXT,
        TakesEffect.AFTER_RELOAD,
    ),
    Field(
        "compile_model",
        mark("Compile the model"),
        mark(
            "Translates the model for this computer with a compiler, where there is one. Loading takes up to minutes "
            "longer, and it isn't always faster: the command “hearth bench rivals” tells. Nearly the same answers."
        ),
        MODEL,
        FieldKind.SWITCH,
        TakesEffect.AFTER_RELOAD,
    ),
    Field(
        "checkpoint_folders",
        mark("Folders with models"),
        mark("More folders on this computer in which Hearth looks for models."),
        MODEL,
        FieldKind.FOLDERS,
    ),
    _warm_field(
        "warm_gpu_gib",
        mark("GPU memory for warm conversations (GiB)"),
        mark(
            "Other conversations beside the open one stay on the graphics card, where going back costs no "
            "time; 0 keeps none there."
        ),
        mark("Automatic (if there is a card)"),
    ),
    _warm_field(
        "warm_ram_gib",
        mark("RAM for warm conversations (GiB)"),
        mark("What the model has read stays in main memory, and is copied back when you return; 0 keeps none there."),
        mark("Automatic (up to 4 GiB)"),
    ),
    _warm_field(
        "warm_disk_gib",
        mark("Disk for warm conversations (GiB)"),
        mark(
            "What the model has read is kept on disk, so that conversations stay warm over a restart; 0 keeps "
            "none there."
        ),
        mark("Automatic (4 GiB)"),
    ),
)
