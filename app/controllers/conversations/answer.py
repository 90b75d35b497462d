"""One answer from its first token to its end: pure values in and out, used by the window and by the terminal."""

import time
from collections.abc import Sequence

import msgspec

from app.conversations.records import Message, MessageState
from app.rendering.thinking import begins_with_thinking
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import CommandCancelled, CommandFailed, FinishReason, GenerationFinished, Terminal, TextGenerated
from engine.api.message import Role
from engine.api.plan import Plan
from engine.api.sampling import Sampling, ThinkingChoice

_UNCHOSEN = Sampling()


def new_answer(message_id: str, conversation_id: str, parent_id: str, sequence: int, plan: Plan) -> Message:
    """Return an empty answer in state STREAMING that remembers which model gives it."""
    return Message(
        id=message_id,
        conversation_id=conversation_id,
        parent_id=parent_id,
        sequence=sequence,
        role=Role.ASSISTANT,
        content="",
        created_at=time.time(),
        state=MessageState.STREAMING,
        tokenizer_id=plan.tokenizer_id,
        model=plan.name,
        precision=plan.precision.value,
    )


class GrowingAnswer:
    """Applies the events of one generation to its message; every method returns the message's newer state.

    A continued message keeps its text and ids and grows at its end. Its ids are dropped where they can't be joined
    (another tokenizer, or text without ids): the engine then tokenises the text. sampling: how it is to be written;
    whether a continued one thinks stays as it was begun.
    """

    def __init__(self, message: Message, plan: Plan, *, continues: bool, sampling: Sampling = _UNCHOSEN) -> None:
        self._plan = plan
        self._base_text = message.content if continues else ""
        if self._base_text:
            sampling = msgspec.structs.replace(sampling, thinking=_begun_with(message, plan, sampling.thinking))
        self.sampling = sampling
        joinable = not self._base_text or (bool(message.token_ids) and message.tokenizer_id == plan.tokenizer_id)
        self._base_ids: tuple[int, ...] | None = (message.token_ids if self._base_text else ()) if joinable else None
        self.message = msgspec.structs.replace(
            message,
            content=self._base_text,
            token_ids=self._base_ids or (),
            tokenizer_id=plan.tokenizer_id,
            model=plan.name,
            precision=plan.precision.value,
            state=MessageState.STREAMING,
            finish_reason=None,
            statistics=None,
            error=None,
            opens_thinking=message.opens_thinking if self._base_text else plan.begins_with_thinking(sampling.thinking),
            thinking_seconds=message.thinking_seconds if self._base_text else None,
        )

    def grow(self, event: TextGenerated) -> Message:
        """Append streamed text and its ids."""
        ids = self.message.token_ids + event.token_ids if self._base_ids is not None else ()
        return self._become(content=self.message.content + event.text, token_ids=ids)

    def note_thinking(self, seconds: float) -> Message:
        """Note how long was thought so far."""
        return self._become(thinking_seconds=seconds)

    def written_on(self) -> "GrowingAnswer":
        """Return the same answer, ended, as one that goes on at its end."""
        return GrowingAnswer(self.message, self._plan, continues=True, sampling=self.sampling)

    def leave_out_before(self, context_start_id: str) -> Message:
        """Note the first message that is still read for this answer and after it."""
        return self._become(context_start_id=context_start_id)

    def end(self, event: Terminal, *, stopped: bool) -> Message:
        """Apply the generation's terminal event; stopped says whether the user had asked it to stop."""
        match event:
            case GenerationFinished():
                return self._finish(event)
            case CommandFailed(error=error) if error.kind is ErrorKind.ENGINE_DIED:
                return self._become(state=MessageState.INTERRUPTED, error=error)
            case CommandFailed(error=error):
                return self._become(state=MessageState.FAILED, error=error)
            case CommandCancelled() if stopped:
                return self.stop()
            case _:
                return self.interrupt()

    def stop(self) -> Message:
        """End the answer because the user asked for it; what is there is kept."""
        return self._become(state=MessageState.STOPPED, finish_reason=FinishReason.STOPPED)

    def interrupt(self) -> Message:
        """End the answer because the program ends; what is there is kept and can be continued."""
        return self._become(state=MessageState.INTERRUPTED)

    def fail(self, error: ErrorReport) -> Message:
        """End the answer with a failure; what is there is kept."""
        return self._become(state=MessageState.FAILED, error=error)

    def _finish(self, event: GenerationFinished) -> Message:
        stopped = event.reason is FinishReason.STOPPED
        return self._become(
            content=self._base_text + event.text,
            token_ids=self._base_ids + event.token_ids if self._base_ids is not None else (),
            tokenizer_id=event.tokenizer_id,
            state=MessageState.STOPPED if stopped else MessageState.COMPLETE,
            finish_reason=event.reason,
            statistics=event.statistics,
        )

    def _become(self, **changes: object) -> Message:
        self.message = msgspec.structs.replace(self.message, **changes)
        return self.message


def _begun_with(message: Message, plan: Plan, choice: ThinkingChoice | None) -> ThinkingChoice | None:
    """Return with which choice an answer was begun: the prompt before it has to be as it was then.

    One that the user wrote anew begins as it says itself, where a choice begins so.
    """
    opened = message.opens_thinking
    if not message.token_ids and begins_with_thinking(message.content):
        opened = any(map(plan.begins_with_thinking, (choice, *plan.thinking_choices)))
    known = message.statistics.sampling if message.statistics is not None else None
    likely = (known.thinking, choice) if known is not None else (choice,)
    choices = (*likely, None, *plan.thinking_choices)
    return next((each for each in choices if plan.begins_with_thinking(each) == opened), choice)


def reply_parent(branch: Sequence[Message]) -> str | None:
    """Return the id of the message that the next question follows; None begins the conversation.

    After a question that could not be read at all (too long for the context window) the next one goes beside it
    instead of behind it, so that it does not make every later one fail; it stays as another version.
    """
    if not branch:
        return None
    last = branch[-1]
    if len(branch) > 1 and _was_too_long(last):
        return branch[-2].parent_id
    return last.id


def _was_too_long(answer: Message) -> bool:
    too_long = answer.error is not None and answer.error.kind in (ErrorKind.PROMPT_TOO_LONG, ErrorKind.MESSAGE_TOO_LONG)
    return too_long and answer.state is MessageState.FAILED and not answer.has_text
