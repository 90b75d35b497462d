import time

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from app.models.hub_rows import DownloadRequest
from app.widgets.models.discard_dialog import DeleteDialog, DiscardDialog
from app.widgets.models.local_row import LocalRow
from app.widgets.models.models_page import LOCAL
from app.widgets.models.question import Question
from tests.app.widgets.models import demo_hub
from tests.app.widgets.models.conftest import Opened
from tests.work import work_of

LEFT = Qt.MouseButton.LeftButton
STARTER, QWEN, HUGE, POET, TINY = demo_hub.LOCAL


@pytest.fixture
def shown(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """The page at what is on this computer."""
    monkeypatch.setattr(time, "time", lambda: demo_hub.NOW)
    opened.checkpoints.set_checkpoints(demo_hub.LOCAL)
    opened.page.show_view(LOCAL)
    QApplication.processEvents()
    return opened


def row(opened: Opened, name: str) -> LocalRow:
    for each in opened.page.local.column.rows:
        if isinstance(each, LocalRow) and each.name.text() == name:
            return each
    raise KeyError(name)


def question() -> Question:
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, Question)
    return dialog


def test_rows_say_whose_how_large_and_when(shown: Opened) -> None:
    assert row(shown, "Qwen3-8B").home.text() == "Qwen"
    assert row(shown, "Qwen3-8B").words.text() == "21.1 GB · used 3 days ago"
    assert row(shown, "poet").home.text() == "/data/models/poet"
    assert row(shown, "poet").words.text() == "2.9 GB"
    assert row(shown, HUGE.name).words.text() == "incomplete: 42 % of 470.2 GB"
    shown.page.show_fit(demo_hub.fit(QWEN.reference, "Fits (INT8)"))
    assert row(shown, "Qwen3-8B").accessibleName() == "Qwen3-8B, Qwen, 21.1 GB, used 3 days ago, Fits (INT8)"


def test_tab_goes_down_the_rows_also_those_that_come_later_and_then_to_the_folders(shown: Opened) -> None:
    another = msgspec.structs.replace(QWEN, reference="Qwen/another", name="another")
    shown.checkpoints.set_checkpoints([POET, another, STARTER, QWEN])
    QApplication.processEvents()  # a layout shows what it is given with the next turn
    shown.page.window().activateWindow()
    local = shown.page.local
    local.take_focus()
    names, below = [], local.folders.add_button
    for _ in range(30):
        focused = QApplication.focusWidget()
        if focused is None or focused is below:
            break
        names += [each.name.text() for each in (focused, focused.parentWidget()) if isinstance(each, LocalRow)]
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is below
    assert list(dict.fromkeys(names)) == [each.name for each in (POET, another, STARTER, QWEN)]
    assert names == sorted(names, key=list(dict.fromkeys(names)).index), "each with its buttons before the next"


def test_many_models_are_listed_some_in_a_turn_each_as_it_is(qtbot: QtBot, opened: Opened) -> None:
    many = [msgspec.structs.replace(QWEN, reference=f"Qwen/{number}", name=str(number)) for number in range(100)]
    opened.page.set_loaded("Qwen/90")
    opened.page.show_view(LOCAL)
    column = opened.page.local.column
    assert work_of(lambda: opened.checkpoints.set_checkpoints(many))["_make_row"] == len(column.rows) < 20
    mixed = [many[70], *many[:60], QWEN, *many[60:70], *many[71:]]
    opened.checkpoints.set_checkpoints(mixed)
    qtbot.waitUntil(lambda: len(column.rows) == len(mixed), timeout=30_000)
    assert [each.name.text() for each in column.rows if isinstance(each, LocalRow)] == [each.name for each in mixed]
    qtbot.waitUntil(lambda: row(opened, "0").y() > row(opened, "70").y(), timeout=30_000)
    places = [each.y() for each in column.rows]
    assert places == sorted(places)
    assert "Answers now" in row(opened, "90").accessibleName()
    assert work_of(lambda: opened.page.set_loaded("Qwen/91"))["_show"] == 2, "of the model before and of this one"


def test_the_verdict_takes_room_of_the_middle_line_only(qtbot: QtBot, shown: Opened) -> None:
    shown.page.resize(472, 400)
    one = row(shown, "Qwen3-8B")
    assert one.fit.isVisible()
    qtbot.waitUntil(lambda: one.words.width() > one.home.width())
    assert one.words.geometry().right() == one.name.geometry().right() == one.fit.geometry().right()
    assert one.words.fontMetrics().horizontalAdvance(one.words.text()) <= one.words.width()


def test_fits_and_the_loaded_one_survive_a_new_list(shown: Opened) -> None:
    shown.page.show_fit(demo_hub.fit(QWEN.reference, "Fits (INT8)"))
    shown.page.set_loaded("starter")
    shown.checkpoints.set_checkpoints([STARTER, msgspec.structs.replace(QWEN, revision="other")])
    assert row(shown, "Qwen3-8B").fit.text() == "Fits (INT8)"
    assert row(shown, STARTER.name).fit.text() == "Answers now"


def test_chat_loads_and_closes(qtbot: QtBot, shown: Opened) -> None:
    qtbot.mouseClick(row(shown, "poet").chat_button, LEFT)
    assert shown.asked[-2:] == [("load_requested", POET.reference), ("closed", None)]


