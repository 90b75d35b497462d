"""Finding in the conversation: the bar, the marks in the texts that exist, and the way to each match."""

import shiboken6
from PySide6.QtCore import QObject, QPoint, Qt, Slot
from PySide6.QtWidgets import QApplication, QWidget

from app.models.transcript_model import TranscriptModel
from app.models.transcript_search import TranscriptSearch
from app.widgets.basics.theme import TEXT_COLUMN_PX, Theme
from app.widgets.text.formula_block import FormulaBlock
from app.widgets.text.match_marks import Search
from app.widgets.text.match_places import marks_of, place_of
from app.widgets.text.page_texts import Leaf, leaves_in
from app.widgets.transcript.find_bar import FindBar
from app.widgets.transcript.found_words import unfolded
from app.widgets.transcript.message_body import MessageBody
from app.widgets.transcript.message_widget import MessageWidget
from app.widgets.transcript.transcript import Transcript
from app.widgets.transcript.user_message import UserMessage

_ABOVE_PX = 4
_BELOW_PX = 4
_BESIDE_COLUMN_PX = 16  # the composer is so much wider at each side than what is read
_WORDS_AT_MOST = 200  # of a selection that is taken as what to look for


class TranscriptFind(QObject):
    """Owns the bar, which has a room of its own above the messages while it is open.

    A match is visited when it is asked for, not by typing alone.
    """

    def __init__(self, transcript: Transcript, model: TranscriptModel, theme: Theme) -> None:
        super().__init__(transcript)
        self._transcript = transcript
        self._theme = theme
        self._number = -1
        self._visited: tuple[str, int] | None = None
        self._waits = False
        self._line = ""  # of the match that is visited
        self._was_seen = False  # what is visited, before the page got another size
        self._drawn: FormulaBlock | None = None
        self._returns_to: QWidget | None = None
        self.search = TranscriptSearch(model, self)
        self._model = model
        self.bar = FindBar(theme, transcript)
        self.bar.words_changed.connect(self._on_words_changed)
        self.bar.step_requested.connect(self._on_step_requested)
        self.bar.closed.connect(self.close)
        self.search.changed.connect(self._on_counts_changed)
        transcript.resized.connect(self._place_bar)
        transcript.view.arranged.connect(self._on_arranged)
        transcript.view.resizing.connect(self._on_resizing)
        transcript.view.resized.connect(self._on_resized)

    @Slot()
    def open(self) -> None:
        """Open the bar; what is selected becomes what is looked for."""
        words = " ".join(self._transcript.selected_text().split())
        if not self.bar.isVisible():
            self._returns_to = QApplication.focusWidget()
        self._place_bar()
        self._make_room(_ABOVE_PX + self.bar.height() + _BELOW_PX)
        is_new = words != self.bar.words
        self.bar.begin(words if len(words) <= _WORDS_AT_MOST else "")
        if not is_new or not words:
            self._on_words_changed()

    @Slot()
    def close(self) -> None:
        """Close the bar, take the marks away and give the keyboard back."""
        focused = QApplication.focusWidget()
        had_focus = focused is not None and self.bar.isAncestorOf(focused)
        target = self._returns_to
        self._returns_to = None
        if had_focus and target is not None and shiboken6.isValid(target):
            target.setFocus(Qt.FocusReason.OtherFocusReason)  # first: hidden, it would pass the keyboard to others
        self._make_room(0)
        self._number, self._visited, self._waits, self._line = -1, None, False, ""
        self.search.close()
        self._mark_all()
        self.bar.end()

    @Slot()
    def go_on(self) -> None:
        """Go to the next match, or open the bar."""
        self._on_step_requested(1) if self.bar.isVisible() else self.open()

    @Slot()
    def go_back(self) -> None:
        """Go to the match before, or open the bar."""
        self._on_step_requested(-1) if self.bar.isVisible() else self.open()

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme or text size."""
        self._theme = theme
        self.bar.set_theme(theme)
        self._mark_all()
        self._place_bar()
        if self.bar.isVisible():
            self._make_room(_ABOVE_PX + self.bar.height() + _BELOW_PX)

    @Slot()
    def _on_words_changed(self) -> None:
        self._number, self._visited, self._line = -1, None, ""
        self._waits = bool(self.bar.words.strip())
        self.search.look_for(self.bar.words, self.bar.match_case)
        self._mark_all()

    @Slot(object)
    def _on_step_requested(self, step: object) -> None:
        assert isinstance(step, int)
        total = self.search.total
        if total:
            self._waits = False
            self._visit((self._number + step) % total if self._number >= 0 else self._nearest())

    @Slot()
    def _on_counts_changed(self) -> None:
        """Matches were found, or an answer grew: the match that is visited keeps being the same one."""
        if self._visited is not None:
            row = self._model.row_of(self._visited[0])
            self._number = self.search.number_at(row, self._visited[1]) if row is not None and self.search.total else -1
        if self._waits and self.search.total and not self.search.is_searching:
            self._waits = False
            self._visit(self._nearest())
        for widget in self._transcript.view.live_rows:
            self._mark_files(widget)
        self._show_count()

    def _nearest(self) -> int:
        """Return the number of the first match from the top of what is seen."""
        return self.search.number_at(self._transcript.view.first_row)

    def _visit(self, number: int) -> None:
        self._number = number
        row, within = self.search.place(number)
        view = self._transcript.view
        widget = view.widget_of(row)
        self._visited = (widget.message_id, within)
        for body in widget.findChildren(MessageBody):
            body.catch_up()
        self._mark(widget)
        file = self._file_of(widget)
        leaf, place = self._unfolded(row, self._in_text(within, widget)) if file is None else (None, 0)
        self._mark_all()
        self._line = self._line_of(widget, leaf, place)
        view.show_part(row, *self._part(widget, leaf, place))
        self._show_count()

    def _line_of(self, widget: MessageWidget, leaf: Leaf | FormulaBlock | None, place: int) -> str:
        file = self._file_of(widget)
        if file is not None and isinstance(widget, UserMessage):
            return widget.attachments.chips[file].name_button.accessibleName()
        if leaf is None:
            return ""
        return leaf.accessibleName() if isinstance(leaf, FormulaBlock) else marks_of(leaf).line(place)

    def _part(self, widget: MessageWidget, leaf: Leaf | FormulaBlock | None, place: int) -> tuple[int, int]:
        """Return how far below its message's top what is visited begins, and its height: a match of a text, or a chip.

        Without either it is the beginning of the message.
        """
        file = self._file_of(widget)
        if file is not None and isinstance(widget, UserMessage):
            chip = widget.attachments.chips[file]
            return chip.mapTo(widget, QPoint()).y(), chip.height()
        if leaf is None:
            return 0, 1
        rect = leaf.viewport().rect() if isinstance(leaf, FormulaBlock) else marks_of(leaf).rect(place)
        return leaf.viewport().mapTo(widget, rect.topLeft()).y(), rect.height()

    @Slot(object)
    def _on_resizing(self, height: object) -> None:
        """Note whether what is visited is seen: who has scrolled away from it is left alone."""
        assert isinstance(height, int)
        self._was_seen = False
        row = self._model.row_of(self._visited[0]) if self._visited is not None else None
        widget = self._transcript.view.live_widget(row) if row is not None else None
        pattern = self.search.pattern
        if widget is None or self._visited is None or pattern is None:
            return
        part, place = place_of(widget, pattern, self._in_text(self._visited[1], widget))
        leaf = part if isinstance(part, Leaf | FormulaBlock) else None
        if leaf is not None or self._file_of(widget) is not None:
            top, part_height = self._part(widget, leaf, place)
            self._was_seen = -part_height < widget.y() + top < height

    @Slot()
    def _on_resized(self) -> None:
        if self._was_seen and self._number >= 0:
            self._visit(self._number)

    def _in_text(self, within: int, widget: MessageWidget) -> int:
        """Return the number that a match of a message has in its text; less than 0 in an attachment."""
        return within - len(self.search.files_of(widget.message_id))

    def _file_of(self, widget: MessageWidget) -> int | None:
        """Return which attachment of the message is visited."""
        files = self.search.files_of(widget.message_id)
        if self._visited is None or self._visited[0] != widget.message_id or self._visited[1] >= len(files):
            return None
        return files[self._visited[1]]

    def _unfolded(self, row: int, within: int) -> tuple[Leaf | FormulaBlock | None, int]:
        pattern = self.search.pattern
        return (None, 0) if pattern is None else unfolded(self._transcript.view, row, pattern, within, self._mark)

    @Slot()
    def _on_arranged(self) -> None:
        if self.search.pattern is not None:
            self._mark_all()

    def _mark_all(self) -> None:
        for widget in self._transcript.view.live_rows:
            self._mark(widget)

    def _mark(self, widget: MessageWidget) -> None:
        pattern = self.search.pattern
        search = Search(pattern, self._theme.colors) if pattern is not None else None
        leaves = leaves_in(widget)
        for leaf in leaves:
            marks_of(leaf).show(search)
        current, number = None, -1
        file = self._mark_files(widget)
        is_visited = self._visited is not None and self._visited[0] == widget.message_id and file is None
        if pattern is not None and self._visited is not None and is_visited:
            current, number = place_of(widget, pattern, self._in_text(self._visited[1], widget))
        for leaf in leaves:
            marks_of(leaf).set_current(number if leaf is current else -1)
        if self._drawn is not None and shiboken6.isValid(self._drawn) and widget.isAncestorOf(self._drawn):
            self._drawn.set_selected(False)
        if isinstance(current, FormulaBlock):
            current.set_selected(True)
            self._drawn = current

    def _mark_files(self, widget: MessageWidget) -> int | None:
        """Mark attachments that hold the words; return the one that is visited."""
        if not isinstance(widget, UserMessage):
            return None
        file = self._file_of(widget)
        widget.attachments.show_found(self.search.files_of(widget.message_id), file)
        return file

    def _show_count(self) -> None:
        line = self._line if self._number >= 0 else ""
        self.bar.show_count(self._number + 1, self.search.total, self.search.is_searching, line)

    def _make_room(self, room_px: int) -> None:
        """Keep so much free above the messages. Who is at their beginning sees them move; else they stay in place."""
        view = self._transcript.view
        scroll_bar, added = view.verticalScrollBar(), room_px - view.viewportMargins().top()
        is_moved = view.is_following or not scroll_bar.value()
        view.setViewportMargins(0, room_px, 0, 0)
        if not is_moved:
            scroll_bar.setValue(scroll_bar.value() + added)

    @Slot()
    def _place_bar(self) -> None:
        """Stand at the upper end of the page, ending where the composer ends, or beside the scroll bar."""
        width = self._transcript.width()
        scroll_bar_px = self._transcript.view.verticalScrollBar().sizeHint().width()
        end_px = max(scroll_bar_px, (width - TEXT_COLUMN_PX) // 2 - _BESIDE_COLUMN_PX)
        wanted = self.bar.sizeHint()
        self.bar.resize(min(wanted.width(), width - 2 * scroll_bar_px), wanted.height())
        is_mirrored = self._transcript.layoutDirection() is Qt.LayoutDirection.RightToLeft
        self.bar.move(QPoint(end_px if is_mirrored else width - end_px - self.bar.width(), _ABOVE_PX))
