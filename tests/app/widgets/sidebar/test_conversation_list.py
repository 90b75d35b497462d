import msgspec
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu
from pytestqt.qtbot import QtBot

from app.conversations.records import Conversation, Folder
from app.models.conversation_list_model import ConversationListModel
from app.models.sidebar_model import CONVERSATIONS_MIME
from app.widgets.basics.theme import Theme
from app.widgets.sidebar.conversation_list import ConversationList
from app.widgets.sidebar.sidebar import Sidebar
from tests.app.widgets.demo_conversation import NOW, conversations

WORK = Folder(id="work", name="Work & play", created_at=1.0)
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def sidebar(qtbot: QtBot, theme: Theme, listed: ConversationListModel) -> Sidebar:
    listed.set_folders([WORK])
    listed.upsert(msgspec.structs.replace(conversations()[4], folder_id="work"))
    widget = Sidebar(listed, theme)
    qtbot.addWidget(widget)
    widget.resize(248, 700)
    with qtbot.waitExposed(widget):
        widget.show()
    widget.activateWindow()
    QApplication.processEvents()
    return widget


@pytest.fixture
def listing(sidebar: Sidebar) -> ConversationList:
    sidebar.list.setFocus()
    return sidebar.list


def place_of(listing: ConversationList, key: str) -> QPoint:
    index = listing.index_of(key)
    assert index.isValid()
    return listing.visualRect(index).center()


def click(
    qtbot: QtBot, listing: ConversationList, key: str, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    qtbot.mouseClick(listing.viewport(), Qt.MouseButton.LeftButton, modifier, place_of(listing, key))


def test_control_and_shift_choose_without_opening(qtbot: QtBot, listing: ConversationList) -> None:
    click(qtbot, listing, "c")
    with qtbot.assertNotEmitted(listing.chosen):
        click(qtbot, listing, "c3", CONTROL)
        assert listing.chosen_ids == ("c", "c3")
        click(qtbot, listing, "c5", SHIFT)
    assert listing.chosen_ids == ("c", "c3", "c5"), "what was chosen before stays"
    assert listing.titles.shows_chosen


def test_what_is_chosen_is_deleted_copied_and_pinned_together(qtbot: QtBot, listing: ConversationList) -> None:
    listing.setCurrentIndex(listing.index_of("c"))
    qtbot.keyClick(listing, Qt.Key.Key_Down, SHIFT)
    assert listing.chosen_ids == ("c", "c1")
    with qtbot.waitSignal(listing.delete_requested) as asked:
        qtbot.keyClick(listing, Qt.Key.Key_Delete)
    assert asked.args == [("c", "c1")]
    with qtbot.waitSignal(listing.duplicate_requested) as asked:
        qtbot.keyClick(listing, Qt.Key.Key_D, CONTROL)
    assert asked.args == [("c", "c1")]
    menu = listing.build_menu(listing.index_of("c1"))
    words = [action.text().split("\t")[0].replace("&", "") for action in menu.actions() if action.text()]
    assert words == ["Pin", "Move to", "Duplicate", "Delete"]
    with qtbot.waitSignal(listing.pin_requested) as asked:
        menu.actions()[0].trigger()
    assert asked.args == [(("c", "c1"), True)]
    menu.close()


def test_control_a_chooses_every_conversation_and_no_name_of_a_group(qtbot: QtBot, listing: ConversationList) -> None:
    qtbot.keyClick(listing, Qt.Key.Key_A, CONTROL)
    assert sorted(listing.chosen_ids) == sorted(each.id for each in conversations())


def test_the_menu_moves_into_folders(qtbot: QtBot, listing: ConversationList) -> None:
    menu = listing.build_menu(listing.index_of("c"))
    folders = menu.findChild(QMenu, "folders")
    assert isinstance(folders, QMenu)
    assert [each.text() for each in folders.actions()] == ["Work && play", "", "New folder"]
    with qtbot.waitSignal(listing.move_requested) as asked:
        folders.actions()[0].trigger()
    assert asked.args == [(("c",), "work")]
    with qtbot.waitSignal(listing.folder_requested) as asked:
        folders.actions()[-1].trigger()
    assert asked.args == [("c",)]
    menu.close()


def test_export_is_offered_only_where_somebody_can(qtbot: QtBot, listing: ConversationList) -> None:
    listing.can_export = True
    menu = listing.build_menu(listing.index_of("c"))
    export = next(action for action in menu.actions() if action.text() == "&Export…")
    with qtbot.waitSignal(listing.export_requested) as asked:
        export.trigger()
    assert asked.args == [("c",)]
    menu.close()


def test_the_menu_key_opens_the_menu_of_what_is_current(qtbot: QtBot, listing: ConversationList) -> None:
    listing.setCurrentIndex(listing.index_of("folder:work"))
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(0, 0), QPoint(0, 0))
    QApplication.sendEvent(listing.viewport(), event)
    menu = next(each for each in listing.findChildren(QMenu) if each.isVisible())
    assert [each.text().split("\t")[0].replace("&", "") for each in menu.actions() if each.text()] == [
        "Close",
        "Rename",
        "Delete folder",
    ]
    menu.close()


