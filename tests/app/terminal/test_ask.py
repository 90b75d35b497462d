import json
import signal
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest

from app.conversations.answer_saver import AnswerSaver
from app.conversations.errors import StoreError
from app.conversations.records import Message, MessageState
from app.conversations.store import ConversationStore
from app.paths import locate
from app.terminal import answering
from app.terminal.dialogue import Dialogue
from app.terminal.engine_session import EngineSession, OnEvent
from app.terminal.interrupts import Interrupts
from engine.api.commands import Command, Generate, LoadCheckpoint, WhenFull
from engine.api.errors import ErrorKind, ErrorReport, Remedy
from engine.api.events import Terminal
from engine.api.plan import PrecisionChoice
from engine.api.warmth import GIB, TierBudgets
from tests.app.terminal.conftest import Run
from tests.engine_scripts import Script

FIELDS = {
    "text",
    "finish_reason",
    "prompt_tokens",
    "reused_tokens",
    "prefilled_tokens",
    "restored_tokens",
    "proposed_tokens",
    "accepted_tokens",
    "speculation",
    "thinking",
    "draft",
    "restored_from",
    "restore_seconds",
    "generated_tokens",
    "token_ids",
    "time_to_first_token_seconds",
    "tokens_per_second",
    "model",
    "precision",
    "precision_reason",
    "attention",
    "decode",
    "device",
    "context_window",
    "conversation",
}


def messages_of(name: str) -> list[Message]:
    store = ConversationStore(locate().database)
    try:
        conversation = store.find_by_name(name)
        return store.load_messages(conversation.id) if conversation is not None else []
    finally:
        store.close()


def test_the_answer_goes_to_stdout_and_the_numbers_to_stderr(hearth: Run) -> None:
    result = hearth("ask", "Hello")
    assert (result.status, result.out) == (0, "You said: Hello\n")
    assert result.err.startswith("Scripted model (BF16 on Scripted processor): ")
    assert result.err.count("\n") == 1


def test_json_is_exactly_one_object_with_the_promised_fields(hearth: Run) -> None:
    result = hearth("ask", "Hello", "--json")
    answer = json.loads(result.out)
    assert set(answer) == FIELDS
    assert (answer["text"], answer["finish_reason"], answer["conversation"]) == ("You said: Hello", "end", None)
    assert len(answer["token_ids"]) == answer["generated_tokens"] > 0
    assert result.err == ""


def test_a_dash_reads_the_question_from_stdin(hearth: Run) -> None:
    assert hearth("ask", "-", stdin="piped\ntext").out == "You said: piped\ntext\n"


@pytest.mark.parametrize("text", ["", "  \n "])
def test_an_empty_question_is_one_sentence(hearth: Run, text: str) -> None:
    for result in (hearth("ask", text), hearth("ask", "-", stdin=text)):
        assert (result.status, result.out) == (1, "")
        assert result.err.startswith("The question is empty.")
        assert result.err.count("\n") == 1


def test_nothing_is_stored_without_a_name(hearth: Run) -> None:
    hearth("ask", "Hello")
    assert not locate().database.exists()


def test_a_named_conversation_is_continued_with_what_was_generated(hearth: Run) -> None:
    hearth("ask", "One", "--conversation", "Rome", "--system", "Be brief.")
    first = messages_of("Rome")
    answer = json.loads(hearth("ask", "Two", "--conversation", "Rome", "--json").out)
    assert answer["conversation"] == "Rome"
    stored = messages_of("Rome")
    assert [message.content for message in stored] == ["One", "You said: One", "Two", "You said: Two"]
    assert stored[:2] == first
    assert stored[2].parent_id == stored[1].id
    assert stored[3].state is MessageState.COMPLETE
    assert stored[3].token_ids == tuple(answer["token_ids"])
    store = ConversationStore(locate().database)
    (conversation,) = store.list_conversations()
    store.close()
    assert (conversation.title, conversation.name, conversation.system_prompt) == ("Rome", "Rome", "Be brief.")
    assert conversation.active_leaf_id == stored[3].id


def test_a_failure_is_one_sentence_and_loses_nothing(hearth: Run, use_script: Callable[..., None]) -> None:
    hearth("ask", "One", "--conversation", "Rome")
    use_script("fail")
    result = hearth("ask", "Two", "--conversation", "Rome", "--json")
    assert (result.status, result.out) == (1, "")
    assert result.err == "The model's chat template could not be used. Choose another model.\n"
    assert [message.content for message in messages_of("Rome")][:3] == ["One", "You said: One", "Two"]


