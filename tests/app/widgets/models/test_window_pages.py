from dataclasses import replace

import msgspec
import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.models.checkpoint_list_model import CheckpointListModel
from app.models.conversation_list_model import ConversationListModel
from app.models.download_list_model import DownloadListModel
from app.models.hub_result_list_model import HubResultListModel
from app.models.hub_rows import DownloadState
from app.models.notice import Notice, Severity
from app.models.transcript_model import TranscriptModel
from app.settings.schema import Settings
from app.widgets.basics.icon_button import IconButton
from app.widgets.basics.theme import LIGHT, Theme, theme_for
from app.widgets.models.connection_row import ConnectionRow
from app.widgets.settings.setting_controls import PathControl
from app.widgets.window.main_window import MainWindow
from tests.app.widgets.demo_conversation import conversations
from tests.app.widgets.models import demo_hub

LEFT = Qt.MouseButton.LeftButton
CONTROL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def downloads() -> DownloadListModel:
    """A list of downloads."""
    return DownloadListModel()


@pytest.fixture
def window(qtbot: QtBot, theme: Theme, downloads: DownloadListModel) -> MainWindow:
    """An open window with conversations and models."""
    listed, checkpoints = ConversationListModel(clock=lambda: demo_hub.NOW), CheckpointListModel()
    listed.set_conversations(conversations())
    checkpoints.set_checkpoints(demo_hub.LOCAL)
    made = MainWindow(TranscriptModel(), listed, checkpoints, results=HubResultListModel(), downloads=downloads)
    qtbot.addWidget(made)
    for model in (listed, checkpoints):
        model.setParent(made)
    with qtbot.waitExposed(made):
        made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


