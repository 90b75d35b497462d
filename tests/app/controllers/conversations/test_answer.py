import msgspec
import pytest

from app.controllers.conversations.answer import GrowingAnswer, new_answer, reply_parent
from app.conversations.records import Message, MessageState
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import (
    CommandCancelled,
    CommandFailed,
    FinishReason,
    GenerationFinished,
    Statistics,
    TextGenerated,
)
from engine.api.message import Role
from engine.api.sampling import Sampling, ThinkingChoice
from tests.engine_scripts import PLAN

STATISTICS = Statistics(
    prompt_tokens=5,
    reused_tokens=0,
    prefilled_tokens=5,
    generated_tokens=2,
    time_to_first_token_seconds=0.1,
    prefill_seconds=0.1,
    decode_seconds=0.1,
    tokens_per_second=20.0,
)
IDS = {"command_id": "c", "conversation_id": "v", "message_id": "a"}
DIED = ErrorReport(kind=ErrorKind.ENGINE_DIED, message="The engine stopped.")
TOO_LONG = ErrorReport(kind=ErrorKind.PROMPT_TOO_LONG, message="Too long.")


def empty() -> Message:
    return new_answer("a", "v", "q", 2, PLAN)


def text(piece: str, *token_ids: int) -> TextGenerated:
    return TextGenerated(text=piece, token_ids=token_ids, **IDS)


def finished(whole: str, *token_ids: int, reason: FinishReason = FinishReason.END) -> GenerationFinished:
    return GenerationFinished(
        reason=reason,
        text=whole,
        token_ids=token_ids,
        tokenizer_id=PLAN.tokenizer_id,
        statistics=STATISTICS,
        **IDS,
    )


def grown(*pieces: TextGenerated) -> GrowingAnswer:
    answer = GrowingAnswer(empty(), PLAN, continues=False)
    for piece in pieces:
        answer.grow(piece)
    return answer


def test_an_answer_grows_by_text_and_ids() -> None:
    message = grown(text("The ", 1), text("capital", 2, 3)).message
    assert (message.content, message.token_ids, message.state) == ("The capital", (1, 2, 3), MessageState.STREAMING)
    assert (message.model, message.precision, message.tokenizer_id) == (PLAN.name, "bf16", PLAN.tokenizer_id)


def test_the_end_wins_over_what_was_streamed() -> None:
    message = grown(text("The cap", 1)).end(finished("The capital", 1, 2), stopped=False)
    assert (message.content, message.token_ids) == ("The capital", (1, 2))
    assert (message.state, message.finish_reason) == (MessageState.COMPLETE, FinishReason.END)
    assert message.statistics == STATISTICS


@pytest.mark.parametrize(
    ("event", "stopped", "state"),
    [
        (finished("x", 1, reason=FinishReason.STOPPED), True, MessageState.STOPPED),
        (finished("x", 1, reason=FinishReason.MAXIMUM_TOKENS), False, MessageState.COMPLETE),
        (CommandCancelled(command_id="c"), True, MessageState.STOPPED),
        (CommandCancelled(command_id="c"), False, MessageState.INTERRUPTED),
        (CommandFailed(command_id="c", error=DIED), False, MessageState.INTERRUPTED),
        (CommandFailed(command_id="c", error=TOO_LONG), False, MessageState.FAILED),
    ],
)
def test_every_end_has_its_state_and_keeps_the_text(event: object, stopped: bool, state: MessageState) -> None:
    message = grown(text("x", 1)).end(event, stopped=stopped)
    assert (message.state, message.content, message.token_ids) == (state, "x", (1,))


def test_a_continued_answer_keeps_its_beginning() -> None:
    stopped = grown(text("One ", 1)).stop()
    answer = GrowingAnswer(stopped, PLAN, continues=True)
    assert answer.message.finish_reason is None
    assert answer.grow(text("two", 2)).content == "One two"
    message = answer.end(finished("two three", 2, 3), stopped=False)
    assert (message.content, message.token_ids) == ("One two three", (1, 2, 3))


