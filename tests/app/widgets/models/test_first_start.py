from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QTextLayout
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from app.models.hub_rows import DownloadRequest, DownloadState
from app.recommendations import SENTENCES
from app.widgets.basics.theme import Theme
from app.widgets.models.discard_dialog import DiscardDialog
from app.widgets.models.first_start_page import FirstStartPage
from app.widgets.models.scrolled import FittedScroll
from tests.app.widgets.conftest import Said
from tests.app.widgets.models import demo_hub

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def page(qtbot: QtBot, theme: Theme) -> FirstStartPage:
    """An open page with recommendations."""
    widget = FirstStartPage(theme)
    qtbot.addWidget(widget)
    widget.resize(720, 420)
    with qtbot.waitExposed(widget):
        widget.show()
    widget.set_recommendations(demo_hub.RECOMMENDATIONS)
    QApplication.processEvents()
    return widget


def test_the_best_one_is_chosen_and_downloaded_in_one_click(qtbot: QtBot, page: FirstStartPage) -> None:
    assert page.chosen == demo_hub.RECOMMENDATIONS[0]
    with qtbot.waitSignal(page.recommended_accepted) as accepted:
        qtbot.mouseClick(page.accept_button, LEFT)
    assert accepted.args == [DownloadRequest(demo_hub.QWEN.hub_id, "main", loads=True)]


def test_what_was_found_out_is_heard_once(qtbot: QtBot, theme: Theme, said: Said) -> None:
    page = FirstStartPage(theme)
    qtbot.addWidget(page)
    page.show()
    page.set_hardware("A processor, 16 GiB of main memory")
    page.set_recommendations(())
    assert said == []
    page.set_recommendations(demo_hub.RECOMMENDATIONS)
    page.set_recommendations(demo_hub.RECOMMENDATIONS)
    assert said == [(f"A processor, 16 GiB of main memory. {page.cards[0].accessibleName()}", False)]


def test_another_one_is_chosen_by_mouse_or_keyboard(qtbot: QtBot, page: FirstStartPage) -> None:
    qtbot.mouseClick(page.cards[1], LEFT)
    assert page.chosen == demo_hub.RECOMMENDATIONS[1]
    page.cards[1].setFocus()
    qtbot.keyClick(page.cards[1], Qt.Key.Key_Down)
    assert page.chosen == demo_hub.RECOMMENDATIONS[2]
    page.set_recommendations(demo_hub.RECOMMENDATIONS)
    assert page.chosen == demo_hub.RECOMMENDATIONS[2]


def test_tab_goes_from_the_models_to_the_buttons(qtbot: QtBot, page: FirstStartPage) -> None:
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    page.cards[0].setFocus()
    for wanted in (page.accept_button, page.starter_button, page.browse_button, page.skip_button, page.cards[0]):
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        assert wanted.hasFocus()


def test_the_buttons_are_seen_in_a_small_window(page: FirstStartPage) -> None:
    for button in (page.accept_button, page.starter_button, page.browse_button, page.skip_button):
        bottom = button.mapTo(page, button.rect().bottomRight())
        assert page.rect().contains(bottom)


def test_every_way_on_is_offered(qtbot: QtBot, page: FirstStartPage) -> None:
    for button, signal in (
        (page.starter_button, page.starter_chosen),
        (page.browse_button, page.browse_requested),
        (page.skip_button, page.skipped),
    ):
        with qtbot.waitSignal(signal):
            qtbot.mouseClick(button, LEFT)


def test_without_recommendations_the_starter_is_there(qtbot: QtBot, theme: Theme) -> None:
    widget = FirstStartPage(theme)
    qtbot.addWidget(widget)
    widget.show()
    assert not widget.accept_button.isVisible()
    assert widget.starter_button.isVisible()
    assert widget.hardware.text() == "Looking at this computer…"
    widget.set_hardware("This computer has no graphics card that Hearth can use.")
    assert widget.hardware.text() == "This computer has no graphics card that Hearth can use."


