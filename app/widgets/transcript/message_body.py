"""The widget that shows one message: Markdown of a model, or plain text."""

import math
import time

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QWidget

from app.rendering.blocks import Block
from app.rendering.markdown import MarkdownStream, render_plain
from app.rendering.spoken import spoken
from app.rendering.thinking import NO_THINKING, Thinking
from app.widgets.basics.theme import Theme
from app.widgets.text.block_column import BlockColumn
from app.widgets.text.page_texts import leaves_in
from app.widgets.text.text_selection import area_around

_SHARE = 4  # while a text streams, drawing it takes at most about one part in so many of the time
_SHORTEST_PAUSE_SECONDS = 0.03
_SELECTED_MS = 250  # between two looks whether something is still selected
_FIRST_SECONDS = 0.04  # of reading before anything is shown: most answers are read to their ends
_READING_SECONDS = 0.02  # a long text is read in steps, with as much time between them


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
        self._is_plain = False
        self._stream = MarkdownStream(theme.render_theme())
        self._thinking = NO_THINKING
        self._free_at = 0.0
        self._drawn = ""  # the text whose blocks are shown
        self._has_rest = False  # of which the end is shown as it was written
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.timeout.connect(self.draw_now)

    def set_text(self, text: str, streaming: bool = False, thinking: Thinking = NO_THINKING) -> None:
        """Show Markdown; while ``streaming`` only what changed since the last call is drawn again.

        Calls may come at any rate: drawing that would take too much of the thread's time is put off and joined.
        """
        self._text, self._streaming, self._is_plain, self._thinking = text, streaming, False, thinking
        pause = self._free_at - time.perf_counter()
        if streaming and pause > 0:
            if not self._late.isActive():
                self._late.start(round(pause * 1000) + 1)
            return
        self.draw_now()

    def set_plain_text(self, text: str) -> None:
        """Show the text exactly as it is, wrapped, without any markup."""
        self._text, self._streaming, self._is_plain = text, False, True
        self.draw_now()

    def set_theme(self, theme: Theme) -> None:
        """Draw everything again in another theme or text size."""
        if theme != self.theme:
            self._theme = theme
            self._stream = MarkdownStream(theme.render_theme())
            self.draw_now()

    def plain_text(self) -> str:
        """Return the source text (Markdown as the model wrote it), as Copy should copy it."""
        return self._text

    @Slot()
    def draw_now(self) -> None:
        """Draw the text given last without waiting for its turn; a long one is read on in further turns."""
        self._draw(_READING_SECONDS if self._drawn else _FIRST_SECONDS)

    def catch_up(self) -> None:
        """Read to the end at once."""
        if self.is_behind:
            self._has_rest = False  # the reader asked for what is shown only then
            self._draw(math.inf)

    @property
    def is_behind(self) -> bool:
        """Whether the end of a long text is not read yet: it is missing, or stands there as it was written."""
        return not self._is_plain and self._stream.is_behind

    def _draw(self, seconds: float) -> None:
        self._late.stop()
        started = time.perf_counter()
        blocks = self._blocks(seconds)
        if self.is_behind and self._drawn and self._text.startswith(self._drawn):
            spent = time.perf_counter() - started
            self._free_at = time.perf_counter() + spent
            self._late.start(round(spent * 1000) + 1)
            return  # what is shown is better than what is read so far
        if self._has_rest and self._drawn == self._text and not self._streaming and self._is_selected():
            self._late.start(_SELECTED_MS)  # what is selected stays what the reader selected
            return
        self._drawn, self._has_rest = self._text, self.is_behind and not self._streaming
        self.show_blocks(blocks, self.theme)
        if not self._streaming:
            self.words = spoken(blocks)
            self.name_texts()
        spent = time.perf_counter() - started
        self._free_at = time.perf_counter() + max(_SHORTEST_PAUSE_SECONDS - spent, (_SHARE - 1) * spent)
        if self.is_behind:
            self._late.start(round(spent * 1000) + 1)

    def _is_selected(self) -> bool:
        area = area_around(self)
        if area is not None and area.selection.bounds is not None:
            return True
        return any(leaf.textCursor().hasSelection() for leaf in leaves_in(self))

    def _blocks(self, seconds: float) -> list[Block]:
        if self._is_plain:
            return render_plain(self._text, self.theme.render_theme())
        return self._stream.update(self._text, self._streaming, self._thinking, seconds)