def test_a_question_that_was_too_long_does_not_spoil_the_next(hearth: Run, use_script: Callable[..., None]) -> None:
    too_long = ErrorReport(kind=ErrorKind.PROMPT_TOO_LONG, message="Too long.", hint="Shorten it.")
    use_script(Script(fault="fail", fault_after=0, error=too_long))
    assert hearth("ask", "long", "--conversation", "Rome").status == 1
    use_script("echo")
    assert hearth("ask", "short", "--conversation", "Rome").out == "You said: short\n"


def test_an_unknown_model_leaves_no_conversation_behind(hearth: Run, use_script: Callable[..., None]) -> None:
    use_script("fail_load")
    assert hearth("ask", "One", "--conversation", "Rome").status == 1
    store = ConversationStore(locate().database)
    assert store.list_conversations() == []
    store.close()


def test_the_partial_answer_of_a_dead_engine_is_kept(hearth: Run, use_script: Callable[..., None]) -> None:
    use_script("kill")
    result = hearth("ask", "One", "--conversation", "Rome")
    assert result.status == 1
    assert result.out.startswith("Hearth keeps")
    assert "memory ran out. What was written is kept in the conversation. Ask again. " in result.err
    answer = messages_of("Rome")[1]
    assert answer.state is MessageState.INTERRUPTED
    assert result.out.rstrip("\n") == answer.content


def test_what_is_not_stored_is_not_said_to_be_kept(hearth: Run, use_script: Callable[..., None]) -> None:
    use_script("exit")
    assert hearth("ask", "One").err.endswith("The engine stopped unexpectedly while answering. Ask again.\n")


def test_a_dead_engine_is_told_in_words_for_a_terminal(hearth: Run, use_script: Callable[..., None]) -> None:
    use_script("exit")
    told = hearth("chat", stdin="One\nTwo\nThree\nFour\n").err
    assert told.endswith("was not started again. Start `hearth` again.\n")


def test_an_empty_name_is_refused(hearth: Run) -> None:
    result = hearth("ask", "Hello", "--conversation", " ")
    assert (result.status, result.out) == (1, "")
    assert "name" in result.err


