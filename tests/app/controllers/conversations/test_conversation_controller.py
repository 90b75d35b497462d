import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.controllers import notices
from app.conversations.records import Message, MessageState
from app.conversations.store_thread import StoreThread
from app.conversations.tree import ConversationTree
from tests.app.controllers.conftest import Desk
from tests.app.conversations.samples import of_a_newer_hearth


def test_the_last_conversation_is_shown_again(desk: Desk, reopened: Callable[[], Desk]) -> None:
    desk.open_shop()
    desk.talk("First", "1")
    first = desk.conversations.current_id
    desk.conversations.new()
    desk.talk("Second", "2")
    desk.chat.shut_down()
    desk.settle()
    again = reopened()
    again.open_shop(first)
    assert again.texts() == ["First", "1"]
    assert [again.list.conversation(row).title for row in range(2)] == ["Second", "First"]


def test_a_last_conversation_that_is_gone_gives_the_page_of_a_new_one(desk: Desk) -> None:
    desk.open_shop("no such id")
    assert desk.conversations.current is None
    assert desk.texts() == []


def test_a_partial_answer_of_a_killed_program_is_marked_and_can_be_continued(
    desk: Desk, reopened: Callable[[], Desk], database: Path
) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.say(command, "Half", 1)
    desk.wait_until(lambda: desk.stored()[1].content == "Half")
    conversation_id = desk.conversations.current_id
    # As after SIGKILL: nothing more is written, and the writer's lock is free.
    desk.thread.submit(lambda store: store._writers.leave(cleanly=False)).result(30)
    again = reopened()
    again.open_shop(conversation_id)
    assert again.texts() == ["Hello", "Half"]
    assert again.shown()[1].state is MessageState.INTERRUPTED
    again.chat.continue_message(again.shown()[1].id)
    assert again.next_generate(0).continue_last


def test_drafts_belong_to_their_conversation_and_survive_a_restart(desk: Desk, reopened: Callable[[], Desk]) -> None:
    desk.open_shop()
    desk.talk("One", "1")
    one = desk.conversations.current_id
    desk.conversations.save_draft("more of one")
    desk.conversations.new()
    assert desk.draft == ""
    desk.conversations.save_draft("a new thought")
    desk.conversations.open(one)
    desk.settle()
    assert desk.draft == "more of one"
    desk.conversations.new()
    assert desk.draft == "a new thought"
    desk.chat.shut_down()
    desk.settle()
    again = reopened()
    again.open_shop()
    assert again.draft == "a new thought"
    assert again.list.rowCount() == 1, "a thought is not listed before it is sent"
    again.conversations.open(one)
    again.settle()
    assert again.draft == "more of one"


def test_a_sent_draft_is_gone(desk: Desk) -> None:
    desk.open_shop()
    desk.conversations.save_draft("Hello")
    command = desk.send("Hello")
    desk.finish(command, "Hi", 1)
    desk.conversations.drafts.flush()
    desk.settle()
    assert desk.list.rowCount() == 1
    conversation_id = desk.conversations.current_id
    assert conversation_id is not None
    assert desk.record(conversation_id).draft == ""
    desk.conversations.new()
    assert desk.draft == ""


def test_rename(desk: Desk) -> None:
    desk.open_shop()
    desk.talk("Hello", "Hi")
    conversation_id = desk.conversations.current_id
    assert conversation_id is not None
    changed: list[str] = []
    desk.conversations.conversation_changed.connect(lambda conversation: changed.append(conversation.title))
    desk.conversations.rename((conversation_id, "  My\ntitle "))
    desk.conversations.rename((conversation_id, "   "))
    desk.talk("More", "Yes")
    assert changed == ["My title"]
    assert desk.list.conversation(0).title == "My title"
    assert desk.record(conversation_id).title == "My title"


def test_a_deleted_conversation_can_be_brought_back(desk: Desk) -> None:
    desk.open_shop()
    desk.talk("Hello", "Hi")
    conversation_id = desk.conversations.current_id
    assert conversation_id is not None
    desk.deletions.delete(conversation_id)
    assert desk.list.rowCount() == 0
    assert desk.conversations.current is None
    notice = desk.notices[notices.deleted_key(conversation_id)]
    assert notice.text == "“Hello” was deleted. It can be restored for 20 seconds."
    desk.deletions.on_notice_action(notice.action_key)
    desk.settle()
    assert desk.list.rowCount() == 1
    assert desk.texts() == ["Hello", "Hi"]
    assert desk.notices == {}
    assert desk.record(conversation_id).deleted_at is None