def test_a_folder_opens_and_closes_by_click_and_key(qtbot: QtBot, listing: ConversationList) -> None:
    for act in (
        lambda: click(qtbot, listing, "folder:work"),
        lambda: qtbot.keyClick(listing, Qt.Key.Key_Return),
        lambda: qtbot.keyClick(listing, Qt.Key.Key_Left),
    ):
        listing.setCurrentIndex(listing.index_of("folder:work"))
        with qtbot.waitSignal(listing.fold_requested) as asked:
            act()
        assert asked.args == [("work", True)]
    with qtbot.waitSignal(listing.fold_requested) as asked:
        qtbot.keyClick(listing, Qt.Key.Key_Right)
    assert asked.args == [("work", False)]
    with qtbot.waitSignal(listing.folder_delete_requested) as asked:
        qtbot.keyClick(listing, Qt.Key.Key_Delete)
    assert asked.args == ["work"]


def test_left_goes_from_a_conversation_to_its_folder(qtbot: QtBot, listing: ConversationList) -> None:
    listing.setCurrentIndex(listing.index_of("c4"))
    qtbot.keyClick(listing, Qt.Key.Key_Left)
    assert listing.currentIndex() == listing.index_of("folder:work")


def test_a_folder_is_renamed_in_place(qtbot: QtBot, sidebar: Sidebar, listing: ConversationList) -> None:
    listing.setCurrentIndex(listing.index_of("folder:work"))
    qtbot.keyClick(listing, Qt.Key.Key_F2)
    editor = listing.findChild(QLineEdit)
    assert isinstance(editor, QLineEdit)
    editor.setText("Projects")
    with qtbot.waitSignal(sidebar.folder_rename_requested) as asked:
        qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert asked.args == [("work", "Projects")]


def test_the_field_of_a_title_makes_room_for_the_scroll_bar(
    qtbot: QtBot, sidebar: Sidebar, listing: ConversationList
) -> None:
    row = listing.index_of("c")
    listing.edit_title(row)
    editor = listing.findChild(QLineEdit)
    assert isinstance(editor, QLineEdit)
    for height, scrolls in ((260, True), (700, False)):
        sidebar.resize(248, height)
        qtbot.waitUntil(lambda scrolls=scrolls: listing.verticalScrollBar().isVisible() is scrolls)
        assert editor.geometry() == listing.titles.title_rectangle(listing.visualRect(row))


def drop(listing: ConversationList, ids: tuple[str, ...], key: str) -> QDropEvent:
    data = QMimeData()
    data.setData(CONVERSATIONS_MIME, msgspec.json.encode(ids))
    event = QDropEvent(
        QPointF(place_of(listing, key)),
        Qt.DropAction.MoveAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        QEvent.Type.Drop,
    )
    listing.dropEvent(event)
    return event