def test_a_folder_that_can_not_be_used_is_one_sentence(
    hearth: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setenv("HEARTH_HOME", str(blocked / "home"))
    result = hearth("ask", "Hello")
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith("Hearth can't use the folder")


def test_lone_surrogates_of_the_command_line_are_replaced(hearth: Run) -> None:
    assert hearth("ask", "a\udcffb", "--conversation", "x\udcff").out == "You said: a\ufffdb\n"
    assert messages_of("x\ufffd")[0].content == "a\ufffdb"


def test_settings_hold_where_the_command_line_says_nothing(hearth: Run, use_script: Callable[..., None]) -> None:
    paths = locate()
    paths.make_folders()
    paths.settings_file.write_text('{"system_prompt": "From the settings.", "theme": 7}', encoding="utf-8")
    result = hearth("ask", "Hello", "--conversation", "Rome")
    assert "Colours" in result.err
    store = ConversationStore(paths.database)
    assert store.list_conversations()[0].system_prompt == "From the settings."
    store.close()


@pytest.mark.parametrize("place", ["load_checkpoint", "generate"])
def test_ways_out_are_named_as_options(hearth: Run, use_script: Callable[..., None], place: str) -> None:
    remedies = (
        Remedy(label="Load in INT8", precision=PrecisionChoice.INT8),
        Remedy(label="Use 4,096 tokens of context", context_tokens=4096),
        Remedy(label="Use the CPU", device="cpu"),
    )
    error = ErrorReport(
        kind=ErrorKind.OUT_OF_MEMORY, message="2 GiB needed, 1 GiB free.", hint="Close programs.", remedies=remedies
    )
    use_script(Script(fault="fail", fault_on=place, fault_after=1, error=error))
    result = hearth("ask", "Hello")
    assert result.status == 1
    assert result.err.endswith(
        "2 GiB needed, 1 GiB free. Close programs. Try --precision int8, --context 4096 or --device cpu.\n"
    )


def test_what_is_not_stored_is_private_and_the_settings_budgets_hold(hearth: Run, commands: list[Command]) -> None:
    paths = locate()
    paths.make_folders()
    paths.settings_file.write_text('{"warm_disk_gib": 2}', encoding="utf-8")
    hearth("ask", "Hello")
    load, generate = commands
    assert isinstance(load, LoadCheckpoint)
    assert load.budgets == TierBudgets(disk_bytes=2 * GIB)
    assert isinstance(generate, Generate)
    assert generate.is_private
    commands.clear()
    hearth("chat", "--conversation", "Rome", stdin="One\n/new\nTwo\n")
    assert [command.is_private for command in commands if isinstance(command, Generate)] == [False, False]


def test_what_makes_decoding_quicker_comes_from_the_settings_or_the_options(
    hearth: Run, commands: list[Command]
) -> None:
    paths = locate()
    paths.make_folders()
    paths.settings_file.write_text('{"draft_checkpoint": "small"}', encoding="utf-8")

    def wanted(*options: str) -> tuple[str, bool, bool]:
        commands.clear()
        hearth("ask", "Hello", *options)
        load, generate = commands
        assert isinstance(load, LoadCheckpoint)
        assert isinstance(generate, Generate)
        return load.draft, generate.speculates, load.compiles

    assert wanted() == ("small", True, False)
    assert wanted("--model", "another", "--compile") == ("", True, True)
    assert wanted("--draft", "tiny", "--no-speculation") == ("tiny", False, False)
    settings = '{"speculation": false, "draft_checkpoint": "starter", "compile_model": true}'
    paths.settings_file.write_text(settings, encoding="utf-8")
    assert wanted() == ("", False, True)


def test_a_model_without_its_draft_is_offered_as_an_option() -> None:
    error = ErrorReport(
        kind=ErrorKind.CHECKPOINT_UNSUPPORTED,
        message="It can't propose words.",
        hint="",
        remedies=(Remedy("Load without a draft model", draft=""), Remedy("Use another", draft="a b/c")),
    )
    assert answering._sentence(error).endswith("Try --draft '' or --draft 'a b/c'.")


def test_what_a_killed_terminal_has_shown_is_stored_as_it_grows(hearth: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Message] = []
    keep = Dialogue.keep

    def note(dialogue: Dialogue, answer: Message) -> None:
        kept.append(answer)
        keep(dialogue, answer)

    monkeypatch.setattr(Dialogue, "keep", note)
    assert hearth("ask", "Hello", "--conversation", "c").status == 0
    assert kept
    assert all(answer.state is MessageState.STREAMING for answer in kept)
    assert kept[-1].content in messages_of("c")[-1].content


def stopping_with(kind: type[Command], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ctrl+C come with the end of each such command."""
    run = EngineSession.run

    def stopped(session: EngineSession, command: Command, on_event: OnEvent, interrupts: Interrupts) -> Terminal:
        terminal = run(session, command, on_event, interrupts)
        if isinstance(command, kind):
            signal.raise_signal(signal.SIGINT)
        return terminal

    monkeypatch.setattr(EngineSession, "run", stopped)


def test_a_stop_that_comes_with_the_end_of_the_load_asks_nothing(
    hearth: Run, commands: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping_with(LoadCheckpoint, monkeypatch)
    result = hearth("ask", "Hello")
    assert (result.status, result.out) == (130, "")
    assert not any(isinstance(command, Generate) for command in commands)


def test_a_stop_ends_what_comes_from_a_pipe(
    hearth: Run, commands: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping_with(Generate, monkeypatch)
    assert hearth("chat", stdin="One\nTwo\n").status == 130
    assert [type(command) for command in commands] == [LoadCheckpoint, Generate]


def test_an_answer_that_can_not_be_stored_is_told(hearth: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_saver: AnswerSaver, _answer: Message) -> Future[None]:
        failed: Future[None] = Future()
        failed.set_exception(StoreError("The disk is full."))
        return failed

    monkeypatch.setattr(AnswerSaver, "finish", fail)
    result = hearth("ask", "Hello", "--conversation", "c")
    assert result.status == 1
    assert "The disk is full." in result.err


def test_what_happens_when_it_is_full_is_the_conversations_choice(hearth: Run, commands: list[Command]) -> None:
    hearth("ask", "One", "--conversation", "c")
    store = ConversationStore(locate().database)
    conversation = store.find_by_name("c")
    assert conversation is not None
    store.set_when_full(conversation.id, WhenFull.STOP)
    store.close()
    hearth("ask", "Two", "--conversation", "c")
    assert [each.when_full for each in commands if isinstance(each, Generate)] == [WhenFull.ROLL, WhenFull.STOP]
