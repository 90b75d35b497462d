from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.models.hub_rows import DownloadState
from app.widgets.models.discard_dialog import DiscardDialog
from app.widgets.models.download_row import DownloadRowWidget
from app.widgets.models.models_page import DOWNLOADS
from tests.app.widgets.models import demo_hub
from tests.app.widgets.models.conftest import Opened

LEFT = Qt.MouseButton.LeftButton
RUNNING, QUEUED, WAITING, PAUSED, FAILED, FINISHED = demo_hub.DOWNLOADS


@pytest.fixture
def shown(opened: Opened) -> Opened:
    """The page at its downloads."""
    opened.downloads.set_rows(demo_hub.DOWNLOADS)
    opened.page.show_view(DOWNLOADS)
    QApplication.processEvents()
    return opened


def row(opened: Opened, key: str) -> DownloadRowWidget:
    found = opened.page.downloads.column.row(key)
    assert isinstance(found, DownloadRowWidget)
    return found


def question() -> DiscardDialog:
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, DiscardDialog)
    return dialog


def buttons(widget: DownloadRowWidget) -> set[str]:
    row = (widget.pause_button, widget.resume_button, widget.cancel_button, widget.chat_button)
    return {button.text() for button in row if button.isVisible()}


def test_each_state_has_its_words_and_its_buttons(shown: Opened) -> None:
    assert row(shown, "a").words.text() == "42 % · 7.0 of 16.4 GB · 84 MB/s · 2 min left"
    assert buttons(row(shown, "a")) == {"Pause", "Cancel"}
    assert row(shown, "b").words.text() == "Waits for its turn"
    assert row(shown, "b").publisher.text() == "someone · v1.0"
    assert row(shown, "c").waiting.text() == WAITING.words
    assert buttons(row(shown, "d")) == {"Resume", "Cancel"}
    assert buttons(row(shown, "e")) == set()
    assert row(shown, "e").problem.message.text() == demo_hub.NEEDS_TOKEN.message
    assert buttons(row(shown, "f")) == {"Chat"}


def test_the_keyboard_stays_with_what_can_be_done_next(shown: Opened) -> None:
    """Not with Cancel, which is what Qt finds after Pause."""
    shown.page.window().activateWindow()
    first = row(shown, "a")
    first.pause_button.setFocus()
    for state, holder in (
        (DownloadState.PAUSED, first.resume_button),
        (DownloadState.RUNNING, first.pause_button),
        (DownloadState.VERIFYING, first),
    ):
        shown.downloads.set_rows([replace(RUNNING, state=state), *demo_hub.DOWNLOADS[1:]])
        assert QApplication.focusWidget() is holder


def test_buttons_say_which_download(qtbot: QtBot, shown: Opened) -> None:
    pressed: list[tuple[QWidget, str, object]] = [
        (row(shown, "a").pause_button, "pause_requested", "a"),
        (row(shown, "d").resume_button, "resume_requested", "d"),
        (row(shown, "e").problem.retry_button, "resume_requested", "e"),
        (row(shown, "e").problem.token_button, "token_requested", None),
        (row(shown, "e").problem.link_button, "link_activated", demo_hub.NEEDS_TOKEN.link),
        (row(shown, "e").dismiss_button, "dismiss_requested", "e"),
        (row(shown, "f").chat_button, "load_requested", FINISHED.hub_id),
    ]
    for button, _, _ in pressed:
        qtbot.mouseClick(button, LEFT)
    asked = [(name, value) for name, value in shown.asked if name not in ("refresh_requested", "fits_requested")]
    assert asked == [(name, value) for _, name, value in pressed] + [("closed", None)]


def test_cancel_asks_before_bytes_are_lost(qtbot: QtBot, shown: Opened) -> None:
    qtbot.mouseClick(row(shown, "a").cancel_button, LEFT)
    assert "7.0\u00a0GB" in question().consequences.text()
    qtbot.keyClick(question(), Qt.Key.Key_Return)
    assert shown.asked_for("cancel_requested") == []
    qtbot.mouseClick(row(shown, "a").cancel_button, LEFT)
    qtbot.mouseClick(question().deed_button, LEFT)
    assert shown.asked_for("cancel_requested") == ["a"]


