"""The widget that shows one message: Markdown of a model, or plain text."""

import math
import time
from dataclasses import dataclass

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QWidget

from app.rendering.blocks import Block
from app.rendering.markdown import MarkdownStream
from app.rendering.spoken import spoken
from app.rendering.thinking import NO_THINKING, Thinking
from app.widgets.basics.theme import Theme
from app.widgets.text.block_column import BlockColumn
from app.widgets.text.message_piece import MANY_PIECES
from app.widgets.text.page_texts import leaves_in
from app.widgets.text.text_selection import area_around

_SHARE = 4  # while a text streams, drawing it takes at most about one part in so many of the time
_SHORTEST_PAUSE_SECONDS = 0.03
_SELECTED_MS = 250  # between two looks whether something is still selected
_FIRST_SECONDS = 0.04  # of reading before anything is shown: most answers are read to their ends
_READING_SECONDS = 0.008  # a long text is read in steps, with as much time between them
_TURN_MS = 4  # until the next turn of the event loop; what is due at once is still done in this one
_LONG_SECONDS = 0.005  # of reading while a text streams: it is drawn in a turn of its own


@dataclass(frozen=True, slots=True)
class _Reading:
    """The blocks of a text, and how long it took to read them by the clock."""

    text: str
    blocks: list[Block]
    seconds: float


class MessageBody(BlockColumn):
    """One message as rendered blocks (answers) or as plain text (what the user wrote).

    Its height follows its width (``heightForWidth``); it never scrolls vertically and has no margins or background.
    When the height changes by itself (a fold, a wrap, a late update) it calls ``updateGeometry``.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent=parent)
        self._text = ""
        self.words = ""  # what a finished message says, thoughts apart, without markup
        self._streaming = False
        self._stream = MarkdownStream(theme.render_theme())
        self._thinking = NO_THINKING
        self._free_at = 0.0
        self._shows_at = 0.0  # the earliest time at which a text that is behind is drawn as far as it was read
        self._drawn = ""  # the text whose blocks are shown
        self._drawn_characters = 0  # of it that were read
        self._has_rest = False  # of which the end is shown as it was written
        self._reading: _Reading | None = None  # what was read and is still to be drawn
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.timeout.connect(self._on_turn)

    def set_text(self, text: str, streaming: bool = False, thinking: Thinking = NO_THINKING) -> None:
        """Show Markdown; while ``streaming`` only what changed since the last call is drawn again.

        Calls may come at any rate: drawing that would take too much of the thread's time is put off and joined.
        """
        self._text, self._streaming, self._thinking = text, streaming, thinking
        pause = self._free_at - time.perf_counter()
        if streaming and pause > 0:
            if not self._late.isActive():
                self._late.start(round(pause * 1000) + 1)
            return
        self._on_turn()

    def set_theme(self, theme: Theme) -> None:
        """Draw everything again in another theme or text size."""
        if theme != self.theme:
            self._theme = theme
            self._stream = MarkdownStream(theme.render_theme())
            self.draw_now()

    @Slot()
    def draw_now(self) -> None:
        """Draw the text given last without waiting for its turn; a long one is read on in further turns."""
        self._draw(_READING_SECONDS if self._drawn else _FIRST_SECONDS)

    def catch_up(self) -> None:
        """Read to the end at once."""
        if self.is_behind:
            self._has_rest = False  # the reader asked for what is shown only then
            self._draw(math.inf)

    def build_part(self, top: int, bottom: int, most: int = MANY_PIECES) -> bool:
        """Make the widgets of what stands between two heights; while a text streams, that is a part of drawing it."""
        started = time.perf_counter()
        built = super().build_part(top, bottom, most)
        if built and self._streaming:
            spent = time.perf_counter() - started
            pause = (_SHARE - 1) * spent
            self._free_at, self._shows_at = (max(at, started) + spent + pause for at in (self._free_at, self._shows_at))
            if self._late.isActive():
                self._late.start(self._late.remainingTime() + round((spent + (0 if self.is_behind else pause)) * 1000))
        return built

    @property
    def is_behind(self) -> bool:
        """Whether the end of a long text is not read yet: it is missing, or stands there as it was written."""
        return self._stream.is_behind

    @Slot()
    def _on_turn(self) -> None:
        """Read, and draw what was read, in the next turn of the event loop if reading took long enough for one."""
        if not self._streaming or not self._drawn:
            self.draw_now()
            return
        self._late.stop()
        if self._reading is None:
            worked = time.thread_time()
            self._reading = self._read(_READING_SECONDS)
            if time.thread_time() - worked > _LONG_SECONDS:
                self._late.start(_TURN_MS)
                return
        self._show(self._reading)

    def _draw(self, seconds: float) -> None:
        self._late.stop()
        self._show(self._read(seconds))

    def _read(self, seconds: float) -> _Reading:
        started = time.perf_counter()
        blocks = self._blocks(seconds)
        return _Reading(self._text, blocks, time.perf_counter() - started)

    def _show(self, reading: _Reading) -> None:
        started = time.perf_counter()
        self._reading = None
        read = self._stream.read_characters
        is_more = self._streaming and read > self._drawn_characters and started >= self._shows_at
        if self.is_behind and self._drawn and not is_more and self._text.startswith(self._drawn):
            self._free_at = time.perf_counter() + reading.seconds
            self._late.start(round(reading.seconds * 1000) + 1)
            return  # what is shown is better than what is read so far
        if self._has_rest and self._drawn == self._text and not self._streaming and self._is_selected():
            self._late.start(_SELECTED_MS)  # what is selected stays what the reader selected
            return
        self._drawn_characters = read
        self._drawn, self._has_rest = reading.text, self.is_behind and not self._streaming
        self.show_blocks(reading.blocks, self.theme)
        if not self._streaming:
            self.words = spoken(reading.blocks)
            self.name_texts()
        drawing = time.perf_counter() - started
        self._shows_at = time.perf_counter() + (_SHARE - 1) * drawing
        spent = drawing + reading.seconds
        pause = max(_SHORTEST_PAUSE_SECONDS - spent, (_SHARE - 1) * spent)
        self._free_at = time.perf_counter() + pause
        if self.is_behind:
            self._late.start(round(spent * 1000) + 1)
        elif reading.text != self._text:  # more came after it was read
            self._late.start(round(pause * 1000) + 1)

    def _is_selected(self) -> bool:
        area = area_around(self)
        if area is not None and area.selection.bounds is not None:
            return True
        return any(leaf.textCursor().hasSelection() for leaf in leaves_in(self))

    def _blocks(self, seconds: float) -> list[Block]:
        return self._stream.update(self._text, self._streaming, self._thinking, seconds)
