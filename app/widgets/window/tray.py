"""The icon in the desktop's tray, through which Hearth can say something while another window is in front."""

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QMenu, QSystemTrayIcon, QWidget

from app.bidi import without_controls
from app.language import tr
from app.widgets.actions.window_actions import WindowActions
from app.widgets.basics.icons import app_icon
from app.widgets.basics.mirrored_style import Menu

_SHOWN_CHARACTERS = 80


class Tray(QObject):
    """Is there only where the desktop has a tray and the user wants it; without one nothing is said."""

    raise_requested = Signal(object)  # conversation id, "" for none

    def __init__(self, actions: WindowActions, parent: QWidget) -> None:
        super().__init__(parent)
        self._actions = actions
        self._parent = parent
        self._told_id = ""
        self.icon: QSystemTrayIcon | None = None

    def set_wanted(self, is_wanted: bool) -> None:
        """Show the icon, or take it away."""
        if is_wanted and self.icon is None and QSystemTrayIcon.isSystemTrayAvailable():
            self.icon = self._build()
            self.icon.show()
        elif not is_wanted and self.icon is not None:
            self.icon.hide()
            self.icon.contextMenu().deleteLater()
            self.icon.deleteLater()
            self.icon = None

    @Slot(object)
    def tell(self, told: tuple[str, str, str]) -> None:
        """Say that something happened in a conversation: (its id, its title, a sentence)."""
        self._told_id, title, sentence = told
        if self.icon is not None and QSystemTrayIcon.supportsMessages():
            self.icon.showMessage(_line(title), sentence, app_icon())

    def build_menu(self) -> QMenu:
        """Return what the icon offers."""
        menu = Menu(self._parent)
        menu.addAction(tr("Show Hearth"), self._on_show)
        menu.addAction(self._actions.new)
        menu.addSeparator()
        menu.addAction(self._actions.quit)
        return menu

    def _build(self) -> QSystemTrayIcon:
        icon = QSystemTrayIcon(app_icon(), self)
        icon.setToolTip("Hearth")
        icon.setContextMenu(self.build_menu())
        icon.activated.connect(self._on_activated)
        icon.messageClicked.connect(self._on_message_clicked)
        return icon

    @Slot()
    def _on_show(self) -> None:
        self.raise_requested.emit("")

    @Slot(QSystemTrayIcon.ActivationReason)
    def _on_activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason is not QSystemTrayIcon.ActivationReason.Context:
            self.raise_requested.emit("")

    @Slot()
    def _on_message_clicked(self) -> None:
        self.raise_requested.emit(self._told_id)


def _line(text: str) -> str:
    """Return a title as one line without markup: some desktops read tags in what they are told."""
    line = " ".join(without_controls(text).replace("<", "‹").replace(">", "›").replace("&", "+").split())
    return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1] + "…"
