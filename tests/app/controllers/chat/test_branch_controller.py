from collections.abc import Iterator

import pytest

from app.controllers.chat.branch_controller import BranchController
from tests.app.controllers.conftest import Desk


@pytest.fixture
def branches(desk: Desk) -> Iterator[BranchController]:
    desk.open_shop()
    result = BranchController(desk.conversations, desk.requests)
    yield result
    result.deleteLater()


def test_a_branch_is_stored_listed_and_shown(desk: Desk, branches: BranchController) -> None:
    _, first_id = desk.talk("One", "First")
    desk.talk("Two", "Second")
    original = desk.list.conversation(0)
    before = desk.stored()
    branches.branch(first_id)
    desk.settle()
    assert desk.texts() == ["One", "First"]
    assert [desk.list.conversation(row).title for row in range(desk.list.rowCount())] == ["One (branch)", "One"]
    assert desk.conversations.current_id == desk.list.conversation(0).id != original.id
    assert desk.shown() == desk.stored()
    assert [message.token_ids for message in desk.stored()] == [(), (1, 2)]
    assert desk.stored()[1].statistics == before[1].statistics
    assert min(message.sequence for message in desk.stored()) > max(message.sequence for message in before)
    assert desk.stored(original.id) == before


def test_the_branch_goes_on_with_the_ids_and_the_date_of_the_original(desk: Desk, branches: BranchController) -> None:
    _, first_id = desk.talk("One", "First")
    branches.branch(first_id)
    desk.settle()
    command = desk.send("Three")
    original = desk.engine.generates[0]
    assert [turn.content for turn in command.messages] == ["One", "First", "Three"]
    assert command.messages[1].token_ids == (1, 2)
    assert command.started_at == original.started_at
    assert command.conversation_id != original.conversation_id


def test_nothing_happens_for_a_message_that_is_not_there(desk: Desk, branches: BranchController) -> None:
    branches.branch("nothing")
    desk.talk("One", "First")
    branches.branch("nothing")
    desk.settle()
    assert desk.list.rowCount() == 1
