from PySide6.QtWidgets import QSystemTrayIcon
from pytestqt.qtbot import QtBot

from app.widgets.window.tray import Tray, _line
from tests.app.widgets.conftest import Shown


def test_without_a_tray_nothing_is_shown_and_nothing_breaks(qtbot: QtBot, shown: Shown) -> None:
    assert not QSystemTrayIcon.isSystemTrayAvailable()
    tray = Tray(shown.window.actions_by_name, shown.window)
    tray.set_wanted(True)
    tray.tell(("c", "Boats", "The answer is there."))
    assert tray.icon is None
    tray.set_wanted(False)


def test_the_icon_and_what_it_says_lead_back_to_the_window(qtbot: QtBot, shown: Shown) -> None:
    tray = Tray(shown.window.actions_by_name, shown.window)
    raised: list[object] = []
    tray.raise_requested.connect(raised.append)
    icon = tray._build()  # as on a desktop with a tray
    tray.icon = icon
    tray.tell(("c7", "<b>Boats</b> & more", "The answer is there."))
    icon.messageClicked.emit()
    icon.activated.emit(QSystemTrayIcon.ActivationReason.Trigger)
    icon.activated.emit(QSystemTrayIcon.ActivationReason.Context)
    assert raised == ["c7", ""]
    assert [action.text() for action in icon.contextMenu().actions() if action.text()] == [
        "Show Hearth",
        "&New conversation",
        "&Quit",
    ]
    tray.set_wanted(False)
    assert tray.icon is None


def test_what_the_desktop_is_told_is_one_line_without_markup() -> None:
    assert _line("<b>Boats</b>\n&amp; more") == "‹b›Boats‹/b› +amp; more"
    assert len(_line("x" * 500)) == 80