@pytest.mark.parametrize(
    ("key", "folder_id"), [("folder:work", "work"), ("c4", "work"), ("date:Today", None), ("c2", None)]
)
def test_a_drop_anywhere_in_a_group_moves_there(
    qtbot: QtBot, listing: ConversationList, key: str, folder_id: str | None
) -> None:
    with qtbot.waitSignal(listing.move_requested) as asked:
        drop(listing, ("c5", "c6"), key)
    assert asked.args == [(("c5", "c6"), folder_id)]


def test_a_drop_among_the_pinned_pins(qtbot: QtBot, listing: ConversationList, listed: ConversationListModel) -> None:
    listed.upsert(msgspec.structs.replace(conversations()[8], is_pinned=True))
    with qtbot.waitSignal(listing.pin_requested) as asked:
        drop(listing, ("c5",), "c8")
    assert asked.args == [(("c5",), True)]


def test_what_is_chosen_is_what_is_dragged(listing: ConversationList) -> None:
    listing.selectAll()
    data = listing.model().mimeData(listing.selectionModel().selectedIndexes())
    assert msgspec.json.decode(data.data(CONVERSATIONS_MIME).data(), type=tuple[str, ...]) == listing.chosen_ids


def test_choice_and_place_stay_when_an_answer_moves_a_row(
    listing: ConversationList, listed: ConversationListModel
) -> None:
    listing.setCurrentIndex(listing.index_of("c5"))
    listed.upsert(msgspec.structs.replace(conversations()[8], updated_at=NOW + 1))
    assert listing.chosen_ids == ("c5",)
    assert listing.currentIndex() == listing.index_of("c5")


@pytest.mark.parametrize(
    "title", ["\u202egnp.exe", "a\nb\r\nc" * 50, "😀" * 500, "<img src=x>&amp;", "\u0000\u200f", "مرحبا بالعالم"]
)
def test_any_title_is_drawn_on_one_line(sidebar: Sidebar, listed: ConversationListModel, title: str) -> None:
    listed.upsert(Conversation(id="x", title=title, created_at=NOW + 9, updated_at=NOW + 9, is_unread=True))
    listed.set_folders([WORK, Folder(id="f", name=title, created_at=2.0, is_collapsed=True)])
    for direction in (Qt.LayoutDirection.RightToLeft, Qt.LayoutDirection.LeftToRight):
        sidebar.setLayoutDirection(direction)
        sidebar.grab()
    heights = {sidebar.list.visualRect(sidebar.list.index_of(key)).height() for key in ("x", "c", "folder:f")}
    assert len(heights) == 1


def test_marks_are_seen(sidebar: Sidebar, listed: ConversationListModel) -> None:
    def picture() -> bytes:
        image = sidebar.list.viewport().grab(sidebar.list.visualRect(sidebar.list.index_of("c3"))).toImage()
        return image.bits().tobytes()

    pictures = [picture()]
    listed.set_running((), ["c3"])
    pictures.append(picture())
    listed.upsert(msgspec.structs.replace(conversations()[3], is_unread=True))
    pictures.append(picture())
    assert len(set(pictures)) == 3
    words = sidebar.list.index_of("c3").data(Qt.ItemDataRole.AccessibleDescriptionRole)
    assert words == "A message waits for its turn here. A new answer was not read yet."


def test_what_is_opened_is_chosen_alone_though_a_key_with_ctrl_opened_it(
    qtbot: QtBot, listing: ConversationList, sidebar: Sidebar
) -> None:
    sidebar.set_active("c")
    qtbot.keyPress(listing, Qt.Key.Key_N, CONTROL)  # Ctrl is still held while the other one is shown
    sidebar.set_active("c3")
    assert listing.chosen_ids == ("c3",)
    sidebar.set_active("")
    assert listing.chosen_ids == ()
    qtbot.keyRelease(listing, Qt.Key.Key_N)