def test_the_key_shows_the_models_and_esc_goes_back(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.keyClick(window, Qt.Key.Key_L, CONTROL_SHIFT)
    assert window.pages.models.isVisible()
    assert window.pages.models.finder.search.line.hasFocus()
    qtbot.keyClick(window.pages.models.finder.search.line, Qt.Key.Key_Escape)
    assert window.page.isVisible()
    assert window.page.composer.editor.hasFocus()


def test_the_model_menu_leads_to_more_and_lists_whole_models_only(window: MainWindow) -> None:
    menu = window.model_button.build_menu()
    words = [action.text().partition("\t")[0] for action in menu.actions() if action.text()]
    assert demo_hub.LOCAL[2].name not in words
    assert demo_hub.LOCAL[1].name in words
    assert words[-1] == "Find more models"
    menu.actions()[-1].trigger()
    assert window.pages.models.isVisible()


@pytest.mark.parametrize("way", ["new", "new_private"])
def test_a_new_conversation_goes_back_to_the_chat(window: MainWindow, way: str) -> None:
    window.show_models()
    getattr(window.actions_by_name, way).trigger()
    assert window.page.isVisible()
    assert window.page.composer.editor.hasFocus()


def test_a_chosen_conversation_goes_back_to_the_chat(qtbot: QtBot, window: MainWindow) -> None:
    window.show_models()
    rows = window.sidebar.list
    qtbot.mouseClick(rows.viewport(), LEFT, pos=rows.visualRect(rows.model().index(1, 0)).center())
    assert window.page.isVisible()


def test_the_first_start_has_the_window_to_itself(window: MainWindow) -> None:
    window.show_first_start(True)
    assert window.first_start.isVisible()
    assert not window.sidebar.isVisible()
    window.show_first_start(False)
    assert window.page.isVisible()
    assert window.sidebar.isVisible()
    window.actions_by_name.sidebar.setChecked(False)
    window.show_first_start(True)
    window.show_chat()
    assert not window.sidebar.isVisible()


def test_downloads_are_seen_from_the_chat(qtbot: QtBot, window: MainWindow, downloads: DownloadListModel) -> None:
    indicator = window.download_indicator
    assert not indicator.isVisible()
    running = demo_hub.DOWNLOADS[0]
    downloads.set_rows([running])
    assert indicator.text() == "42 %"
    assert "84 MB/s" in indicator.accessibleDescription()
    downloads.put(replace(running, state=DownloadState.FAILED, error=demo_hub.NO_NETWORK))
    assert indicator.text() == "Stopped"
    qtbot.mouseClick(indicator, LEFT)
    assert window.pages.models.downloads.isVisible()
    downloads.put(replace(running, state=DownloadState.FINISHED))
    assert not indicator.isVisible()


def test_notices_are_seen_on_every_page(qtbot: QtBot, window: MainWindow) -> None:
    window.show_models()
    window.show_notice(
        Notice(key="k", text="It failed.", severity=Severity.ERROR, action="Try again", action_key="again")
    )
    assert window.isActiveWindow()  # nothing was shown as a window of its own
    for show in (window.show_chat, window.show_models, lambda: window.show_first_start(True), window.show_chat):
        show()
        QApplication.processEvents()
        (row,) = window.page.notices.rows
        assert row.isVisible()
        assert window.rect().contains(row.mapTo(window, row.rect().bottomRight()))
    window.show_models()
    row.action_button.setFocus()
    with qtbot.waitSignal(window.notice_action_requested) as asked:
        qtbot.mouseClick(row.action_button, LEFT)
    assert asked.args == ["again"]
    notices = window.page.notices
    assert not notices.isVisible()
    focused = QApplication.focusWidget()
    assert focused is not None
    assert window.pages.models.isAncestorOf(focused)
    window.show_chat()
    assert not notices.isVisible()


def test_the_token_dialog_opens_from_everywhere(qtbot: QtBot, window: MainWindow) -> None:
    for ask in (window.pages.models.token_requested, window.first_start.token_requested):
        with qtbot.waitSignal(window.dialogs.token_requested):
            ask.emit()
        assert window.dialogs.token.isVisible()
        window.dialogs.token.close()
    window.open_settings()
    settings = window.dialogs.settings_dialog
    assert settings is not None
    settings.pages.setCurrentRow(4)
    with qtbot.waitSignal(window.dialogs.token_requested):
        qtbot.mouseClick(settings.connection.token_button, LEFT)
    window.dialogs.token.close()
    settings.close()


def test_the_connection_is_tested_in_the_settings(qtbot: QtBot, window: MainWindow) -> None:
    window.open_settings()
    settings = window.dialogs.settings_dialog
    assert settings is not None
    assert not settings.connection.isVisible()
    settings.search.setText("test connection")
    assert settings.connection.isVisible()
    with qtbot.waitSignal(window.dialogs.connection_check_requested):
        qtbot.mouseClick(settings.connection.test_button, LEFT)
    assert settings.connection.status.isVisible()
    assert not settings.connection.test_button.isEnabled()
    window.dialogs.show_connection(demo_hub.STEPS)
    assert settings.connection.steps == demo_hub.STEPS
    assert settings.connection.test_button.isEnabled()
    assert not settings.connection.status.isVisible()
    settings.close()


def test_each_step_of_the_connection_has_its_icon_at_its_first_line(qtbot: QtBot, window: MainWindow) -> None:
    long = msgspec.structs.replace(demo_hub.STEPS[0], words="A sentence that goes on and on. " * 12)
    row = ConnectionRow(LIGHT)
    qtbot.addWidget(row)
    row.resize(360, 300)
    row.show_connection((demo_hub.STEPS[0], long))
    row.show()
    icons = [label for label in row.findChildren(QLabel) if label.accessibleName()]
    words = [label for label in row.findChildren(QLabel) if "found" in label.text() or "on and on" in label.text()]
    assert words[1].height() > 2 * words[0].height()
    assert [icon.y() for icon in icons] == [label.y() for label in words]
    assert all(icon.height() == label.fontMetrics().lineSpacing() for icon, label in zip(icons, words, strict=True))


def test_paths_are_typed_or_chosen(qtbot: QtBot, window: MainWindow) -> None:
    window.open_settings()
    settings = window.dialogs.settings_dialog
    assert settings is not None
    for key, path in (("hub_certificates", "/etc/ca.pem"), ("hub_cache", "/data/hub")):
        control = settings.row(key).control
        assert isinstance(control, PathControl)
        with qtbot.waitSignal(settings.changed) as changed:
            control.take_path(path)
        assert changed.args == [(key, path)]
        line = control.widget.findChild(QLineEdit)
        assert isinstance(line, QLineEdit)
        line.clear()
        with qtbot.waitSignal(settings.changed) as changed:
            qtbot.keyClick(line, Qt.Key.Key_Return)
        assert changed.args == [(key, "")]
        choose = control.widget.findChild(QPushButton)
        assert isinstance(choose, QPushButton)
        choose.click()
        dialog = QApplication.activeModalWidget()
        assert dialog is not None
        dialog.close()
    settings.close()


def test_only_pages_are_opened_in_the_browser(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    for url in ("https://huggingface.co/x", "file:///etc/passwd", "javascript:alert(1)", "http://mirror.example/x"):
        window.pages.models.link_activated.emit(url)
    assert [url.toString() for url in opened] == ["https://huggingface.co/x", "http://mirror.example/x"]


def test_enter_presses_the_button_that_has_the_keyboard(qtbot: QtBot, window: MainWindow) -> None:
    window.show_first_start(True)
    page = window.first_start
    page.set_recommendations(demo_hub.RECOMMENDATIONS)
    page.accept_button.setFocus()
    with qtbot.waitSignal(page.recommended_accepted):
        qtbot.keyClick(page.accept_button, Qt.Key.Key_Return)
    page.cards[1].setFocus()
    qtbot.keyClick(page.cards[1], Qt.Key.Key_Enter)
    assert page.chosen == demo_hub.RECOMMENDATIONS[1]
    window.show_models()
    window.pages.models.back_button.setFocus()
    qtbot.keyClick(window.pages.models.back_button, Qt.Key.Key_Return)
    assert window.page.isVisible()


def test_notices_leave_room_for_the_downloads_in_the_smallest_window(qtbot: QtBot, window: MainWindow) -> None:
    window.resize(window.minimumSize())
    window.pages.show_downloads()
    text = "The file model.safetensors arrived damaged twice and was thrown away. Try again later."
    for number in range(3):
        window.show_notice(Notice(key=str(number), text=f"{number}: {text}", severity=Severity.WARNING, action="Again"))
    qtbot.wait(50)
    notices = window.page.notices
    assert notices.height() < window.height() / 2
    row = notices.rows[-1]
    assert row.text.height() >= row.text.heightForWidth(row.text.width())
    assert window.rect().contains(row.action_button.mapTo(window, row.action_button.rect().bottomRight()))


def test_the_page_of_models_is_made_in_quiet_time_a_part_a_turn(qtbot: QtBot, window: MainWindow) -> None:
    pages = window.pages
    turns: list[int] = []
    with qtbot.waitSignal(pages.models_made) as made:
        pages.prepare(0)
        while not made.signal_triggered:
            turns.append(len(pages.findChildren(QWidget)))
            QApplication.processEvents()
    assert len(turns) >= 4, "not all at once"
    assert window.page.isVisible(), "and nobody is led away"
    qtbot.keyClick(window, Qt.Key.Key_L, CONTROL_SHIFT)
    assert pages.models is made.args[0]
    assert pages.models.finder.search.line.hasFocus()


def test_what_was_prepared_in_another_look_takes_the_one_of_now(qtbot: QtBot, window: MainWindow) -> None:
    window.pages.prepare(0)
    QApplication.processEvents()
    QApplication.processEvents()
    window.apply_settings(Settings(theme="dark"))
    button = window.pages.models.back_button
    fresh = IconButton("chevron-left", "", theme_for("dark"))
    qtbot.addWidget(fresh)
    assert button.icon().pixmap(16).toImage() == fresh.icon().pixmap(16).toImage()
