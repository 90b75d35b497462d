"""The windows beside the window: settings, memory, keys, about, and the questions before something is done."""

from PySide6.QtCore import QObject, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QWidget

from app.licences import Component
from app.models.checkpoint_list_model import CheckpointListModel
from app.models.conversation_list_model import ConversationListModel
from app.models.token_state import TokenState
from app.problem_report import issue_page
from app.settings.schema import Settings
from app.widgets.actions.keys_dialog import KeysDialog
from app.widgets.actions.shortcuts import Shortcuts
from app.widgets.basics.theme import Theme
from app.widgets.dialogs.about_dialog import AboutDialog
from app.widgets.dialogs.clear_dialog import ClearDialog
from app.widgets.dialogs.licences_dialog import LicencesDialog
from app.widgets.dialogs.link_dialog import LinkDialog
from app.widgets.dialogs.memory_dialog import MemoryDialog
from app.widgets.dialogs.report_dialog import ReportDialog
from app.widgets.models.token_dialog import TokenDialog
from app.widgets.settings.settings_dialog import SettingsDialog
from engine.api.events import WarmthDescribed
from engine.api.hub import ConnectionStep

_PAGES = ("http", "https")


class WindowDialogs(QObject):
    """Opens them without blocking; settings and memory stay open and are made once."""

    setting_changed = Signal(object)  # (key, value)
    setting_reset_requested = Signal(object)  # key
    reload_requested = Signal()
    restart_requested = Signal()
    warmth_requested = Signal()  # show_warmth() is wanted
    forget_requested = Signal(object)  # tuple of conversation ids
    clear_requested = Signal()
    token_requested = Signal()  # the token dialog opens: show_token() is wanted
    token_given = Signal(object)  # (token, whether the keyring is to keep it)
    token_removed = Signal()
    keys_requested = Signal()  # the list of keys is wanted
    report_requested = Signal(object)  # what a notice says about a problem: show_report() is wanted
    licences_requested = Signal()  # show_licences() is wanted
    connection_check_requested = Signal()  # show_connection() is wanted

    def __init__(
        self,
        settings: Settings,
        conversations: ConversationListModel,
        checkpoints: CheckpointListModel,
        theme: Theme,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._parent = parent
        self._settings = settings
        self._conversations = conversations
        self._checkpoints = checkpoints
        self._theme = theme
        self._known: WarmthDescribed | None = None
        self._has_model = False
        self._settings_dialog: SettingsDialog | None = None
        self._memory_dialog: MemoryDialog | None = None
        self._report: ReportDialog | None = None
        self._licences: LicencesDialog | None = None
        self._steps: tuple[ConnectionStep, ...] | None = ()
        self._token: TokenDialog | None = None
        self._token_state = TokenState("")

    @property
    def settings_dialog(self) -> SettingsDialog | None:
        """The settings dialog once it was opened."""
        return self._settings_dialog

    def show_settings(self, settings: Settings) -> None:
        """Show other values where the settings are open."""
        self._settings = settings
        if self._settings_dialog is not None:
            self._settings_dialog.show_settings(settings)

    @property
    def memory_dialog(self) -> MemoryDialog | None:
        """The view of the memory for conversations once it was opened."""
        return self._memory_dialog

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme
        if self._memory_dialog is not None:
            self._memory_dialog.set_theme(theme)
        if self._settings_dialog is not None:
            self._settings_dialog.set_theme(theme)

    def set_has_model(self, has_model: bool) -> None:
        """Know whether a model is loaded."""
        self._has_model = has_model
        self.show_warmth(self._known)

    @Slot(object)
    def show_warmth(self, known: WarmthDescribed | None) -> None:
        """Show what is kept of conversations; None while the engine has not said it."""
        self._known = known
        if self._memory_dialog is not None:
            self._memory_dialog.show_warmth(known, has_model=self._has_model)
        if self._settings_dialog is not None:
            self._settings_dialog.memory.show_warmth(known)

    @Slot(object)
    def show_freed(self, freed_bytes: int) -> None:
        """Say where it was asked for what came of forgetting."""
        if self._memory_dialog is not None:
            self._memory_dialog.show_freed(freed_bytes)
        if self._settings_dialog is not None:
            self._settings_dialog.memory.show_freed(freed_bytes)

    def open_memory(self) -> None:
        """Open the view of the memory for conversations, or bring it to the front."""
        if self._memory_dialog is None:
            dialog = MemoryDialog(self._conversations, self._theme, self._parent)
            dialog.forget_requested.connect(self.forget_requested)
            dialog.clear_requested.connect(lambda: self._ask_to_clear(dialog))
            self._memory_dialog = dialog
        self._memory_dialog.show_warmth(self._known, has_model=self._has_model)
        _bring_up(self._memory_dialog)
        self.warmth_requested.emit()

    def open_settings(self) -> None:
        """Open the settings, or bring them to the front."""
        if self._settings_dialog is None:
            dialog = SettingsDialog(self._settings, self._parent, self._theme, self._checkpoints)
            dialog.changed.connect(self.setting_changed)
            dialog.reset_requested.connect(self.setting_reset_requested)
            dialog.reload_requested.connect(self.reload_requested)
            dialog.restart_requested.connect(self.restart_requested)
            dialog.memory.shown_requested.connect(self.open_memory)
            dialog.memory.clear_requested.connect(lambda: self._ask_to_clear(dialog))
            dialog.connection.token_requested.connect(self.open_token)
            dialog.keys_requested.connect(self.keys_requested)
            dialog.connection.check_requested.connect(self.connection_check_requested)
            dialog.connection.show_connection(self._steps)
            self._settings_dialog = dialog
        self._settings_dialog.memory.show_warmth(self._known)
        _bring_up(self._settings_dialog)
        self.warmth_requested.emit()

    def open_setting(self, key: str) -> None:
        """Open the settings at one of them."""
        self.open_settings()
        if self._settings_dialog is not None:
            self._settings_dialog.show_field(key)

    @property
    def token(self) -> TokenDialog:
        """The dialog for the access token, which is made when it is first asked for."""
        if self._token is None:
            self._token = TokenDialog(self._parent)
            self._token.link_activated.connect(self.open_page)
            self._token.token_given.connect(self.token_given)
            self._token.token_removed.connect(self.token_removed)
            self._token.show_state(self._token_state)
        return self._token

    @Slot(object)
    def show_token(self, state: TokenState) -> None:
        """Show what is known about the access token, once that was asked for."""
        self._token_state = state
        if self._token is not None:
            self._token.show_state(state)

    def open_token(self) -> None:
        """Ask for an access token."""
        self.token_requested.emit()
        _bring_up(self.token)

    @Slot(object)
    def show_connection(self, steps: tuple[ConnectionStep, ...] | None) -> None:
        """Show what came of the test of the connection; None while it runs."""
        self._steps = steps
        if self._settings_dialog is not None:
            self._settings_dialog.connection.show_connection(steps)

    @Slot(object)
    def open_page(self, url: object) -> None:
        """Open a page of the Hub in the browser; anything that is no page is left alone."""
        address = QUrl(str(url))
        if address.scheme() in _PAGES:
            QDesktopServices.openUrl(address)

    def open_keys(self, shortcuts: Shortcuts) -> None:
        """List all keys, to be changed."""
        dialog = KeysDialog(shortcuts, self._parent)
        dialog.keys_changed.connect(lambda keys: self.setting_changed.emit(("keys", keys)))
        _open(dialog)

    def open_about(self) -> None:
        """Say what this is."""
        dialog = AboutDialog(self._parent)
        dialog.licences_requested.connect(self.open_licences)
        _open(dialog)

    def open_report(self, details: str = "") -> None:
        """Show what a report of a problem would hold; details is what a notice says about it."""
        dialog = self._report = ReportDialog(issue_page(), self._parent)
        dialog.page_requested.connect(self.ask_about_link)
        dialog.finished.connect(self._on_report_finished)
        _open(dialog)
        self.report_requested.emit(details)

    @property
    def is_reporting(self) -> bool:
        """Whether a report is open."""
        return self._report is not None

    @Slot(object)
    def show_report(self, text: str) -> None:
        """Show what was collected, if the report is still open."""
        if self._report is not None:
            self._report.show_facts(text)

    def open_licences(self) -> None:
        """Say what Hearth is made of."""
        dialog = self._licences = LicencesDialog(self._parent)
        dialog.finished.connect(self._on_licences_finished)
        _open(dialog)
        self.licences_requested.emit()

    @Slot(object)
    def show_licences(self, components: list[Component]) -> None:
        """Show the packages that were found, if the list is still open."""
        if self._licences is not None:
            self._licences.show_components(components)

    @Slot()
    def _on_report_finished(self) -> None:
        self._report = None

    @Slot()
    def _on_licences_finished(self) -> None:
        self._licences = None

    def ask_about_link(self, url: str) -> None:
        """Show a link in full and ask whether to open it."""
        _open(LinkDialog(url, self._parent))

    def _ask_to_clear(self, parent: QWidget) -> None:
        if self._known is not None:
            dialog = ClearDialog(self._known, parent)
            dialog.accepted.connect(self.clear_requested)
            _open(dialog)


def _bring_up(dialog: QDialog) -> None:
    if dialog.isVisible():
        dialog.raise_()
        dialog.activateWindow()
    dialog.show()


def _open(dialog: QDialog) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()
