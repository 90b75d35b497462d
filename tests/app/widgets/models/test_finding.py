from functools import partial

import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QListView
from pytestqt.qtbot import QtBot

from app.models.hub_rows import HubQuery, HubRow
from app.widgets.basics.theme import Theme
from app.widgets.models.models_page import LOCAL, ModelsPage
from engine.api.hub import HubSort
from tests.app.widgets.conftest import Said
from tests.app.widgets.models import demo_hub
from tests.app.widgets.models.conftest import Opened
from tests.app.widgets.models.demo_pages import DemoPages
from tests.work import work_of


def index(opened: Opened, place: int) -> QModelIndex:
    return opened.page.finder.list.model().index(place, 0)


def click_row(qtbot: QtBot, opened: Opened, place: int) -> None:
    rows = opened.page.finder.list
    qtbot.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=rows.visualRect(index(opened, place)).center())


def test_a_pause_of_typing_searches_once(qtbot: QtBot, opened: Opened) -> None:
    with qtbot.waitSignal(opened.page.search_requested):
        qtbot.keyClicks(opened.page.finder.search.line, "qwen")
    qtbot.wait(500)
    assert opened.asked_for("search_requested") == [HubQuery(text="qwen")]


def test_enter_searches_at_once_and_again(qtbot: QtBot, opened: Opened) -> None:
    line = opened.page.finder.search.line
    qtbot.keyClicks(line, " https://huggingface.co/Qwen/Qwen3-8B ")
    for _ in range(2):
        qtbot.keyClick(line, Qt.Key.Key_Return)
    assert opened.asked_for("search_requested") == [HubQuery(text="https://huggingface.co/Qwen/Qwen3-8B")] * 2


def test_filters_are_part_of_what_is_asked(qtbot: QtBot, opened: Opened) -> None:
    search = opened.page.finder.search
    qtbot.keyClicks(search.author, "Qwen")
    for box, key_presses in ((search.size_range, 2), (search.sort, 3)):
        box.setFocus()
        for _ in range(key_presses):
            qtbot.keyClick(box, Qt.Key.Key_Down)
    qtbot.keyClick(search.author, Qt.Key.Key_Return)
    wanted = HubQuery("", "Qwen", 4 * 10**9, 9 * 10**9, HubSort.TRENDING)
    assert opened.asked_for("search_requested")[-1] == wanted


def test_before_any_search_it_shows_where_to_begin(opened: Opened) -> None:
    opened.results.set_rows(demo_hub.RECOMMENDED)
    assert opened.page.finder.heading.text() == "Good models to begin with"
    assert opened.page.finder.list.isVisible()
    assert opened.asked_for("search_requested") == []
    opened.find()
    assert opened.page.finder.heading.text() == "Results"


def test_down_goes_into_the_results_and_up_goes_back(qtbot: QtBot, opened: Opened) -> None:
    opened.find()
    finder = opened.page.finder
    qtbot.keyClick(finder.search.line, Qt.Key.Key_Down)
    assert finder.list.hasFocus()
    qtbot.keyClick(finder.list, Qt.Key.Key_Down)
    assert opened.asked_for("details_requested") == [("Qwen/Qwen3-8B", ""), (demo_hub.LLAMA.hub_id, "")]
    for _ in range(2):
        qtbot.keyClick(finder.list, Qt.Key.Key_Up)
    assert finder.search.line.hasFocus()


def test_a_click_asks_for_details_once(qtbot: QtBot, opened: Opened) -> None:
    opened.find()
    click_row(qtbot, opened, 2)
    click_row(qtbot, opened, 2)
    assert opened.asked_for("details_requested") == [(demo_hub.GPTQ.hub_id, "")]
    assert opened.page.finder.details.hub_id == demo_hub.GPTQ.hub_id


def test_a_named_model_is_opened_by_itself(opened: Opened) -> None:
    opened.results.set_rows([HubRow(demo_hub.LLAMA)])
    opened.page.show_results_state((HubQuery(text=demo_hub.LLAMA.hub_id), True))
    assert opened.asked_for("details_requested") == [(demo_hub.LLAMA.hub_id, "")]


def test_a_row_that_changes_keeps_its_selection(qtbot: QtBot, opened: Opened) -> None:
    opened.find()
    click_row(qtbot, opened, 1)
    opened.results.put(HubRow(demo_hub.LLAMA, demo_hub.fit(demo_hub.LLAMA.hub_id, "Slow (offload)")))
    opened.results.set_rows([demo_hub.ROWS[3], demo_hub.ROWS[1]])
    assert opened.page.finder.list.currentIndex().row() == 1
    assert opened.asked_for("details_requested") == [(demo_hub.LLAMA.hub_id, "")]


def test_what_is_no_longer_found_is_no_longer_looked_at(qtbot: QtBot, opened: Opened) -> None:
    opened.find()
    click_row(qtbot, opened, 0)
    opened.results.set_rows([])
    opened.page.show_results_state((HubQuery(text="nothing like this"), False))
    assert opened.page.finder.details.hub_id == ""
    assert opened.page.finder.invitation.title.text() == "Nothing found"
    assert not opened.page.finder.details.isVisible()


