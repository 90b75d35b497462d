"""Runs one generation: sends the command, lets the answer grow with its events, ends it exactly once."""

import time

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.controllers import phases
from app.controllers.chat.answer_saves import AnswerSaves
from app.controllers.conversations.answer import GrowingAnswer
from app.controllers.submitting import CancelCommand, Submit
from app.conversations.prompting import Prompt, answer_turn
from app.conversations.records import Conversation, Message, new_id
from app.language import tr
from app.rendering.thinking import closing_of, is_thinking
from engine.api.commands import Generate, WhenFull
from engine.api.events import (
    CommandCancelled,
    ContextRolled,
    FinishReason,
    GenerationFinished,
    PrefillProgress,
    Terminal,
    TextGenerated,
)
from engine.api.sampling import Sampling

_THINKING_TICK_MS = 1000


class AnswerRunner(QObject):
    """Answers one message at a time. Signals: grown(Message), phase_changed(str), ended(Message).

    The answer is in the store (or handed to it) when ended is emitted.
    """

    grown = Signal(object)
    phase_changed = Signal(object)
    ended = Signal(object)

    def __init__(
        self, submit: Submit, cancel: CancelCommand, saves: AnswerSaves, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._submit = submit
        self._cancel = cancel
        self._saves = saves
        self._answer: GrowingAnswer | None = None
        self._prompt = Prompt()
        self._command_id = ""
        self._stopped = False
        self._answers_now = False
        self._command: Generate
        self._thought_before = 0.0
        self._thinking_since: float | None = None
        self.phase = ""
        self._thinking_timer = QTimer(self, interval=_THINKING_TICK_MS)
        self._thinking_timer.timeout.connect(self._on_thinking_tick)

    @property
    def message(self) -> Message | None:
        """The answer that is being written, None while idle."""
        return self._answer.message if self._answer is not None else None

    def start(
        self,
        answer: GrowingAnswer,
        conversation: Conversation,
        prompt: Prompt,
        sampling: Sampling,
        *,
        continues: bool,
        when_full: WhenFull,
        speculates: bool,
    ) -> None:
        """Ask the engine for the answer; must not be called while another one is being written."""
        assert self._answer is None
        self._answer = answer
        self._prompt = prompt
        self._command_id = new_id()
        self._stopped = False
        self._thinking_since = None
        self._answers_now = False
        self._thought_before = answer.message.thinking_seconds or 0.0
        self._set_phase(tr(phases.READING))
        self._command = Generate(
            command_id=self._command_id,
            conversation_id=conversation.id,
            message_id=answer.message.id,
            messages=prompt.messages,
            sampling=sampling,
            continue_last=continues,
            started_at=conversation.created_at,
            when_full=when_full,
            is_private=conversation.is_private,
            speculates=speculates,
        )
        self._submit(self._command)

    def answer_now(self) -> None:
        """End the thinking: the engine stops, and the same answer goes on behind the tag that closes its thoughts."""
        if self._answer is not None and self.message_thinks and not self._stopped and not self._answers_now:
            self._answers_now = True
            self._thinking_timer.stop()
            self._set_phase(tr(phases.ENDING_THINKING))
            self._cancel(self._command_id)

    @property
    def message_thinks(self) -> bool:
        """Whether the answer that is being written is inside its thoughts, and some of them are there."""
        message = self.message
        return message is not None and bool(message.content) and is_thinking(message.content, message.opens_thinking)

    def stop(self) -> None:
        """Ask the engine to stop; the answer ends with the engine's own event."""
        if self._answer is not None and not self._stopped:
            self._stopped = True
            self._answers_now = False
            self._thinking_timer.stop()
            self._set_phase(tr(phases.STOPPING))
            self._cancel(self._command_id)

    def interrupt(self) -> None:
        """End the answer now and mark it interrupted, as the program closes."""
        if self._answer is not None:
            self._cancel(self._command_id)
            self._end(self._answer.interrupt())

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Apply an event of the engine; those of other commands change nothing."""
        if self._answer is None or getattr(event, "command_id", None) != self._command_id:
            return
        if isinstance(event, PrefillProgress):
            if not self._stopped:
                self._set_phase(phases.reading_phase(event))
        elif isinstance(event, ContextRolled):
            self._leave_out(self._answer, event)
        elif isinstance(event, TextGenerated):
            self._grow(self._answer, event)
        elif isinstance(event, Terminal) and self._answers_now and _was_stopped(event):
            self._go_on(self._answer, event)
        elif isinstance(event, Terminal):
            self._end(self._answer.end(event, stopped=self._stopped))

    def _go_on(self, answer: GrowingAnswer, event: Terminal) -> None:
        """Continue the answer that was stopped to end its thinking; what there is of it is saved."""
        self._answers_now = False
        self._thought_before = self._note_thinking(answer).thinking_seconds or 0.0
        self._thinking_since = None
        stopped = answer.end(event, stopped=True)
        self._answer = answer.written_on()
        self._saves.update(self._answer.message)
        kept = self._command.messages[:-1] if self._command.continue_last else self._command.messages
        thinks = is_thinking(stopped.content, stopped.opens_thinking)
        self._command_id = new_id()
        self._command = msgspec.structs.replace(
            self._command,
            command_id=self._command_id,
            messages=(*kept, answer_turn(stopped)),
            continue_last=True,
            closing=closing_of(stopped.content) if thinks else "",
        )
        self._set_phase(tr(phases.READING))
        self._submit(self._command)

    def _leave_out(self, answer: GrowingAnswer, event: ContextRolled) -> None:
        start_id = self._prompt.source_of(event.first_kept)
        if start_id is not None:
            message = answer.leave_out_before(start_id)
            self._saves.update(message)
            self.grown.emit(message)

    def _grow(self, answer: GrowingAnswer, event: TextGenerated) -> None:
        message = answer.grow(event)
        thinks = is_thinking(message.content, message.opens_thinking)
        if self._thinking_since is not None:
            message = self._note_thinking(answer)
        self._saves.update(message)
        self.grown.emit(message)
        if not self._stopped and not self._answers_now:
            self._follow_thinking(thinks)

    def _note_thinking(self, answer: GrowingAnswer) -> Message:
        if self._thinking_since is None:
            return answer.message
        now = time.monotonic()
        seconds = self._thought_before + now - self._thinking_since
        if not is_thinking(answer.message.content, answer.message.opens_thinking):
            self._thinking_since, self._thought_before = None, seconds
        return answer.note_thinking(seconds)

    def _follow_thinking(self, thinks: bool) -> None:
        if not thinks:
            self._thinking_timer.stop()
            self._set_phase(tr(phases.ANSWERING))
        elif self._thinking_since is None or not self._thinking_timer.isActive():
            self._thinking_since = time.monotonic()
            self._thinking_timer.start()
            self._on_thinking_tick()

    @Slot()
    def _on_thinking_tick(self) -> None:
        if self._thinking_since is not None:
            seconds = self._thought_before + time.monotonic() - self._thinking_since
            self._set_phase(phases.thinking_phase(seconds))

    def _end(self, message: Message) -> None:
        self._answer = None
        self._command_id = ""
        self._thinking_timer.stop()
        self._saves.finish(message)
        self._set_phase("")
        self.ended.emit(message)

    def _set_phase(self, words: str) -> None:
        if words != self.phase:
            self.phase = words
            self.phase_changed.emit(words)


def _was_stopped(event: Terminal) -> bool:
    is_stopped = isinstance(event, GenerationFinished) and event.reason is FinishReason.STOPPED
    return is_stopped or isinstance(event, CommandCancelled)
