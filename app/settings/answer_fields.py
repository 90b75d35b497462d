"""The settings about how answers are written."""

from app.language import mark
from app.settings.field import ANSWERS, Choice, Field, FieldKind, TakesEffect
from app.settings.values import MAXIMUM_CONTEXT_TOKENS
from engine.api.commands import WhenFull
from engine.api.sampling import ThinkingChoice

_PUBLISHER = mark("Publisher's choice")


ANSWER_FIELDS: tuple[Field, ...] = (
    Field(
        "system_prompt",
        mark("Instructions for new conversations"),
        mark("What the model is told before you say anything, such as who it should be or how it should write."),
        ANSWERS,
        FieldKind.LONG_TEXT,
    ),
    Field(
        "when_full",
        mark("When a conversation is full"),
        mark(
            "What happens when a conversation gets longer than what the model can hold. Messages that are left "
            "out stay on screen, and a line marks where the model begins to read. Each conversation may have "
            "its own choice."
        ),
        ANSWERS,
        FieldKind.CHOICE,
        TakesEffect.NEXT_ANSWER,
        choices=(
            Choice(WhenFull.ROLL, mark("Leave out the oldest messages")),
            Choice(WhenFull.STOP, mark("Stop and say so")),
        ),
    ),
    Field(
        "thinking",
        mark("Thinking"),
        mark(
            "Whether the model thinks before it answers, and how much. Thinking takes time, and makes answers to hard "
            "questions better. Models that have no switch for it go on as they are."
        ),
        ANSWERS,
        FieldKind.CHOICE,
        TakesEffect.NEXT_ANSWER,
        choices=(
            Choice(ThinkingChoice.OFF, mark("Off")),
            Choice(ThinkingChoice.ON, mark("On")),
            Choice(ThinkingChoice.LOW, mark("Low")),
            Choice(ThinkingChoice.MEDIUM, mark("Medium")),
            Choice(ThinkingChoice.HIGH, mark("High")),
        ),
        optional=True,
        unset_label=mark("Automatic (as the model does)"),
    ),
    Field(
        "maximum_tokens",
        mark("Longest answer"),
        mark(
            "An answer stops after this many tokens (about three quarters of a word each), and can then be continued."
        ),
        ANSWERS,
        FieldKind.INTEGER,
        TakesEffect.NEXT_ANSWER,
        minimum=1,
        maximum=MAXIMUM_CONTEXT_TOKENS,
        step=256,
        optional=True,
        unset_label=mark("As long as the model wants"),
    ),
    Field(
        "speculation",
        mark("Guess ahead"),
        mark(
            "Where an answer repeats what was said before, as when a text is edited, several words are guessed "
            "and checked at once. Each word is still the model's own choice, and comes faster; where that "
            "doesn't help, it isn't done."
        ),
        ANSWERS,
        FieldKind.SWITCH,
        TakesEffect.NEXT_ANSWER,
    ),
    Field(
        "temperature",
        mark("Temperature"),
        mark("0 always takes the most likely word; around 0.7 is lively; above 1.5 it soon makes no sense."),
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
        mark("Only the best words (top k)"),
        mark("Chooses among this many most likely words; 0 means all of them."),
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
        mark("Share of likely words (top p)"),
        mark("Chooses among the most likely words that together have this probability; 1 means all of them."),
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
        mark("Least likely word (min p)"),
        mark("Leaves out words that are less than this share as likely as the best one; 0 leaves out none."),
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
        mark("Against repeating itself"),
        mark("Above 1 the model avoids words it has used already; 1 changes nothing."),
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
        mark("Seed"),
        mark("With the same number, the same question to the same model gives the same answer."),
        ANSWERS,
        FieldKind.INTEGER,
        TakesEffect.NEXT_ANSWER,
        minimum=0,
        maximum=2**63 - 1,
        step=1,
        optional=True,
        unset_label=mark("A new one each time"),
    ),
)
