from collections.abc import Iterator

import pytest

from app.controllers.chat.branch_controller import BranchController
from app.controllers.chat.housekeeping_controller import HousekeepingController
from app.settings.schema import Settings
from engine.api.commands import Command, PrepareConversation, SuggestTitle
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import CommandCancelled, CommandFailed, ContextRolled, FinishReason, TitleSuggested
from engine.api.sampling import Sampling
from tests.app.controllers.conftest import Desk, ids_of

QUESTION = "Please explain to me how the tides come about in the North Sea"


class Housekeeping:
    """The controller on a desk, connected as main.py does."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.settings = Settings()
        self.warm: set[str] = set()
        self.controller = HousekeepingController(
            desk.conversations,
            desk.requests,
            desk.engine.commands.append,
            lambda: self.settings,
            self.warm.__contains__,
        )
        desk.chat.answered.connect(self.controller.after_answer)

    def asked(self) -> list[SuggestTitle]:
        return [command for command in self.desk.engine.commands if isinstance(command, SuggestTitle)]

    def suggest(self, title: str) -> None:
        command = self.asked()[-1]
        self.controller.on_event(
            TitleSuggested(
                command_id=command.command_id, conversation_id=command.conversation_id, title=title, read_tokens=7
            )
        )
        self.desk.settle()

    def title(self) -> str:
        shown = self.desk.list.conversation(0)
        stored = self.desk.record(shown.id)
        assert (shown.title, shown.title_is_manual) == (stored.title, stored.title_is_manual)
        current = self.desk.conversations.current
        assert current is None or current.conversation.title == shown.title
        return shown.title


@pytest.fixture
def housekeeping(desk: Desk) -> Iterator[Housekeeping]:
    desk.open_shop()
    result = Housekeeping(desk)
    yield result
    result.controller.deleteLater()


def background(desk: Desk) -> list[Command]:
    return [command for command in desk.engine.commands if isinstance(command, PrepareConversation | SuggestTitle)]


def test_after_an_answer_the_next_prompt_is_read_ahead_and_then_a_title_is_asked_for(
    desk: Desk, housekeeping: Housekeeping
) -> None:
    desk.settings = Settings(temperature=0.3)
    desk.talk(QUESTION, "The moon.")
    prepare, suggest = background(desk)
    assert isinstance(prepare, PrepareConversation)
    assert isinstance(suggest, SuggestTitle)
    assert [turn.content for turn in prepare.messages] == [QUESTION, "The moon."]
    assert prepare.messages[1].token_ids == (1, 2)
    assert suggest.messages == prepare.messages
    assert prepare.sampling == suggest.sampling == desk.engine.generates[0].sampling == Sampling(temperature=0.3)
    assert prepare.started_at == suggest.started_at == desk.list.conversation(0).created_at


def test_a_copy_of_a_warm_conversation_is_prepared_and_of_a_cold_one_not(
    desk: Desk, housekeeping: Housekeeping
) -> None:
    _, answer_id = desk.talk(QUESTION, "The moon.")
    original_id = str(desk.conversations.current_id)
    branches = BranchController(desk.conversations, desk.requests)
    branches.copied.connect(housekeeping.controller.after_copy)
    desk.organizing.copied.connect(housekeeping.controller.after_copy)
    before = len(background(desk))
    branches.branch(answer_id)
    desk.settle()
    assert len(background(desk)) == before, "the original is cold: reading it again is for the one who goes on"
    housekeeping.warm.add(original_id)
    desk.organizing.duplicate([original_id])
    desk.settle()
    prepare = background(desk)[-1]
    assert len(background(desk)) == before + 1
    assert isinstance(prepare, PrepareConversation)
    assert prepare.conversation_id == desk.conversations.current_id != original_id
    assert prepare.messages == background(desk)[0].messages
    branches.deleteLater()


def test_the_models_title_is_kept_and_shown(desk: Desk, housekeeping: Housekeeping) -> None:
    desk.talk(QUESTION, "The moon.")
    housekeeping.suggest("**Tides** of the North Sea")
    assert housekeeping.title() == "Tides of the North Sea"
    assert not desk.list.conversation(0).title_is_manual
    desk.talk("And in the Baltic?", "Hardly any.")
    assert len(housekeeping.asked()) == 1
    assert housekeeping.title() == "Tides of the North Sea"


def test_short_messages_are_titles_already(desk: Desk, housekeeping: Housekeeping) -> None:
    desk.talk("What is the capital of France?", "Paris.")
    assert housekeeping.asked() == []
    assert len(background(desk)) == 1


def test_no_titles_if_the_user_wants_none(desk: Desk, housekeeping: Housekeeping) -> None:
    housekeeping.settings = Settings(write_titles=False)
    desk.talk(QUESTION, "The moon.")
    assert housekeeping.asked() == []


@pytest.mark.parametrize("title", ["", "   ", QUESTION])
def test_titles_that_say_nothing_new_change_nothing(desk: Desk, housekeeping: Housekeeping, title: str) -> None:
    desk.talk(QUESTION, "The moon.")
    before = housekeeping.title()
    housekeeping.suggest(title)
    assert housekeeping.title() == before


def test_a_title_given_by_hand_meanwhile_stays(desk: Desk, housekeeping: Housekeeping) -> None:
    desk.talk(QUESTION, "The moon.")
    desk.conversations.rename((desk.list.conversation(0).id, "Mine"))
    housekeeping.suggest("Tides")
    assert housekeeping.title() == "Mine"


def test_a_conversation_that_was_deleted_meanwhile_gets_none(desk: Desk, housekeeping: Housekeeping) -> None:
    desk.talk(QUESTION, "The moon.")
    conversation_id = desk.list.conversation(0).id
    desk.deletions.delete(conversation_id)
    housekeeping.suggest("Tides")
    desk.deletions.undo_delete(conversation_id)
    desk.settle()
    assert housekeeping.title() == QUESTION[:59].rsplit(" ", 1)[0] + "…"


def test_a_title_that_was_given_up_is_asked_for_after_the_next_answer(desk: Desk, housekeeping: Housekeeping) -> None:
    desk.talk(QUESTION, "The moon.")
    housekeeping.controller.on_event(CommandCancelled(command_id=housekeeping.asked()[0].command_id))
    desk.talk("And the sun?", "A little.")
    assert len(housekeeping.asked()) == 2
    housekeeping.suggest("Tides")
    assert housekeeping.title() == "Tides"


def test_a_conversation_whose_beginning_was_left_out_keeps_its_first_question(
    desk: Desk, housekeeping: Housekeeping
) -> None:
    desk.finish(desk.send(QUESTION), "The", 1, reason=FinishReason.CONTEXT_FULL)
    command = desk.send("And then?")
    desk.chat.on_event(ContextRolled(first_kept=2, **ids_of(command)))
    desk.finish(command, "Then the sun.", 3)
    desk.settle()
    assert len(background(desk)) == 1
    assert not housekeeping.asked()


def test_a_title_that_failed_is_not_asked_for_again(desk: Desk, housekeeping: Housekeeping) -> None:
    desk.talk(QUESTION, "The moon.")
    error = ErrorReport(kind=ErrorKind.TEMPLATE_FAILED, message="It failed.")
    housekeeping.controller.on_event(CommandFailed(command_id=housekeeping.asked()[0].command_id, error=error))
    desk.talk("And the sun?", "A little.")
    assert len(housekeeping.asked()) == 1


@pytest.mark.parametrize("reason", [FinishReason.STOPPED, FinishReason.MAXIMUM_TOKENS, FinishReason.CONTEXT_FULL])
def test_nothing_is_done_after_an_answer_that_did_not_end_by_itself(
    desk: Desk, housekeeping: Housekeeping, reason: FinishReason
) -> None:
    desk.finish(desk.send(QUESTION), "The", 1, reason=reason)
    assert background(desk) == []


def test_nothing_is_done_while_a_message_waits(desk: Desk, housekeeping: Housekeeping) -> None:
    command = desk.send(QUESTION)
    desk.chat.send("Next")
    desk.finish(command, "The moon.", 1)
    assert background(desk) == []
    desk.finish(desk.next_generate(1), "Yes.", 1)
    assert [type(command) for command in background(desk)] == [PrepareConversation]
