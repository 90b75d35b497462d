"""Every action of the window in one table: its name, words, usual key, and its place in the menus.

A new action is one line here and one line that connects it (``window.actions_by_name.<name>.triggered``).
"""

from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtGui import QAction

from app.language import mark
from app.settings.values import Theme as ThemeChoice
from engine.api.commands import WhenFull
from engine.api.sampling import ThinkingChoice


class Need(StrEnum):
    """What has to be there before an action can be done."""

    CONVERSATION = "conversation"
    ANSWER = "answer"
    QUESTION = "question"
    IDLE = "idle"
    BUSY = "busy"
    MODEL = "model"
    MODEL_OR_LOAD = "model_or_load"


class Group(StrEnum):
    """Actions of which exactly one is chosen."""

    THEME = "theme"
    WHEN_FULL = "when_full"
    THINKING = "thinking"


@dataclass(frozen=True)
class ActionRow:
    """One action. The first key is the one that is shown and can be changed; is_fixed: the system's own, it can't.

    words end with an ellipsis where more has to be said before anything is done (a file, what to look for), and not
    where a page or window is shown, or something is written in its place.

    is_in_chat: what it does is seen in the conversation, which is shown first where another page is.
    """

    name: str
    words: str
    keys: tuple[str, ...] | str = ()
    needs: tuple[Need, ...] = ()
    is_checkable: bool = False
    is_checked: bool = False
    is_fixed: bool = False
    is_in_chat: bool = False
    group: Group | None = None
    value: object = None
    role: QAction.MenuRole = QAction.MenuRole.NoRole

    @property
    def all_keys(self) -> tuple[str, ...]:
        """The usual keys, the shown one first."""
        return (self.keys,) if isinstance(self.keys, str) else self.keys


@dataclass(frozen=True)
class MenuRow:
    """A menu with its entries in order; None draws a line."""

    name: str
    words: str
    entries: "tuple[ActionRow | MenuRow | None, ...]"


_WHEN_FULL = MenuRow(
    "when_full",
    mark("When the conversation is &full"),
    (
        ActionRow("when_full_settings", mark("As in the &settings"), needs=(Need.CONVERSATION,), group=Group.WHEN_FULL),
        ActionRow(
            "when_full_roll",
            mark("&Leave out the oldest messages"),
            needs=(Need.CONVERSATION,),
            group=Group.WHEN_FULL,
            value=WhenFull.ROLL,
        ),
        ActionRow(
            "when_full_stop",
            mark("S&top and say so"),
            needs=(Need.CONVERSATION,),
            group=Group.WHEN_FULL,
            value=WhenFull.STOP,
        ),
    ),
)

