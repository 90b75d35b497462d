"""The settings of the window and of the list of conversations."""

from app.language import mark
from app.settings.field import GENERAL, Choice, Field, FieldKind, TakesEffect
from app.settings.values import Language, ReadAloud, Theme

WINDOW_FIELDS: tuple[Field, ...] = (
    Field(
        "theme",
        mark("Colours"),
        mark("Light, dark, or the same as the rest of your desktop."),
        GENERAL,
        FieldKind.CHOICE,
        choices=(
            Choice(Theme.SYSTEM, mark("Same as the desktop")),
            Choice(Theme.LIGHT, mark("Light")),
            Choice(Theme.DARK, mark("Dark")),
        ),
    ),
    Field(
        "language",
        mark("Language"),
        mark("The language of menus, buttons and messages. Models answer in the language they are asked in."),
        GENERAL,
        FieldKind.CHOICE,
        TakesEffect.AFTER_RESTART,
        choices=(
            Choice(Language.SYSTEM, mark("Same as the desktop")),
            Choice(Language.ENGLISH, "English"),
            Choice(Language.GERMAN, "Deutsch"),
        ),
    ),
    Field(
        "text_size_px",
        mark("Text size"),
        mark("Size of the text in conversations, in pixels. Menus, buttons and lists follow it up to 16."),
        GENERAL,
        FieldKind.INTEGER,
        minimum=10,
        maximum=32,
        step=1,
    ),
    Field(
        "show_statistics",
        mark("Show numbers under answers"),
        mark(
            "One quiet line under each answer: the model, its speed, and how much of the conversation was read again."
        ),
        GENERAL,
        FieldKind.SWITCH,
    ),
    Field(
        "write_titles",
        mark("Let the model write titles"),
        mark(
            "After the first answer the model finds a short title for the conversation, while nothing else is "
            "to be done."
        ),
        GENERAL,
        FieldKind.SWITCH,
    ),
    Field(
        "notify",
        mark("Tell when an answer is there"),
        mark("While another window is in front, the desktop says which conversation was answered, but not what."),
        GENERAL,
        FieldKind.SWITCH,
    ),
    Field(
        "read_aloud",
        mark("What a screen reader says of answers"),
        mark("What is read by itself, wherever the keyboard is. Failures are always said."),
        GENERAL,
        FieldKind.CHOICE,
        choices=(
            Choice(ReadAloud.FINISHED, mark("That they begin, and how the finished one begins")),
            Choice(ReadAloud.PARAGRAPHS, mark("All of it, paragraph by paragraph")),
            Choice(ReadAloud.NOTHING, mark("Nothing")),
        ),
    ),
    Field(
        "keys",
        mark("Keyboard shortcuts"),
        mark("Each action of the menus may have the keys that you like best."),
        GENERAL,
        FieldKind.KEYS,
    ),
)