def test_the_download_and_the_load_are_seen_here(qtbot: QtBot, page: FirstStartPage) -> None:
    running = demo_hub.DOWNLOADS[0]
    page.set_download(running)
    assert page.download.isVisible()
    assert not page.cards[0].isVisible()
    assert not page.accept_button.isVisible()
    with qtbot.waitSignal(page.pause_requested) as paused:
        qtbot.mouseClick(page.download.pause_button, LEFT)
    assert paused.args == ["a"]
    page.set_download(replace(running, state=DownloadState.FINISHED))
    page.set_loading("Loading the model: 43 % (7.0 of 16.4 GB)")
    assert not page.download.isVisible()
    assert page.phase.isVisible()
    assert not page.cards[0].isVisible()
    page.set_loading("")
    page.set_download(None)
    assert page.cards[0].isVisible()


def test_cancel_asks_here_as_well(qtbot: QtBot, page: FirstStartPage) -> None:
    page.set_download(demo_hub.DOWNLOADS[0])
    qtbot.mouseClick(page.download.cancel_button, LEFT)
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, DiscardDialog)
    with qtbot.waitSignal(page.cancel_requested) as cancelled:
        qtbot.mouseClick(dialog.deed_button, LEFT)
    assert cancelled.args == ["a"]


def test_a_failed_download_says_what_to_do(qtbot: QtBot, page: FirstStartPage) -> None:
    page.set_download(demo_hub.DOWNLOADS[4])
    with qtbot.waitSignal(page.token_requested):
        qtbot.mouseClick(page.download.problem.token_button, LEFT)
    with qtbot.waitSignal(page.resume_requested) as again:
        qtbot.mouseClick(page.download.problem.retry_button, LEFT)
    assert again.args == ["e"]


def test_offline_only_the_starter_is_offered(page: FirstStartPage) -> None:
    page.set_offline(True)
    assert page.offline.isVisible()
    assert not page.accept_button.isVisible()
    assert not page.browse_button.isVisible()
    assert not page.cards[0].isVisible()
    assert page.starter_button.isVisible()


def test_cards_can_be_heard(page: FirstStartPage) -> None:
    said = page.cards[0].accessibleName()
    assert said.startswith("Qwen3 8B, Recommended, Good at most things")
    assert "16.4 GB, about 44 min at 50 Mbit/s, Fits (BF16), Apache 2.0" in said


@pytest.mark.parametrize("is_looking", [True, False])
def test_skip_stands_beside_the_other_quiet_button(page: FirstStartPage, is_looking: bool) -> None:
    page.set_recommendations(() if is_looking else demo_hub.RECOMMENDATIONS)
    for width in (480, 720, 860):
        page.resize(width, 420)
        QApplication.processEvents()
        assert page.skip_button.y() == page.browse_button.y() > page.starter_button.y()
        assert page.accept_button.isHidden() is is_looking


@pytest.mark.parametrize("height", [408, 900], ids=["low", "high"])
def test_the_buttons_stand_below_the_cards_and_the_page_scrolls_at_its_edge(
    qtbot: QtBot, page: FirstStartPage, height: int
) -> None:
    page.resize(720, height)
    qtbot.waitUntil(lambda: page.accept_button.mapTo(page, QPoint()).x() == page.cards[0].mapTo(page, QPoint()).x())
    bar = page.findChildren(FittedScroll)[0].verticalScrollBar()
    assert bar.isVisible() is (height == 408)
    if bar.isVisible():
        assert bar.mapTo(page, bar.rect().topRight()).x() == page.width() - 1
        assert not page.cards[2].visibleRegion().isEmpty(), "the third one is seen to be there"


def test_no_sentence_of_a_card_ends_with_one_word_in_a_line(qtbot: QtBot, theme: Theme) -> None:
    page = FirstStartPage(theme)
    qtbot.addWidget(page)
    page.resize(1100, 760)
    page.show()
    for words in SENTENCES:
        page.set_recommendations((replace(demo_hub.RECOMMENDATIONS[0], words=words),))
        QApplication.processEvents()
        (label,) = (label for label in page.cards[0].findChildren(QLabel) if label.text() == words)
        lines = lines_of(label)
        assert len(lines) == 1 or len(lines[-1].split()) > 1, lines


def lines_of(label: QLabel) -> list[str]:
    layout = QTextLayout(label.text(), label.font())
    layout.beginLayout()
    lines = []
    while (line := layout.createLine()).isValid():
        line.setLineWidth(label.width())
        lines.append(label.text()[line.textStart() : line.textStart() + line.textLength()])
    layout.endLayout()
    return lines
