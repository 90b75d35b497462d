import msgspec
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent, QImage
from PySide6.QtWidgets import QApplication, QLineEdit, QToolTip
from pytestqt.qtbot import QtBot

from app.conversations.records import Conversation
from app.models.conversation_list_model import ConversationListModel
from app.widgets.basics.theme import DARK, Theme
from app.widgets.sidebar.sidebar import Sidebar
from engine.api.warmth import ConversationWarmth, Tier
from tests.app.widgets.demo_conversation import NOW


@pytest.fixture
def sidebar(qtbot: QtBot, theme: Theme, listed: ConversationListModel) -> Sidebar:
    widget = Sidebar(listed, theme)
    qtbot.addWidget(widget)
    widget.resize(248, 600)
    with qtbot.waitExposed(widget):
        widget.show()
    widget.activateWindow()
    QApplication.processEvents()
    return widget


def middle_of(sidebar: Sidebar, conversation_id: str) -> QPoint:
    index = sidebar.list.index_of(conversation_id)
    assert index.isValid()
    return sidebar.list.titles.title_rectangle(sidebar.list.visualRect(index)).center()


def editor_of(sidebar: Sidebar) -> QLineEdit:
    editor = sidebar.list.findChild(QLineEdit)
    assert isinstance(editor, QLineEdit)
    return editor


def test_a_click_opens(qtbot: QtBot, sidebar: Sidebar) -> None:
    with qtbot.waitSignal(sidebar.open_requested) as opened:
        qtbot.mouseClick(sidebar.list.viewport(), Qt.MouseButton.LeftButton, pos=middle_of(sidebar, "c2"))
    assert opened.args == ["c2"]


def test_a_groups_name_is_no_conversation(qtbot: QtBot, sidebar: Sidebar) -> None:
    with qtbot.assertNotEmitted(sidebar.open_requested):
        qtbot.mouseClick(
            sidebar.list.viewport(), Qt.MouseButton.LeftButton, pos=middle_of(sidebar, "date:Previous 7 days")
        )


def rows_of(sidebar: Sidebar) -> list[str]:
    return [row.id for place in range(sidebar.rows.rowCount()) if (row := sidebar.rows.row(place)) is not None]


def test_each_group_has_its_name_above_it(sidebar: Sidebar) -> None:
    today, yesterday, week = "date:Today", "date:Yesterday", "date:Previous 7 days"
    assert rows_of(sidebar)[:9] == [today, "c", "c1", yesterday, "c2", "c3", week, "c4", "c5"]


def test_new_conversation(qtbot: QtBot, sidebar: Sidebar) -> None:
    with qtbot.waitSignal(sidebar.new_requested):
        qtbot.mouseClick(sidebar.new_button, Qt.MouseButton.LeftButton)


def test_the_keyboard_walks_opens_renames_and_deletes(qtbot: QtBot, sidebar: Sidebar) -> None:
    sidebar.list.setFocus()
    sidebar.set_active("c")
    qtbot.keyClick(sidebar.list, Qt.Key.Key_Down)
    with qtbot.waitSignal(sidebar.open_requested) as opened:
        qtbot.keyClick(sidebar.list, Qt.Key.Key_Return)
    assert opened.args == ["c1"]
    with qtbot.waitSignal(sidebar.delete_requested) as deleted:
        qtbot.keyClick(sidebar.list, Qt.Key.Key_Delete)
    assert deleted.args == [("c1",)]
    qtbot.keyClick(sidebar.list, Qt.Key.Key_F2)
    editor = editor_of(sidebar)
    assert editor.text() == "Letter to the landlord about the heating"
    editor.setText("  Heating ")
    with qtbot.waitSignal(sidebar.rename_requested) as renamed:
        qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert renamed.args == [("c1", "Heating")]


@pytest.mark.parametrize(("text", "key"), [("Other", Qt.Key.Key_Escape), ("   ", Qt.Key.Key_Return)])
def test_leaving_the_editor_changes_nothing(qtbot: QtBot, sidebar: Sidebar, text: str, key: Qt.Key) -> None:
    sidebar.rename("c3")
    editor = editor_of(sidebar)
    editor.setText(text)
    with qtbot.assertNotEmitted(sidebar.rename_requested):
        qtbot.keyClick(editor, key)