# Each is understood by itself, as in the palette; those that the model doesn't have are not shown.
_THINKING = MenuRow(
    "thinking",
    mark("Thin&king"),
    (
        ActionRow("think_as_model", mark("Leave thinking to the mo&del"), group=Group.THINKING),
        ActionRow("think_off", mark("Answer with&out thinking"), group=Group.THINKING, value=ThinkingChoice.OFF),
        ActionRow("think_on", mark("&Think before answering"), group=Group.THINKING, value=ThinkingChoice.ON),
        ActionRow("think_low", mark("Think before answering: &low"), group=Group.THINKING, value=ThinkingChoice.LOW),
        ActionRow(
            "think_medium", mark("Think before answering: &medium"), group=Group.THINKING, value=ThinkingChoice.MEDIUM
        ),
        ActionRow("think_high", mark("Think before answering: &high"), group=Group.THINKING, value=ThinkingChoice.HIGH),
    ),
)
_EXPORT = MenuRow(
    "export",
    mark("&Export"),
    (
        ActionRow("export_markdown", mark("This conversation as &Markdown…"), needs=(Need.CONVERSATION,)),
        ActionRow("export_json", mark("This conversation as &JSON…"), needs=(Need.CONVERSATION,)),
        None,
        ActionRow("export_all", mark("&All conversations…")),
    ),
)
FILE = MenuRow(
    "file",
    mark("&File"),
    (
        ActionRow("new", mark("&New conversation"), "Ctrl+N"),
        ActionRow("new_private", mark("New &private conversation"), "Ctrl+Shift+N"),
        ActionRow("new_folder", mark("New &folder")),
        None,
        ActionRow("search", mark("Searc&h everything…"), "Ctrl+K"),
        None,
        ActionRow("rename", mark("&Rename conversation"), needs=(Need.CONVERSATION,)),
        ActionRow("pin", mark("P&in conversation"), needs=(Need.CONVERSATION,), is_checkable=True),
        ActionRow("duplicate", mark("Dupli&cate conversation"), needs=(Need.CONVERSATION,)),
        ActionRow("delete", mark("&Delete conversation"), needs=(Need.CONVERSATION,)),
        None,
        ActionRow("import_conversations", mark("I&mport…")),
        _EXPORT,
        None,
        ActionRow("settings", mark("&Settings"), "Ctrl+,", role=QAction.MenuRole.PreferencesRole),
        None,
        ActionRow("quit", mark("&Quit"), "Ctrl+Q", role=QAction.MenuRole.QuitRole),
    ),
)
EDIT = MenuRow(
    "edit",
    mark("&Edit"),
    (
        ActionRow("undo", mark("&Undo"), "Ctrl+Z", is_fixed=True),
        ActionRow("redo", mark("&Redo"), "Ctrl+Shift+Z", is_fixed=True),
        None,
        ActionRow("cut", mark("Cu&t"), "Ctrl+X", is_fixed=True),
        ActionRow("copy", mark("&Copy"), "Ctrl+C", is_fixed=True),
        ActionRow("paste", mark("&Paste"), "Ctrl+V", is_fixed=True),
        ActionRow("copy_markdown", mark("Copy as &Markdown"), "Ctrl+Alt+C"),
        ActionRow("select_all", mark("Select &all"), "Ctrl+A", is_fixed=True),
        None,
        ActionRow("older_text", mark("&Earlier message of yours"), "Alt+Up", is_in_chat=True),
        ActionRow("newer_text", mark("&Later message of yours"), "Alt+Down", is_in_chat=True),
        None,
        ActionRow("find", mark("&Find in conversation…"), "Ctrl+F", needs=(Need.QUESTION,), is_in_chat=True),
        ActionRow("find_next", mark("Find &next"), "F3", needs=(Need.QUESTION,), is_in_chat=True),
        ActionRow("find_previous", mark("Find pre&vious"), "Shift+F3", needs=(Need.QUESTION,), is_in_chat=True),
    ),
)
CONVERSATION = MenuRow(
    "conversation",
    mark("&Conversation"),
    (
        ActionRow("attach", mark("&Attach files…"), "Ctrl+Shift+A", is_in_chat=True),
        _THINKING,
        ActionRow("conversation_settings", mark("Conversa&tion settings"), "Ctrl+Shift+I"),
        None,
        ActionRow("copy_answer", mark("&Copy last answer"), "Ctrl+Shift+C", (Need.ANSWER,)),
        ActionRow("regenerate", mark("Answer a&gain"), "Ctrl+R", (Need.QUESTION, Need.IDLE), is_in_chat=True),
        ActionRow("edit_last", mark("&Edit last message"), needs=(Need.QUESTION, Need.IDLE), is_in_chat=True),
        ActionRow("branch", mark("&Branch into a new conversation"), needs=(Need.ANSWER, Need.IDLE)),
        None,
        # About the message that the keyboard is at, else the last one: conversation_actions.py.
        ActionRow("copy_message", mark("Copy &message")),
        ActionRow("edit_message", mark("Ed&it message"), is_in_chat=True),
        MenuRow("regenerate_with", mark("Answer again &with"), ()),
        ActionRow("continue_answer", mark("C&ontinue the answer"), is_in_chat=True),
        ActionRow("previous_version", mark("&Previous version"), "Alt+Left", is_in_chat=True),
        ActionRow("next_version", mark("&Next version"), "Alt+Right", is_in_chat=True),
        ActionRow("about_answer", mark("Abo&ut this answer"), is_in_chat=True),
        ActionRow("show_prompt", mark("Show the e&xact prompt")),
        ActionRow("delete_message", mark("&Delete message"), is_in_chat=True),
        None,
        ActionRow("answer_now", mark("Answe&r now"), "Ctrl+Shift+Return", (Need.BUSY,)),
        ActionRow("stop", mark("&Stop the answer"), "Esc", (Need.BUSY,), is_fixed=True),
        None,
        _WHEN_FULL,
    ),
)
MODEL = MenuRow(
    "model",
    mark("&Model"),
    (
        ActionRow("choose_model", mark("&Choose a model"), "Ctrl+L"),
        ActionRow("models", mark("&Models"), "Ctrl+Shift+L"),
        None,
        ActionRow("open_folder", mark("Open a model's &folder…")),
        ActionRow("open_file", mark("Open a &GGUF file…")),
        None,
        ActionRow("model_settings", mark("&Settings for this model"), needs=(Need.MODEL,)),
        ActionRow("reload", mark("&Reload"), needs=(Need.MODEL,)),
        ActionRow("unload", mark("&Unload"), needs=(Need.MODEL_OR_LOAD,)),
    ),
)
VIEW = MenuRow(
    "view",
    mark("&View"),
    (
        ActionRow("sidebar", mark("&Sidebar"), "Ctrl+B", is_checkable=True, is_checked=True),
        ActionRow("newest", mark("Go to the &newest message"), "Ctrl+End", is_in_chat=True),
        ActionRow("next_conversation", mark("Ne&xt conversation"), ("Ctrl+PgDown", "Ctrl+Tab")),
        ActionRow("previous_conversation", mark("&Previous conversation"), ("Ctrl+PgUp", "Ctrl+Shift+Tab")),
        ActionRow("next_area", mark("Next &area of the window"), "F6"),
        ActionRow("previous_area", mark("Pre&vious area of the window"), "Shift+F6"),
        None,
        ActionRow("larger", mark("&Larger text"), ("Ctrl++", "Ctrl+=")),
        ActionRow("smaller", mark("S&maller text"), "Ctrl+-"),
        ActionRow("usual_size", mark("&Usual text size"), "Ctrl+0"),
        ActionRow("full_screen", mark("&Full screen"), "F11", is_checkable=True),
        None,
        ActionRow("memory", mark("C&onversation memory"), "Ctrl+Shift+M"),
        None,
        ActionRow("theme_system", mark("&Colours of the desktop"), group=Group.THEME, value=ThemeChoice.SYSTEM),
        ActionRow("theme_light", mark("L&ight"), group=Group.THEME, value=ThemeChoice.LIGHT),
        ActionRow("theme_dark", mark("&Dark"), group=Group.THEME, value=ThemeChoice.DARK),
    ),
)
HELP = MenuRow(
    "help",
    mark("&Help"),
    (
        ActionRow("keys", mark("&Keyboard shortcuts"), "Ctrl+/"),
        ActionRow("report", mark("&Report a problem…")),
        ActionRow("licences", mark("&Licences")),
        ActionRow("about", mark("&About Hearth"), role=QAction.MenuRole.AboutRole),
    ),
)
MENUS: tuple[MenuRow, ...] = (FILE, EDIT, CONVERSATION, MODEL, VIEW, HELP)


def rows_of(menu: MenuRow) -> list[ActionRow]:
    """Return the actions of a menu and of those inside it, in order."""
    rows: list[ActionRow] = []
    for entry in menu.entries:
        if isinstance(entry, MenuRow):
            rows += rows_of(entry)
        elif entry is not None:
            rows.append(entry)
    return rows


ROWS: dict[str, ActionRow] = {row.name: row for menu in MENUS for row in rows_of(menu)}