def test_what_is_found_again_is_looked_at_again(qtbot: QtBot, opened: Opened) -> None:
    opened.find()
    click_row(qtbot, opened, 0)
    opened.results.set_rows([])
    opened.page.show_results_state((HubQuery(text="nothing like this"), False))
    opened.find()
    opened.page.finder.search.line.setFocus()
    qtbot.keyClick(opened.page.finder.search.line, Qt.Key.Key_Down)
    assert opened.page.finder.details.hub_id == demo_hub.QWEN.hub_id
    assert opened.page.finder.details.isVisible()


def test_searching_and_failing_are_said(qtbot: QtBot, opened: Opened) -> None:
    finder = opened.page.finder
    opened.page.set_searching(True)
    assert finder.waiting.isVisible()
    assert not finder.invitation.isVisible()
    opened.page.set_searching(False)
    opened.page.show_search_error(demo_hub.NO_NETWORK)
    assert finder.problem.message.text() == demo_hub.NO_NETWORK.message
    assert not finder.problem.token_button.isVisible()
    qtbot.mouseClick(finder.problem.settings_button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(finder.problem.retry_button, Qt.MouseButton.LeftButton)
    assert ("settings_requested", None) in opened.asked
    assert opened.asked_for("search_requested") == [HubQuery()]
    opened.page.show_search_error(None)
    assert not finder.problem.isVisible()


def test_who_searches_hears_what_was_found_and_what_failed(qtbot: QtBot, opened: Opened, said: Said) -> None:
    first = "Qwen3-8B, by Qwen, 8.2B, 16.4 GB, Fits (BF16), Recommended, On this computer"
    for _ in range(2):
        said.clear()
        opened.page.set_searching(True)
        opened.page.set_searching(False)
        opened.find()
        qtbot.waitUntil(lambda: said == [(f"Found: {len(demo_hub.ROWS)}. {first}", False)])
    opened.results.set_rows([])
    opened.page.show_results_state((HubQuery(text="qwen 9"), False))
    qtbot.waitUntil(lambda: said[-1][0].startswith("Nothing found. Try fewer words"))
    said.clear()
    opened.page.show_search_error(demo_hub.NO_NETWORK)
    opened.page.show_search_error(demo_hub.NO_NETWORK)
    assert said == [(demo_hub.NO_NETWORK.sentence(), False)]
    opened.page.hide()
    opened.page.show_search_error(None)
    opened.page.show_search_error(demo_hub.NO_NETWORK)
    assert len(said) == 1


def test_offline_nothing_can_be_asked(qtbot: QtBot, opened: Opened) -> None:
    opened.page.set_offline(True)
    assert opened.page.finder.invitation.title.text() == "Hearth works offline"
    qtbot.keyClicks(opened.page.finder.search.line, "qwen")
    qtbot.wait(500)
    assert opened.asked_for("search_requested") == []
    qtbot.mouseClick(opened.page.finder.settings_button, Qt.MouseButton.LeftButton)
    assert opened.asked_for("settings_requested") == [None]
    opened.page.set_offline(False)
    assert opened.page.finder.search.isEnabled()
    assert not opened.page.finder.settings_button.isVisible()


def test_narrow_details_are_a_second_step(qtbot: QtBot, opened: Opened) -> None:
    opened.page.resize(472, 400)
    opened.find()
    finder = opened.page.finder
    assert finder.list.isVisible()
    assert not finder.details.isVisible()
    finder.list.setFocus()
    qtbot.keyClick(finder.list, Qt.Key.Key_Down)
    assert not finder.details.isVisible()
    qtbot.keyClick(finder.list, Qt.Key.Key_Return)
    assert finder.details.isVisible()
    assert not finder.list.isVisible()
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert finder.list.hasFocus()
    assert ("closed", None) not in opened.asked
    qtbot.keyClick(finder.list, Qt.Key.Key_Escape)
    assert opened.asked[-1] == ("closed", None)


def test_a_smaller_window_leaves_the_sidebar_alone(qtbot: QtBot, theme: Theme) -> None:
    demo = DemoPages()
    qtbot.addWidget(demo.window)
    demo.window.resize(1100, 760)
    demo.window.show_models()
    demo.page.show_view(LOCAL)
    QApplication.processEvents()
    before = demo.window.sidebar.width()
    demo.window.resize(720, 480)
    QApplication.processEvents()
    assert demo.window.sidebar.width() == before


def test_a_wider_window_shows_both(qtbot: QtBot, opened: Opened) -> None:
    opened.page.resize(472, 400)
    opened.find()
    click_row(qtbot, opened, 0)
    opened.page.resize(900, 640)
    QApplication.processEvents()
    assert opened.page.finder.list.isVisible()
    assert opened.page.finder.details.isVisible()
    assert not opened.page.finder.back_button.isVisible()


def test_foreign_names_are_drawn_as_text(opened: Opened, qtbot: QtBot) -> None:
    opened.find()
    click_row(qtbot, opened, len(demo_hub.ROWS) - 1)
    details = opened.page.finder.details
    assert details.name.textFormat() is Qt.TextFormat.PlainText
    for text in (details.name.text(), details.publisher.text()):
        assert "\u202e" not in text
        assert "\n" not in text
    assert "<b>evil</b>" in details.publisher.text()
    assert "<b>" not in details.publisher.toolTip()


def test_each_row_can_be_heard(opened: Opened) -> None:
    opened.find()
    said = [index(opened, place).data(Qt.ItemDataRole.AccessibleTextRole) for place in range(len(demo_hub.ROWS))]
    assert said[0] == "Qwen3-8B, by Qwen, 8.2B, 16.4 GB, Fits (BF16), Recommended, On this computer"
    assert said[1] == "Llama-3.1-8B-Instruct, by meta-llama, 8B, 16.1 GB, Fits (BF16), Approval needed"
    assert "Can't be used" in said[5]


def test_of_a_thousand_rows_only_those_in_view_are_drawn(opened: Opened) -> None:
    row = demo_hub.ROWS[2]
    many = [HubRow(demo_hub.checkpoint(f"someone/Model-{n}", 8, 16), row.fit, n % 2 == 0) for n in range(1000)]
    view = opened.page.finder.list

    def show(rows: list[HubRow]) -> None:
        opened.results.set_rows(rows)
        QApplication.processEvents()

    def scroll_near_the_end() -> None:
        view.scrollTo(index(opened, len(opened.results.rows) - 100), QListView.ScrollHint.PositionAtTop)
        view.viewport().grab()

    show(many)
    scroll_near_the_end()  # what is made once
    costs = [(work_of(partial(show, many[:count])), work_of(scroll_near_the_end)) for count in (500, 1000)]
    (half, half_seen), (whole, seen) = costs
    assert whole.total() < 2.2 * half.total()
    assert seen.total() < 1.2 * half_seen.total()
    assert view.indexAt(QPoint(20, 20)).row() >= 900
    assert 0 < seen["paint"] <= view.height() // view.visualRect(index(opened, 900)).height() + 2


def test_a_selected_row_looks_selected(opened: Opened, qtbot: QtBot) -> None:
    opened.find()
    view = opened.page.finder.list
    before: QImage = view.viewport().grab(view.visualRect(index(opened, 1))).toImage()
    click_row(qtbot, opened, 1)
    assert view.viewport().grab(view.visualRect(index(opened, 1))).toImage() != before


@pytest.mark.parametrize("hidden", ["unusable", "error"])
def test_what_disappears_hands_the_keyboard_to_the_page(opened: Opened, qtbot: QtBot, hidden: str) -> None:
    opened.find()
    click_row(qtbot, opened, 2)
    page: ModelsPage = opened.page
    page.show_details(demo_hub.details(demo_hub.GPTQ))
    page.finder.details.action_bar.download_button.setFocus()
    if hidden == "unusable":
        page.finder.list.setCurrentIndex(index(opened, 5))
    else:
        page.show_details_error((demo_hub.GPTQ.hub_id, demo_hub.NO_NETWORK))
    focused = QApplication.focusWidget()
    assert focused is not None
    assert focused.isVisible()
    assert page.isAncestorOf(focused)


def test_who_looks_for_more_models_at_narrow_details_has_the_keyboard(qtbot: QtBot, opened: Opened) -> None:
    opened.page.resize(472, 400)
    opened.find()
    click_row(qtbot, opened, 0)
    QApplication.processEvents()
    opened.page.take_focus()
    assert opened.page.finder.back_button.hasFocus()
    qtbot.keyClick(opened.page.finder.back_button, Qt.Key.Key_Space)
    opened.page.take_focus()
    assert opened.page.finder.search.line.hasFocus()


@pytest.mark.usefixtures("german")
@pytest.mark.parametrize("width", [480, 640, 850, 1200])
def test_the_hint_of_the_search_is_not_cut(opened: Opened, width: int) -> None:
    opened.page.resize(width, 640)
    QApplication.processEvents()
    line = opened.page.finder.search.line
    hint = line.fontMetrics().horizontalAdvance(line.placeholderText())
    assert hint < line.width() - 64  # the lens before it, and room at both ends
    assert "Qwen/Qwen3-8B" in line.toolTip()


@pytest.mark.parametrize("width", [760, 900, 1400])
def test_results_end_where_the_words_to_look_for_end(opened: Opened, width: int) -> None:
    opened.page.resize(width, 640)
    opened.find()
    QApplication.processEvents()
    line, results = opened.page.finder.search.line, opened.page.finder.list
    ends = [each.mapTo(opened.page, each.rect().topRight()).x() for each in (line, results)]
    assert abs(ends[0] - ends[1]) <= 1