def test_a_double_click_renames(qtbot: QtBot, sidebar: Sidebar) -> None:
    place = middle_of(sidebar, "c1")
    qtbot.mouseClick(sidebar.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(sidebar.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert editor_of(sidebar).text() == "Letter to the landlord about the heating"


def test_the_context_menu(qtbot: QtBot, sidebar: Sidebar, listed: ConversationListModel) -> None:
    menu = sidebar.list.build_menu(sidebar.list.index_of("c4"))
    words = [action.text().split("\t")[0].replace("&", "") for action in menu.actions() if action.text()]
    assert words == ["Open", "Rename", "Pin", "Move to", "Duplicate", "Delete"]
    with qtbot.waitSignal(sidebar.delete_requested) as deleted:
        menu.actions()[-1].trigger()
    assert deleted.args == [("c4",)]
    menu.close()


def test_the_invitation_while_there_is_nothing(sidebar: Sidebar, listed: ConversationListModel) -> None:
    assert not sidebar.empty.isVisible()
    listed.set_conversations([])
    assert sidebar.empty.isVisible()
    listed.upsert(Conversation(id="x", title="<b>x</b>", created_at=NOW, updated_at=NOW))
    assert not sidebar.empty.isVisible()


def test_it_can_be_drawn_in_any_state(sidebar: Sidebar, listed: ConversationListModel) -> None:
    listed.set_running(["c2"])
    sidebar.set_active("c2")
    light = sidebar.grab().toImage()
    sidebar.set_theme(DARK)
    assert sidebar.grab().toImage() != light


def test_delete_key_is_not_taken_from_the_editor(qtbot: QtBot, sidebar: Sidebar) -> None:
    sidebar.rename("c3")
    editor = editor_of(sidebar)
    editor.setCursorPosition(0)
    with qtbot.assertNotEmitted(sidebar.delete_requested):
        qtbot.keyClick(editor, Qt.Key.Key_Delete)
    qtbot.keyClick(editor, Qt.Key.Key_Escape)


def warm(conversation_id: str, tier: Tier) -> ConversationWarmth:
    return ConversationWarmth(conversation_id=conversation_id, tier=tier, tokens=6412, disk_bytes=146 * 2**20)


def picture_of(sidebar: Sidebar, conversation_id: str) -> QImage:
    index = sidebar.list.index_of(conversation_id)
    whole = sidebar.list.visualRect(index)
    return sidebar.list.viewport().grab(sidebar.list.titles.title_rectangle(whole)).toImage()


def test_each_warmth_and_a_running_answer_look_different(sidebar: Sidebar, listed: ConversationListModel) -> None:
    pictures = [picture_of(sidebar, "c3")]
    for tier in Tier:
        listed.set_warmth({"c3": warm("c3", tier)})
        pictures.append(picture_of(sidebar, "c3"))
    listed.set_running(["c3"])
    pictures.append(picture_of(sidebar, "c3"))
    grey = [picture.convertToFormat(QImage.Format.Format_Grayscale8) for picture in pictures]
    assert all(grey[a] != grey[b] for a in range(5) for b in range(a)), "colour alone says nothing"


def test_the_tooltip_says_how_warm_and_a_title_that_is_cut(sidebar: Sidebar, listed: ConversationListModel) -> None:
    def tooltip(conversation_id: str) -> str:
        index = sidebar.list.index_of(conversation_id)
        place = sidebar.list.titles.title_rectangle(sidebar.list.visualRect(index))
        return sidebar.list.titles.tooltip_text(place, index)

    assert tooltip("c3") == ""
    listed.set_warmth({"c3": warm("c3", Tier.DISK), "c1": warm("c1", Tier.DEVICE)})
    assert tooltip("c3") == "On disk: 6,412 tokens (146 MiB) are loaded back instead of being read again."
    assert tooltip("c1").startswith("Letter to the landlord about the heating\nWarm: 6,412 tokens")


def test_a_hover_shows_the_tooltip_as_plain_text(qtbot: QtBot, sidebar: Sidebar, listed: ConversationListModel) -> None:
    listed.upsert(Conversation(id="x", title="<b>x</b>" * 9, created_at=NOW + 9, updated_at=NOW + 9))
    place = middle_of(sidebar, "x")
    viewport = sidebar.list.viewport()
    QApplication.sendEvent(viewport, QHelpEvent(QEvent.Type.ToolTip, place, viewport.mapToGlobal(place)))
    assert "&lt;b&gt;" in QToolTip.text()
    QToolTip.hideText()
    qtbot.waitUntil(lambda: not QToolTip.isVisible())


def test_a_mark_lays_nothing_out_anew_and_disturbs_no_editing(sidebar: Sidebar, listed: ConversationListModel) -> None:
    sidebar.rename("c3")
    editor_of(sidebar).setText("Half a ti")
    asked: list[int] = []
    laid_out = sidebar.list.scheduleDelayedItemsLayout
    sidebar.list.scheduleDelayedItemsLayout = lambda: asked.append(1)  # type: ignore[method-assign]
    listed.set_warmth({"c3": warm("c3", Tier.DISK)})
    assert asked == []
    listed.upsert(msgspec.structs.replace(listed.conversation(3), title="Another title"))
    assert editor_of(sidebar).text() == "Half a ti"
    sidebar.rows.refresh()
    assert asked == [], "the calendar has not changed"
    sidebar.list.scheduleDelayedItemsLayout = laid_out  # type: ignore[method-assign]