def test_cancel_asks_nothing_where_nothing_has_arrived(qtbot: QtBot, shown: Opened) -> None:
    qtbot.mouseClick(row(shown, "b").cancel_button, LEFT)
    assert shown.asked_for("cancel_requested") == ["b"]


def test_progress_keeps_the_row_and_the_keyboard(qtbot: QtBot, shown: Opened) -> None:
    before = row(shown, "a")
    before.pause_button.setFocus()
    shown.downloads.put(replace(RUNNING, done_bytes=int(16.39e9), seconds_left=0.4))
    assert row(shown, "a") is before
    assert before.words.text() == "99 % · 16.4 of 16.4 GB · 84 MB/s · 5 s left"
    assert before.pause_button.hasFocus()
    shown.downloads.put(replace(RUNNING, state=DownloadState.PAUSED))
    focused = QApplication.focusWidget()
    assert focused is not None
    assert shown.page.isAncestorOf(focused)


def test_a_stalled_download_says_no_time(shown: Opened) -> None:
    shown.downloads.put(replace(RUNNING, bytes_per_second=0.0, seconds_left=None))
    assert row(shown, "a").words.text() == "42 % · 7.0 of 16.4 GB · 0 MB/s"


def test_rows_by_keyboard(qtbot: QtBot, shown: Opened) -> None:
    row(shown, "a").setFocus()
    qtbot.keyClick(row(shown, "a"), Qt.Key.Key_Return)
    qtbot.keyClick(row(shown, "a"), Qt.Key.Key_Down)
    assert row(shown, "b").hasFocus()
    qtbot.keyClick(row(shown, "b"), Qt.Key.Key_Delete)
    assert shown.asked_for("pause_requested") == ["a"]
    assert shown.asked_for("cancel_requested") == ["b"]
    shown.downloads.remove("b")
    assert row(shown, "c").hasFocus()


def test_walking_scrolls_along(qtbot: QtBot, shown: Opened) -> None:
    shown.page.resize(600, 320)
    QApplication.processEvents()
    row(shown, "a").setFocus()
    for key in "abcde":
        qtbot.keyClick(row(shown, key), Qt.Key.Key_Down)
    last = row(shown, "f")
    assert last.hasFocus()
    assert not last.visibleRegion().isEmpty()
    assert last.visibleRegion().boundingRect().height() == last.height()


def test_the_switch_counts_what_is_not_over(shown: Opened) -> None:
    assert shown.page.views.buttons[DOWNLOADS].text() == "Downloads 4"
    shown.downloads.set_rows([FAILED, FINISHED])
    assert shown.page.views.buttons[DOWNLOADS].text() == "Downloads"


def test_an_empty_list_invites(qtbot: QtBot, shown: Opened) -> None:
    shown.downloads.set_rows([])
    assert shown.page.downloads.invitation.isVisible()
    assert not shown.page.downloads.column.isVisible()
    shown.page.downloads.find_requested.emit()
    assert shown.page.finder.isVisible()


def test_rows_can_be_heard(shown: Opened) -> None:
    assert row(shown, "a").accessibleName() == "Qwen3-8B: downloading"
    assert row(shown, "a").accessibleDescription() == "Qwen3-8B: 42 % · 7.0 of 16.4 GB · 84 MB/s · 2 min left"
    assert row(shown, "e").accessibleName() == "Llama-3.1-8B-Instruct: failed"
    assert demo_hub.NEEDS_TOKEN.message in row(shown, "e").accessibleDescription()


def test_buttons_can_be_told_apart_by_ear(shown: Opened) -> None:
    assert row(shown, "a").pause_button.accessibleName() == "Pause Qwen3-8B"
    assert row(shown, "d").resume_button.accessibleName() == f"Resume {demo_hub.PRIVATE.hub_id.partition('/')[2]}"


def test_in_a_small_window_nothing_is_cut(shown: Opened) -> None:
    shown.page.resize(472, 400)
    QApplication.processEvents()
    viewport = shown.page.downloads.column.parentWidget()
    assert viewport is not None
    for each in shown.page.downloads.column.rows:
        assert each.mapTo(shown.page, each.rect().topRight()).x() < shown.page.width()
