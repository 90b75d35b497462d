"""Tells screen readers of an answer that is shown: that it begins and has ended, or each paragraph of it."""

from itertools import takewhile

from PySide6.QtCore import QModelIndex, QObject, Slot
from PySide6.QtWidgets import QWidget

from app.conversations.records import Message, MessageState
from app.language import tr
from app.models.transcript_model import TranscriptModel
from app.rendering.blocks import Block
from app.rendering.markdown import MarkdownStream, render
from app.rendering.spoken import spoken
from app.rendering.thinking import Thinking, split_thinking
from app.settings.values import ReadAloud
from app.widgets.access.announcing import announce
from app.widgets.basics.theme import LIGHT
from app.widgets.transcript.message_mark import mark_of
from engine.api.message import Role

_SPOKEN_CHARACTERS = 500
_RENDERED_CHARACTERS = 1_500
_PARAGRAPH_CHARACTERS = 2_000  # of what is said at once: a long piece of code is better read by keyboard


def ending_words(message: Message) -> str:
    """Return what is said when an answer has ended: how, and how it begins, without thoughts and markup."""
    passages = split_thinking(message.content, opened=message.opens_thinking)
    content = "".join(passage.text for passage in passages if not passage.is_thinking)
    words = spoken(render(content[:_RENDERED_CHARACTERS], LIGHT.render_theme())).strip()
    said = _shortened(words, _SPOKEN_CHARACTERS)
    return f"{_how(message)} {said}".strip()


def _how(message: Message) -> str:
    mark = mark_of(message, is_last=True)
    return mark.text if mark is not None else tr("The answer is finished.")


class Announcements(QObject):
    """Watches the messages that are shown. speaker: the widget in whose name it is said, failures at once.

    manner: what of answers is said.
    """

    def __init__(self, model: TranscriptModel, speaker: QWidget) -> None:
        super().__init__(speaker)
        self._model = model
        self._speaker = speaker
        self.manner = ReadAloud.FINISHED
        self._growing = ""
        self._stream = MarkdownStream(LIGHT.render_theme())
        self._said = 0  # blocks of the growing answer
        model.rowsInserted.connect(self._on_rows_inserted)
        model.modelReset.connect(self._on_reset)
        model.dataChanged.connect(self._on_data_changed)

    @Slot()
    def _on_reset(self) -> None:
        """Another conversation: an answer that goes on there has begun before."""
        newest = self._newest()
        is_growing = newest is not None and newest.state is MessageState.STREAMING
        is_new = is_growing and newest is not None and self._model.rowCount() <= 2 and not newest.content
        if is_new and newest is not None:
            self._begin(newest)
        else:
            self._grow(newest.id if is_growing and newest is not None else "")
            if newest is not None and self._growing:
                self._said = len(self._finished(newest))  # it can be read on the page

    @Slot(QModelIndex, int, int)
    def _on_rows_inserted(self, _parent: QModelIndex, _first: int, _last: int) -> None:
        newest = self._newest()
        if newest is not None and newest.state is MessageState.STREAMING:
            self._begin(newest)

    @Slot(QModelIndex, QModelIndex)
    def _on_data_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        for row in range(first.row(), last.row() + 1):
            message = self._model.entry(row).message
            if message.state is MessageState.STREAMING:
                self._begin(message)
                self._read_on(message)
            elif message.id == self._growing:
                self._end(message)

    def _begin(self, message: Message) -> None:
        if message.id != self._growing:
            self._grow(message.id)
            self._say(tr("{model} is answering.").format(model=message.model or tr("The model")))

    def _grow(self, message_id: str) -> None:
        self._growing, self._said = message_id, 0
        self._stream = MarkdownStream(LIGHT.render_theme())

    def _read_on(self, message: Message) -> None:
        """Say the paragraphs that have been finished since the last time."""
        blocks = self._finished(message)
        words = spoken(blocks[self._said :]).strip()
        self._said = len(blocks)
        self._say(_shortened(words, _PARAGRAPH_CHARACTERS))

    def _finished(self, message: Message) -> list[Block]:
        if self.manner is not ReadAloud.PARAGRAPHS:
            return []
        blocks = self._blocks(message)
        return list(takewhile(lambda block: block.closed, blocks))

    def _blocks(self, message: Message) -> list[Block]:
        streaming = message.state is MessageState.STREAMING
        return self._stream.update(message.content, streaming, Thinking(message.opens_thinking))

    def _end(self, message: Message) -> None:
        words = ending_words(message)
        if self.manner is ReadAloud.PARAGRAPHS:
            rest = spoken(self._blocks(message)[self._said :]).strip()
            words = f"{_shortened(rest, _PARAGRAPH_CHARACTERS)} {_how(message)}".strip()
        self._grow("")
        if message.state is MessageState.FAILED:
            announce(self._speaker, words, is_urgent=True)
        else:
            self._say(words)

    def _newest(self) -> Message | None:
        count = self._model.rowCount()
        message = self._model.entry(count - 1).message if count else None
        return message if message is not None and message.role is Role.ASSISTANT else None

    def _say(self, words: str) -> None:
        if self.manner is not ReadAloud.NOTHING:
            announce(self._speaker, words)


def _shortened(words: str, characters: int) -> str:
    return words[:characters] + ("…" if len(words) > characters else "")