def test_without_undo_it_is_gone_after_a_while(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.open_shop()
    desk.talk("Hello", "Hi")
    conversation_id = desk.conversations.current_id
    assert conversation_id is not None
    monkeypatch.setattr("app.controllers.conversations.deletion_controller.UNDO_SECONDS", 0.0)
    desk.deletions._purge_timer.setInterval(1)
    desk.deletions.delete(conversation_id)
    with desk.qtbot.waitSignal(desk.deletions.purged) as purged:
        pass
    assert purged.args == [(conversation_id,)]
    assert desk.notices == {}
    desk.deletions.undo_delete(conversation_id)
    assert desk.list.rowCount() == 0


def test_many_come_back_in_one_step(desk: Desk) -> None:
    """One after the other, two thousand of them held the window up for seconds."""
    desk.open_shop()
    for question in ("One", "Two", "Three"):
        desk.conversations.new()
        desk.talk(question, "Yes")
    ids = [each.id for each in desk.list.all]
    desk.deletions.delete(ids)
    changes: list[str] = []
    desk.list.rowsInserted.connect(lambda: changes.append("inserted"))
    desk.list.modelReset.connect(lambda: changes.append("reset"))
    desk.deletions.undo_delete(ids[0])
    desk.settle()
    assert changes == ["reset"]
    assert [each.id for each in desk.list.all] == ids


def test_several_are_deleted_and_brought_back_at_once(desk: Desk) -> None:
    desk.open_shop()
    ids = []
    for word in ("One", "Two", "Three"):
        desk.conversations.new()
        desk.talk(word, "Yes")
        ids.append(str(desk.conversations.current_id))
    desk.deletions.delete(ids[:2])
    desk.settle()
    assert desk.conversations.current_id == ids[2]
    assert [desk.record(each).deleted_at is None for each in ids] == [False, False, True]
    notice = desk.notices[notices.deleted_key(ids[0])]
    assert notice.text == "2 conversations were deleted. They can be restored for 20 seconds."
    desk.deletions.on_notice_action(notice.action_key)
    desk.settle()
    assert desk.list.rowCount() == 3
    assert all(desk.record(each).deleted_at is None for each in ids)
    assert desk.notices == {}


def test_of_two_conversations_that_are_opened_the_later_is_shown(desk: Desk) -> None:
    desk.open_shop()
    desk.talk("One", "1")
    one = desk.conversations.current_id
    desk.conversations.new()
    desk.talk("Two", "2")
    two = desk.conversations.current_id
    desk.conversations.new()
    desk.conversations.open(one)
    desk.conversations.open(two)
    desk.settle()
    assert desk.texts() == ["Two", "2"]


def test_a_conversation_that_arrives_after_new_was_pressed_is_not_shown(desk: Desk) -> None:
    desk.open_shop()
    desk.talk("One", "1")
    one = desk.conversations.current_id
    desk.conversations.new()
    desk.conversations.open(one)
    desk.conversations.new()
    desk.settle()
    assert desk.conversations.current is None
    assert desk.texts() == []


def test_an_old_state_that_arrives_late_does_not_undo_what_was_sent(desk: Desk) -> None:
    desk.open_shop()
    desk.talk("One", "1")
    one = desk.conversations.current_id
    desk.conversations.new()
    desk.conversations.shown.connect(lambda: desk.chat.send("Two") if not desk.engine.generates[1:] else None)
    desk.conversations.open(one)
    desk.conversations.open(one)
    desk.next_generate(1)
    desk.settle()
    assert desk.texts()[:3] == ["One", "1", "Two"]


def test_what_another_process_wrote_is_seen_when_the_conversation_is_opened(desk: Desk, database: Path) -> None:
    desk.open_shop()
    desk.talk("One", "1")
    one = desk.conversations.current_id
    desk.conversations.new()
    other = StoreThread(database)
    other.submit(lambda store: store.rename(one or "", "Renamed elsewhere")).result(30)
    assert other.close(30)
    desk.conversations.open(one)
    desk.settle()
    assert desk.conversations.current is not None
    assert desk.conversations.current.conversation.title == "Renamed elsewhere"


def test_a_database_that_can_not_be_opened_is_told(qtbot: QtBot, tmp_path: Path) -> None:
    desk = Desk(qtbot, of_a_newer_hearth(tmp_path / "newer.db"))
    try:
        desk.conversations.start(None)
        desk.wait_until(lambda: "store" in desk.notices)
        assert desk.notices["store"].text
    finally:
        desk.close()


def test_messages_are_put_in_order_beside_the_window(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten thousand it takes the twentieth of a second."""
    desk.open_shop()
    desk.talk("One", "1")
    first = desk.conversations.current_id
    assert first is not None
    desk.conversations.new()
    desk.settle()
    threads: list[str] = []
    walked = ConversationTree.__init__

    def noted(tree: ConversationTree, messages: Iterable[Message] = ()) -> None:
        threads.append(threading.current_thread().name)
        walked(tree, messages)

    monkeypatch.setattr(ConversationTree, "__init__", noted)
    desk.conversations.open(first)
    desk.settle()
    assert desk.texts() == ["One", "1"]
    assert threads
    assert threading.main_thread().name not in threads