@pytest.mark.parametrize("change", [{"tokenizer_id": "another"}, {"token_ids": ()}])
def test_ids_that_do_not_fit_together_are_dropped(change: dict[str, object]) -> None:
    stopped = msgspec.structs.replace(grown(text("One ", 1)).stop(), **change)
    answer = GrowingAnswer(stopped, PLAN, continues=True)
    assert answer.grow(text("two", 2)).token_ids == ()
    message = answer.end(finished("two", 2), stopped=False)
    assert (message.content, message.token_ids) == ("One two", ())


@pytest.mark.parametrize("choice", [None, *ThinkingChoice])
def test_an_answer_knows_whether_the_template_began_its_thinking(choice: ThinkingChoice | None) -> None:
    plan = msgspec.structs.replace(
        PLAN,
        opens_thinking=True,
        thinking_choices=(ThinkingChoice.OFF, ThinkingChoice.ON),
        opens_thinking_with=(ThinkingChoice.ON,),
    )
    answer = GrowingAnswer(empty(), plan, continues=False, sampling=Sampling(thinking=choice))
    assert answer.message.opens_thinking is (choice is not ThinkingChoice.OFF)
    stopped = msgspec.structs.replace(answer.stop(), content="Hm")
    assert GrowingAnswer(stopped, PLAN, continues=True).message.opens_thinking is answer.message.opens_thinking


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("knows", [False, True])
def test_a_continued_answer_thinks_as_it_was_begun_whatever_is_chosen_now(opened: bool, knows: bool) -> None:
    off, on = ThinkingChoice.OFF, ThinkingChoice.ON
    plan = msgspec.structs.replace(PLAN, thinking_choices=(off, on), opens_thinking_with=(on,))
    begun, other = (on, off) if opened else (off, on)
    answer = GrowingAnswer(empty(), plan, continues=False, sampling=Sampling(thinking=begun))
    answer.grow(text("Hm", 1))
    statistics = msgspec.structs.replace(STATISTICS, sampling=answer.sampling) if knows else None
    stopped = msgspec.structs.replace(answer.stop(), statistics=statistics)
    again = GrowingAnswer(stopped, plan, continues=True, sampling=Sampling(temperature=0.5, thinking=other))
    assert again.message.opens_thinking is opened
    assert plan.begins_with_thinking(again.sampling.thinking) is opened
    assert again.sampling.thinking is begun or (not knows and not opened)
    assert again.sampling.temperature == 0.5


@pytest.mark.parametrize("opening_choices", [(), (ThinkingChoice.ON,)])
def test_a_thought_that_the_user_wrote_anew_goes_on_where_a_prompt_begins_it(
    opening_choices: tuple[ThinkingChoice, ...],
) -> None:
    off, on = ThinkingChoice.OFF, ThinkingChoice.ON
    plan = msgspec.structs.replace(PLAN, thinking_choices=(off, on), opens_thinking_with=opening_choices)
    edited = msgspec.structs.replace(empty(), content="<think>\nHm")
    again = GrowingAnswer(edited, plan, continues=True, sampling=Sampling(thinking=off))
    assert again.sampling.thinking is (on if opening_choices else off)


def test_writing_an_empty_answer_anew_keeps_its_ids() -> None:
    answer = GrowingAnswer(empty(), PLAN, continues=True)
    assert answer.grow(text("two", 2)).token_ids == (2,)


def question(message_id: str, parent_id: str | None) -> Message:
    return msgspec.structs.replace(empty(), id=message_id, parent_id=parent_id, role=Role.USER, content="?")


def test_the_next_question_follows_the_last_message() -> None:
    assert reply_parent([]) is None
    assert reply_parent([question("q", None), grown(text("x", 1)).stop()]) == "a"


@pytest.mark.parametrize("kind", [ErrorKind.PROMPT_TOO_LONG, ErrorKind.MESSAGE_TOO_LONG])
def test_a_question_that_was_too_long_is_not_followed(kind: ErrorKind) -> None:
    error = msgspec.structs.replace(TOO_LONG, kind=kind)
    failed = grown().end(CommandFailed(command_id="c", error=error), stopped=False)
    assert reply_parent([question("q", None), failed]) is None
    assert reply_parent([question("before", None), question("q", "before"), failed]) == "before"


def test_a_question_whose_answer_ran_out_of_room_is_followed() -> None:
    failed = grown(text("some", 1)).end(CommandFailed(command_id="c", error=TOO_LONG), stopped=False)
    assert reply_parent([question("q", None), failed]) == "a"
