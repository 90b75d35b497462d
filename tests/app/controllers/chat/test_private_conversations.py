from collections.abc import Callable
from pathlib import Path

from app.controllers.chat.branch_controller import BranchController
from app.controllers.chat.housekeeping_controller import HousekeepingController
from engine.api.commands import ForgetConversation, PrepareConversation, SuggestTitle
from tests.app.controllers.conftest import Desk

SECRET = "Zanzibar"


def on_disk(database: Path) -> set[str]:
    folder = database.parent
    return {path.name for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()}


def test_a_private_conversation_is_told_to_the_engine_and_kept_from_the_disk(desk: Desk, database: Path) -> None:
    desk.open_shop()
    told: list[bool] = []
    desk.conversations.private_changed.connect(told.append)
    desk.conversations.new_private()
    desk.conversations.save_draft(f"{SECRET} is")
    command = desk.send(f"{SECRET} is an island")
    assert command.is_private
    desk.say(command, SECRET, 1)
    desk.finish(command, f"{SECRET}, yes", 1, 2)
    desk.settle()
    assert desk.list.conversation(0).is_private
    assert [message.content for message in desk.stored()] == [f"{SECRET} is an island", f"{SECRET}, yes"]
    assert on_disk(database) == set()
    private_id = desk.conversations.current_id
    desk.conversations.new()
    desk.conversations.open(private_id)
    desk.settle()
    assert desk.texts() == [f"{SECRET} is an island", f"{SECRET}, yes"]
    assert told == [True, False, True]
    assert desk.send("And?").is_private


def test_what_is_done_between_messages_knows_it_too(desk: Desk) -> None:
    desk.open_shop()
    housekeeping = HousekeepingController(
        desk.conversations, desk.requests, desk.engine.commands.append, lambda: desk.settings, lambda _: True
    )
    desk.chat.answered.connect(housekeeping.after_answer)
    desk.conversations.new_private()
    desk.talk(f"{SECRET} is an island with more than six words", "Yes")
    background = [each for each in desk.engine.commands if isinstance(each, PrepareConversation | SuggestTitle)]
    assert [each.is_private for each in background] == [True, True]
    housekeeping.deleteLater()


def test_each_kind_of_page_has_its_own_draft(desk: Desk, database: Path) -> None:
    desk.open_shop()
    desk.conversations.save_draft("for all to see")
    desk.conversations.new_private()
    assert desk.draft == ""
    desk.conversations.save_draft(f"{SECRET} only")
    desk.conversations.new()
    assert desk.draft == "for all to see"
    desk.conversations.new_private()
    assert desk.draft == f"{SECRET} only"
    desk.settle()
    assert desk.list.rowCount() == 0
    assert on_disk(database) == set()


def test_a_branch_of_a_private_conversation_is_private(desk: Desk, database: Path) -> None:
    desk.open_shop()
    branches = BranchController(desk.conversations, desk.requests)
    desk.conversations.new_private()
    _, answer_id = desk.talk(SECRET, "Yes")
    branches.branch(answer_id)
    desk.settle()
    assert [desk.list.conversation(row).is_private for row in range(2)] == [True, True]
    assert on_disk(database) == set()
    branches.deleteLater()


def test_a_new_conversation_after_a_private_one_is_kept(desk: Desk, database: Path) -> None:
    desk.open_shop()
    desk.conversations.new_private()
    desk.talk("One", "First")
    desk.deletions.delete(desk.conversations.current_id)
    assert not desk.conversations.is_private
    assert not desk.send(f"{SECRET} again").is_private
    desk.settle()
    assert on_disk(database)


def test_the_engine_forgets_it_when_it_is_deleted(desk: Desk) -> None:
    desk.open_shop()
    desk.conversations.new_private()
    desk.talk("One", "First")
    private_id = desk.conversations.current_id
    desk.deletions.delete(private_id)
    desk.deletions._on_purge_due()
    desk.thread.submit(lambda store: store.purge_deleted(1e18)).result(30)
    desk.deletions._on_purged([str(private_id)])
    assert private_id in {each.conversation_id for each in desk.engine.commands if isinstance(each, ForgetConversation)}


def test_it_is_gone_after_a_restart(desk: Desk, reopened: Callable[[], Desk]) -> None:
    desk.open_shop()
    desk.conversations.new_private()
    desk.talk("One", "First")
    private_id = desk.conversations.current_id
    desk.chat.shut_down()
    desk.settle()
    again = reopened()
    again.open_shop(private_id)
    assert again.list.rowCount() == 0
    assert again.texts() == []
