"""Tells screen readers when an answer of the shown conversation begins and when it has ended; nothing in between."""

from PySide6.QtCore import QModelIndex, QObject, Slot
from PySide6.QtWidgets import QWidget

from app.conversations.records import Message, MessageState
from app.language import tr
from app.models.transcript_model import TranscriptModel
from app.rendering.markdown import render
from app.rendering.spoken import spoken
from app.rendering.thinking import split_thinking
from app.widgets.basics.announcing import announce
from app.widgets.basics.theme import LIGHT
from app.widgets.transcript.message_mark import mark_of
from engine.api.message import Role

_SPOKEN_CHARACTERS = 500
_RENDERED_CHARACTERS = 1_500


def ending_words(message: Message) -> str:
    """Return what is said when an answer has ended: how, and how it begins, without thoughts and markup."""
    mark = mark_of(message, is_last=True)
    passages = split_thinking(message.content, opened=message.opens_thinking)
    content = "".join(passage.text for passage in passages if not passage.is_thinking)
    words = spoken(render(content[:_RENDERED_CHARACTERS], LIGHT.render_theme())).strip()
    said = words[:_SPOKEN_CHARACTERS] + ("…" if len(words) > _SPOKEN_CHARACTERS else "")
    how = mark.text if mark is not None else tr("The answer is finished.")
    return f"{how} {said}".strip()


class Announcements(QObject):
    """Watches the messages that are shown. speaker: the widget in whose name it is said, politely."""

    def __init__(self, model: TranscriptModel, speaker: QWidget) -> None:
        super().__init__(speaker)
        self._model = model
        self._speaker = speaker
        self._growing = ""
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
            self._growing = newest.id if is_growing and newest is not None else ""

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
            elif message.id == self._growing:
                self._growing = ""
                self._say(ending_words(message))

    def _begin(self, message: Message) -> None:
        if message.id != self._growing:
            self._growing = message.id
            self._say(tr("{model} is answering.").format(model=message.model or tr("The model")))

    def _newest(self) -> Message | None:
        count = self._model.rowCount()
        message = self._model.entry(count - 1).message if count else None
        return message if message is not None and message.role is Role.ASSISTANT else None

    def _say(self, words: str) -> None:
        announce(self._speaker, words)