def test_deleting_asks_with_the_bytes(qtbot: QtBot, shown: Opened) -> None:
    qtbot.mouseClick(row(shown, "Qwen3-8B").delete_button, LEFT)
    assert shown.asked_for("delete_requested") == [QWEN.reference]
    shown.page.ask_delete((QWEN, 23_400_000_000))
    assert isinstance(question(), DeleteDialog)
    assert "23.4\u00a0GB" in question().consequences.text()
    qtbot.keyClick(question(), Qt.Key.Key_Return)
    assert shown.asked_for("delete_confirmed") == []
    shown.page.ask_delete((QWEN, 23_400_000_000))
    qtbot.mouseClick(question().deed_button, LEFT)
    assert shown.asked_for("delete_confirmed") == [QWEN.reference]


def test_what_was_not_downloaded_can_not_be_brought_back(shown: Opened) -> None:
    shown.page.ask_delete((POET, 10**9))
    assert "can't be brought back" in question().consequences.text()
    assert POET.folder in question().consequences.text()
    question().reject()


def test_the_starter_can_not_be_deleted(shown: Opened) -> None:
    assert not row(shown, STARTER.name).delete_button.isVisible()
    assert row(shown, "poet").delete_button.isVisible()


def test_an_incomplete_one_is_resumed_or_discarded(qtbot: QtBot, shown: Opened) -> None:
    huge = row(shown, HUGE.name)
    assert not huge.chat_button.isVisible()
    qtbot.mouseClick(huge.resume_button, LEFT)
    assert shown.asked_for("download_requested") == [DownloadRequest(HUGE.reference, "v1.0")]
    assert shown.page.downloads.isVisible()
    shown.page.show_view(LOCAL)
    qtbot.mouseClick(huge.discard_button, LEFT)
    assert isinstance(question(), DiscardDialog)
    assert "202.0\u00a0GB" in question().consequences.text()
    qtbot.mouseClick(question().deed_button, LEFT)
    assert shown.asked_for("discard_requested") == [HUGE.reference]


def test_what_is_being_downloaded_is_not_resumed_twice(shown: Opened) -> None:
    huge = row(shown, HUGE.name)
    shown.downloads.set_rows(demo_hub.DOWNLOADS)
    assert not huge.resume_button.isVisible()
    assert not huge.discard_button.isVisible()
    assert huge.fit.text() == "Among the downloads"
    shown.downloads.remove("c")
    assert huge.resume_button.isVisible()


def test_rows_by_keyboard(qtbot: QtBot, shown: Opened) -> None:
    first = row(shown, STARTER.name)
    first.setFocus()
    qtbot.keyClick(first, Qt.Key.Key_Down)
    assert row(shown, "Qwen3-8B").hasFocus()
    qtbot.keyClick(row(shown, "Qwen3-8B"), Qt.Key.Key_Delete)
    qtbot.keyClick(row(shown, "Qwen3-8B"), Qt.Key.Key_Return)
    assert shown.asked_for("delete_requested") == [QWEN.reference]
    assert shown.asked_for("load_requested") == [QWEN.reference]


def test_folders_are_added_and_removed(qtbot: QtBot, shown: Opened) -> None:
    folders = shown.page.local.folders
    shown.page.set_folders(("/data/models", "/data/gguf"))
    remove = [each for each in folders.findChildren(QPushButton) if each.accessibleName() == "Remove /data/gguf"]
    qtbot.mouseClick(remove[0], LEFT)
    assert shown.asked_for("folder_removed") == ["/data/gguf"]
    qtbot.mouseClick(folders.add_button, LEFT)
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, QFileDialog)
    dialog.fileSelected.emit("/more")
    dialog.close()
    assert shown.asked_for("folder_added") == ["/more"]
    shown.page.set_folders(())
    visible = [each.text() for each in folders.findChildren(QPushButton) if each.isVisibleTo(folders)]
    assert "Remove" not in visible


def test_moving_the_downloads_asks_first_and_shows_how_far_it_is(qtbot: QtBot, shown: Opened) -> None:
    folders = shown.page.local.folders
    shown.page.set_cache_folder("/old")
    assert folders.cache.text() == "/old"
    qtbot.mouseClick(folders.move_button, LEFT)
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, QFileDialog)
    dialog.fileSelected.emit("/new")
    dialog.close()
    qtbot.waitUntil(lambda: isinstance(QApplication.activeModalWidget(), Question))
    assert "from /old to /new" in question().consequences.text()
    qtbot.mouseClick(question().deed_button, LEFT)
    assert shown.asked_for("cache_move_requested") == ["/new"]
    shown.page.set_move_progress((3 * 10**9, 9 * 10**9))
    assert folders.moving_words.text() == "Moving: 3.0 GB of 9.0 GB"
    assert not folders.move_button.isEnabled()
    shown.page.set_move_progress(None)
    assert folders.move_button.isEnabled()
    assert not folders.moving.isVisible()


def test_an_empty_computer_invites(shown: Opened) -> None:
    shown.checkpoints.set_checkpoints([])
    assert shown.page.local.invitation.isVisible()
    assert shown.page.local.folders.isVisible()


def test_coming_back_asks_for_what_has_changed(shown: Opened) -> None:
    before = len(shown.asked_for("refresh_requested"))
    shown.page.hide()
    shown.page.show()
    assert len(shown.asked_for("refresh_requested")) == before + 1
    assert shown.asked_for("fits_requested")


def test_the_views_are_switched_with_the_arrow_keys(qtbot: QtBot, shown: Opened) -> None:
    switch = shown.page.views.buttons[LOCAL]
    switch.setFocus()
    qtbot.keyClick(switch, Qt.Key.Key_Right)
    assert shown.page.downloads.isVisible()
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Left)
    assert shown.page.local.isVisible()
