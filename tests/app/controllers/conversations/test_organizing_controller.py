from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt

from app.controllers import notices
from app.conversations import organizing
from app.conversations.records import Folder
from app.conversations.tree import ConversationTree
from tests.app.controllers.conftest import Desk


@pytest.fixture
def three(desk: Desk) -> list[str]:
    """Three conversations with an answer each; the last one is shown."""
    desk.open_shop()
    ids = []
    for word in ("One", "Two", "Three"):
        desk.conversations.new()
        desk.talk(word, f"Answer {word}")
        ids.append(str(desk.conversations.current_id))
    return ids


def stored_folders(desk: Desk) -> list[Folder]:
    return desk.thread.submit(lambda store: organizing.folders(store.database)).result(30)


def test_pins_survive_a_restart_and_an_answer(desk: Desk, three: list[str], reopened: Callable[[], Desk]) -> None:
    desk.organizing.pin((three[1:], True))
    desk.talk("More", "Yes")  # saved with the whole conversation
    assert [desk.record(each).is_pinned for each in three] == [False, True, True]
    assert desk.conversations.current is not None
    assert desk.conversations.current.conversation.is_pinned
    desk.organizing.pin((three[1:2], False))
    desk.settle()
    again = reopened()
    again.open_shop()
    assert {each.id for each in again.list.all if each.is_pinned} == {three[2]}


def test_a_folder_is_made_named_filled_and_closed(desk: Desk, three: list[str], reopened: Callable[[], Desk]) -> None:
    with desk.qtbot.waitSignal(desk.organizing.folder_added) as added:
        desk.organizing.add_folder(three[:2])
    (made,) = added.args
    assert made.name == "New folder"
    desk.organizing.add_folder(())
    assert [each.name for each in desk.list.folders] == ["New folder", "New folder 2"]
    desk.organizing.rename_folder((made.id, "  Work\nand play "))
    desk.organizing.rename_folder((made.id, "   "))
    desk.organizing.fold((made.id, True))
    desk.settle()
    again = reopened()
    again.open_shop()
    kept = next(each for each in again.list.folders if each.id == made.id)
    assert (kept.name, kept.is_collapsed) == ("Work and play", True)
    assert {each.id for each in again.list.all if each.folder_id == made.id} == set(three[:2])


def test_moving_unpins(desk: Desk, three: list[str]) -> None:
    desk.organizing.add_folder(())
    (made,) = desk.list.folders
    desk.organizing.pin((three, True))
    desk.organizing.move((three[:1], made.id))
    desk.organizing.move((three[1:2], None))
    desk.organizing.move((three[2:], "no such folder"))
    desk.settle()
    assert [(desk.record(each).folder_id, desk.record(each).is_pinned) for each in three] == [
        (made.id, False),
        (None, False),
        (None, True),
    ]


def test_a_deleted_folder_leaves_its_conversations_and_can_be_brought_back(desk: Desk, three: list[str]) -> None:
    desk.organizing.add_folder(three[:2])
    (made,) = desk.list.folders
    desk.organizing.delete_folder(made.id)
    desk.settle()
    assert stored_folders(desk) == []
    assert [desk.record(each).folder_id for each in three] == [None, None, None]
    assert len(desk.list.all) == 3
    notice = desk.notices[notices.folder_deleted_key(made.id)]
    desk.organizing.add_folder(three[1:2])
    other = next(each for each in desk.list.folders if each.id != made.id)
    desk.organizing.on_notice_action(notice.action_key)
    desk.settle()
    assert [desk.record(each).folder_id for each in three] == [made.id, other.id, None]
    assert {each.id: each.folder_id for each in desk.list.all} == {
        three[0]: made.id, three[1]: other.id, three[2]: None
    }  # fmt: skip
    assert desk.notices == {}


def test_a_private_conversation_is_pinned_but_in_no_folder(desk: Desk) -> None:
    desk.open_shop()
    desk.conversations.new_private()
    desk.talk("Secret", "Yes")
    private_id = str(desk.conversations.current_id)
    desk.organizing.add_folder((private_id,))
    desk.organizing.pin(((private_id,), True))
    desk.settle()
    assert (desk.record(private_id).folder_id, desk.record(private_id).is_pinned) == (None, True)


def test_a_copy_has_all_versions_and_its_own_messages(desk: Desk, three: list[str]) -> None:
    answer_id = desk.shown()[-1].id
    desk.chat.regenerate(answer_id)
    desk.finish(desk.next_generate(3), "Another answer", 3)
    desk.settle()
    desk.organizing.duplicate(three[2:])
    desk.settle()
    copy_id = str(desk.conversations.current_id)
    assert copy_id not in three
    assert desk.record(copy_id).title == "Three (copy)"
    assert desk.texts() == ["Three", "Another answer"]
    tree = ConversationTree(desk.stored(copy_id))
    assert [each.content for each in tree.children(desk.shown()[0].id)] == ["Answer Three", "Another answer"]
    assert not {each.id for each in desk.stored(copy_id)} & {each.id for each in desk.stored(three[2])}
    assert [each.token_ids for each in desk.stored(copy_id)] == [each.token_ids for each in desk.stored(three[2])]


def test_an_answer_that_nobody_saw_is_marked_until_it_is_seen(
    desk: Desk, three: list[str], reopened: Callable[[], Desk]
) -> None:
    desk.conversations.open(three[0])
    desk.settle()
    command = desk.send("Again")
    desk.conversations.open(three[1])
    desk.settle()
    desk.finish(command, "Late", 7)
    desk.settle()
    assert desk.record(three[0]).is_unread
    assert desk.list.found(three[0]).is_unread  # type: ignore[union-attr]
    again = reopened()
    again.open_shop(three[0])
    assert again.conversations.current_id == three[0]
    assert not again.record(three[0]).is_unread


def test_an_answer_is_unread_while_the_window_is_not_in_front(desk: Desk) -> None:
    desk.open_shop()
    desk.is_looked_at = False
    desk.talk("One", "1")
    shown_id = str(desk.conversations.current_id)
    assert desk.record(shown_id).is_unread
    desk.unread.on_looked()
    assert desk.record(shown_id).is_unread
    desk.is_looked_at = True
    desk.unread.on_looked()
    desk.settle()
    assert not desk.record(shown_id).is_unread


def test_what_waits_for_its_turn_is_marked(desk: Desk, three: list[str]) -> None:
    desk.chat.send("First")
    desk.next_generate(3)
    desk.conversations.open(three[0])
    desk.settle()
    desk.chat.send("Second")
    words = {each.id: desk.list.data_of(each, Qt.ItemDataRole.AccessibleDescriptionRole) for each in desk.list.all}
    assert words[three[2]].startswith("Being answered now.")  # type: ignore[attr-defined]
    assert words[three[0]].startswith("A message waits")  # type: ignore[attr-defined]
