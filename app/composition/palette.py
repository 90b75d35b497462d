"""The part of the composition root that is about the palette: what it searches, and what choosing something does."""

from PySide6.QtCore import QObject, Slot

from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.conversations.jump_controller import JumpController
from app.controllers.conversations.palette_controller import PaletteController
from app.controllers.store_requests import StoreRequests
from app.conversations.excerpt import marked_words
from app.language import tr
from app.models.amounts import file_size
from app.models.checkpoint_list_model import CheckpointListModel
from app.models.conversation_list_model import ConversationListModel
from app.models.palette_entries import Entry, Kind
from app.models.transcript_model import TranscriptModel
from app.rendering.shown_text import Pattern
from app.settings.schema import FIELDS
from app.widgets.actions.action_table import EDIT, MENUS, rows_of
from app.widgets.basics.foreign_text import without_accelerator
from app.widgets.basics.key_words import key_words
from app.widgets.transcript.found_mark import FoundMark
from app.widgets.transcript.found_words import FoundWords, words_pattern
from app.widgets.window.main_window import MainWindow
from app.widgets.window.palette import Palette

_OWN = "search"


class PaletteParts(QObject):
    """Builds and connects them."""

    def __init__(
        self,
        conversations: ConversationController,
        requests: StoreRequests,
        listed: ConversationListModel,
        checkpoints: CheckpointListModel,
        transcript: TranscriptModel,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._checkpoints = checkpoints
        self._transcript = transcript
        self._found_by: Pattern | None = None
        self.jumps = JumpController(conversations, self)
        self.search = PaletteController(
            listed,
            requests,
            ((Kind.COMMAND, self._commands), (Kind.MODEL, self._models), (Kind.SETTING, _settings)),
            self,
        )

    def connect_window(self, window: MainWindow) -> None:
        """Connect what the window wants and shows."""
        self._window = window
        self.palette = Palette(window.theme, window)
        window.actions_by_name.search.triggered.connect(self._on_search)
        window.sidebar.search_button.follow(window.actions_by_name.search)
        self.palette.opened.connect(self.search.begin)
        self.palette.restyled.connect(self._take_look)
        self.palette.typed.connect(self.search.search)
        self.palette.chosen.connect(self._on_chosen)
        self.search.found.connect(self.palette.set_entries)
        self.jumps.arrived.connect(self._on_arrived)

    def _commands(self) -> list[Entry]:
        """Return what can be done now, with its menu and key; what edits text is meant for where one types."""
        actions = self._window.actions_by_name.by_name
        return [
            Entry(
                Kind.COMMAND,
                row.name,
                f"{without_accelerator(tr(menu.words))}: {without_accelerator(actions[row.name].text())}",
                end=key_words(actions[row.name].shortcut().toString()),
            )
            for menu in MENUS
            if menu is not EDIT
            for row in rows_of(menu)
            if row.name != _OWN and actions[row.name].isEnabled() and actions[row.name].isVisible()
        ]

    def _models(self) -> list[Entry]:
        return [
            Entry(Kind.MODEL, each.reference, each.name, end=file_size(each.size_bytes))
            for each in self._checkpoints.usable()
        ]

    @Slot()
    def _on_search(self) -> None:
        self._take_look()
        self.palette.open()

    @Slot()
    def _take_look(self) -> None:
        self.palette.set_theme(self._window.theme)

    @Slot(object)
    def _on_chosen(self, entry: Entry) -> None:
        window = self._window
        if entry.kind is Kind.CONVERSATION:
            window.open_conversation(entry.key)
        elif entry.kind is Kind.MESSAGE:
            self._found_by = words_pattern(marked_words(entry.detail))
            self.jumps.expect((entry.parent_id, entry.key))
            window.open_conversation(entry.parent_id)
        elif entry.kind is Kind.COMMAND:
            window.actions_by_name.by_name[entry.key].trigger()
        elif entry.kind is Kind.MODEL:
            window.load_requested.emit(entry.key)
        elif entry.kind is Kind.SETTING:
            window.dialogs.open_setting(entry.key)

    @Slot(object)
    def _on_arrived(self, message_id: str) -> None:
        row = self._transcript.row_of(message_id)
        if row is not None:
            view = self._window.page.transcript.view
            FoundMark(view.reveal(row), self._window.theme)
            said = self._transcript.entry(row).message.content
            if self._found_by is not None and self._found_by.search(said):  # else it is in an attached file
                FoundWords(view, row, self._found_by, self._window.theme)


def _settings() -> list[Entry]:
    return [Entry(Kind.SETTING, field.key, tr(field.label), end=tr(field.page)) for field in FIELDS]
