"""The windows beside the window: settings, keys, about, and the question before a link is opened."""

from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDialog, QWidget

from app.settings.schema import Settings
from app.widgets.about_dialog import AboutDialog
from app.widgets.keys_dialog import KeysDialog
from app.widgets.link_dialog import LinkDialog
from app.widgets.settings_dialog import SettingsDialog


class WindowDialogs(QObject):
    """Opens them without blocking; the settings stay open and are made once."""

    setting_changed = Signal(object)  # (key, value)
    setting_reset_requested = Signal(object)  # key
    reload_requested = Signal()

    def __init__(self, settings: Settings, parent: QWidget) -> None:
        super().__init__(parent)
        self._parent = parent
        self._settings = settings
        self._settings_dialog: SettingsDialog | None = None

    @property
    def settings_dialog(self) -> SettingsDialog | None:
        """The settings dialog once it was opened."""
        return self._settings_dialog

    def show_settings(self, settings: Settings) -> None:
        """Show other values where the settings are open."""
        self._settings = settings
        if self._settings_dialog is not None:
            self._settings_dialog.show_settings(settings)

    def open_settings(self) -> None:
        """Open the settings, or bring them to the front."""
        if self._settings_dialog is None:
            dialog = SettingsDialog(self._settings, self._parent)
            dialog.changed.connect(self.setting_changed)
            dialog.reset_requested.connect(self.setting_reset_requested)
            dialog.reload_requested.connect(self.reload_requested)
            self._settings_dialog = dialog
        if self._settings_dialog.isVisible():
            self._settings_dialog.raise_()
            self._settings_dialog.activateWindow()
        self._settings_dialog.show()

    def open_keys(self, actions: Sequence[QAction]) -> None:
        """List all keys."""
        _open(KeysDialog(actions, self._parent))

    def open_about(self) -> None:
        """Say what this is."""
        _open(AboutDialog(self._parent))

    def ask_about_link(self, url: str) -> None:
        """Show a link in full and ask whether to open it."""
        _open(LinkDialog(url, self._parent))


def _open(dialog: QDialog) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()
