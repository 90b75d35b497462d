"""The settings of the window and of the list of conversations."""

from app.settings.field import GENERAL, Choice, Field, FieldKind
from app.settings.values import Theme

WINDOW_FIELDS: tuple[Field, ...] = (
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
)
