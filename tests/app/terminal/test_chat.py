import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app import cli
from app.conversations.errors import StoreError
from app.conversations.store import ConversationStore
from app.paths import locate
from app.terminal.dialogue import Dialogue
from app.terminal.engine_session import EngineSession
from engine.api.commands import Command, Generate, PrepareConversation
from engine.api.plan import Plan
from tests.app.terminal.conftest import Run
from tests.app.terminal.test_ask import FIELDS, messages_of
from tests.engine_scripts import Script


def test_each_line_from_a_pipe_is_one_message(hearth: Run) -> None:
    result = hearth("chat", stdin="One\n\nTwo\r\nThree")
    assert (result.status, result.out) == (0, "You said: One\nYou said: Two\nYou said: Three\n")
    assert result.err.count("Scripted model") == 3


def test_json_gives_one_object_for_each_answer(hearth: Run) -> None:
    result = hearth("chat", "--json", "--conversation", "Rome", stdin="One\nTwo\n")
    answers = [json.loads(line) for line in result.out.splitlines()]
    assert [answer["text"] for answer in answers] == ["You said: One", "You said: Two"]
    assert all(set(answer) == FIELDS for answer in answers)
    assert answers[1]["reused_tokens"] > 0
    assert answers[1]["prefilled_tokens"] <= answers[1]["prompt_tokens"] - answers[1]["reused_tokens"] + 1
    assert len(messages_of("Rome")) == 4


def test_new_begins_another_conversation_and_quit_leaves(hearth: Run) -> None:
    result = hearth("chat", "--conversation", "Rome", stdin="One\n/new\nTwo\n/quit\nThree\n")
    assert result.out == "You said: One\nYou said: Two\n"
    assert [message.content for message in messages_of("Rome")] == ["One", "You said: One"]
    store = ConversationStore(locate().database)
    assert {conversation.title for conversation in store.list_conversations()} == {"Rome", "Two"}
    store.close()


def test_a_message_that_fails_does_not_end_the_chat(
    hearth: Run, use_script: Callable[..., None], tmp_path: Path
) -> None:
    use_script("fail", tmp_path / "once")
    result = hearth("chat", stdin="One\nTwo\n")
    assert result.status == 1
    assert "chat template" in result.err
    assert "Paris" in result.out


def test_the_next_message_after_the_engines_death_is_answered(
    hearth: Run, use_script: Callable[..., None], tmp_path: Path
) -> None:
    use_script("kill", tmp_path / "once")
    result = hearth("chat", stdin="One\nTwo\n")
    assert result.status == 1
    assert result.err.count("Scripted model") == 1


def test_a_full_conversation_goes_on_without_its_oldest_messages_and_says_so(
    hearth: Run, use_script: Callable[..., None]
) -> None:
    use_script(Script(answer="one two three four five six", context_window=25, rolls=True))
    result = hearth("chat", "--conversation", "Rome", stdin="One\nTwo\nThree\nFour\n")
    assert result.status == 0
    assert result.err.count("without its oldest messages") == 2
    stored = messages_of("Rome")
    assert [message.context_start_id for message in stored[1::2]] == [None, None, stored[2].id, stored[4].id]


def test_while_the_user_types_the_engine_reads_ahead(
    use_script: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Command] = []
    start = EngineSession.start

    def spy(session: EngineSession, command: Command) -> None:
        started.append(command)
        start(session, command)

    lines = iter(["One", "Two", "/quit"])
    monkeypatch.setattr(EngineSession, "start", spy)
    monkeypatch.setattr("builtins.input", lambda _prompt: next(lines))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    assert cli.main(["chat"]) == 0
    assert [type(command) for command in started] == [PrepareConversation] * 2
    last = started[1]
    assert isinstance(last, PrepareConversation)
    assert [turn.content for turn in last.messages] == ["One", "You said: One", "Two", "You said: Two"]
    assert last.is_private  # it has no name, so nothing of it may be on disk


def test_a_command_that_there_is_not_is_told_to_a_person(
    use_script: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = iter(["/help", "/etc/hosts?", "/NEW ", " /Quit", "never"])
    monkeypatch.setattr("builtins.input", lambda _prompt: next(lines))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    assert cli.main(["chat"]) == 0
    written = capsys.readouterr()
    assert "There is no /help. Type a message" in written.err
    assert "A new conversation." in written.err
    assert written.out == "You said: /etc/hosts?\n"


def test_a_message_that_can_not_be_stored_does_not_end_the_chat(hearth: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_turn = Dialogue.begin_turn

    def fail_once(dialogue: Dialogue, text: str, plan: Plan) -> object:
        if text == "One":
            raise StoreError("The disk is full.")
        return begin_turn(dialogue, text, plan)

    monkeypatch.setattr(Dialogue, "begin_turn", fail_once)
    result = hearth("chat", stdin="One\nTwo\n")
    assert (result.status, result.out) == (1, "You said: Two\n")
    assert "The disk is full." in result.err


def test_half_a_character_from_a_pipe_costs_no_answer(hearth: Run) -> None:
    result = hearth("chat", "--conversation", "c", stdin="a\udcffb\n")
    assert result.status == 0
    assert result.out.startswith("You said: a")


def test_a_new_conversation_has_not_the_name_of_the_first(hearth: Run) -> None:
    result = hearth("chat", "--json", "--conversation", "Rome", stdin="One\n/new\nTwo\n")
    assert [json.loads(line)["conversation"] for line in result.out.splitlines()] == ["Rome", None]


def test_instructions_of_the_command_line_stand_over_those_of_the_conversation(
    hearth: Run, commands: list[Command]
) -> None:
    for system in ("First.", "Second."):
        hearth("ask", "Hello", "--conversation", "c", "--system", system)
    hearth("ask", "Hello", "--conversation", "c")
    told = [command.messages[0].content for command in commands if isinstance(command, Generate)]
    assert told == ["First.", "Second.", "Second."], "the last ones stay the conversation's"
