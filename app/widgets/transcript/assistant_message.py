"""An answer: plain text on the page, what it cost in one quiet line, and what can be done with it."""

from PySide6.QtCore import QPoint, Slot
from PySide6.QtWidgets import QSizePolicy, QToolButton, QWidget

from app.conversations.records import MessageState
from app.language import tr
from app.models.message_wish import MessageWish, Wish
from app.models.transcript_model import TranscriptEntry
from app.rendering.thinking import Thinking, is_thinking
from app.widgets.basics.icon_button import IconButton
from app.widgets.basics.phase_line import PhaseLine
from app.widgets.text.piece_widgets import is_settled
from app.widgets.transcript.message_body import MessageBody
from app.widgets.transcript.message_mark import MessageMark, Remedy, mark_of
from app.widgets.transcript.message_widget import MessageWidget, RowStyle
from app.widgets.transcript.statistics_line import StatisticsLine


class AssistantMessage(MessageWidget):
    """Shows a model's message; while it is being written the phase stands where the statistics will be."""

    def __init__(self, entry: TranscriptEntry, style: RowStyle, parent: QWidget | None = None) -> None:
        super().__init__(entry, style, parent)
        self.body = MessageBody(style.theme)
        self.body.is_gradual = True
        # A fixed height would be the one of the width before: the layout bounds the body by its cached size hint.
        policy = self.body.sizePolicy()
        policy.setVerticalPolicy(QSizePolicy.Policy.Preferred)
        self.body.setSizePolicy(policy)
        self.body.link_activated.connect(self.link_activated)
        self.body.folded.connect(self._on_folded)
        self.body.replaced.connect(self._on_replaced)
        self.mark = MessageMark()
        self.mark.remedy_requested.connect(self._on_remedy_requested)
        self.phase = PhaseLine(style.theme)
        self.answer_now_button = QToolButton()
        self.answer_now_button.setText(tr("Answer now"))
        self.answer_now_button.setToolTip(tr("End the thinking and let the model answer"))
        self.answer_now_button.setProperty("kind", "small")
        self.answer_now_button.clicked.connect(self._on_answer_now)
        self.statistics = StatisticsLine(style.theme)
        self.regenerate_button = IconButton("refresh-cw", tr("Answer again"), style.theme)
        self.regenerate_button.clicked.connect(self._on_regenerate)
        self.branch_button = IconButton("git-branch", tr("Branch into a new conversation"), style.theme)
        self.branch_button.clicked.connect(self._on_branch)
        self.action_buttons += [self.regenerate_button, self.branch_button, self.more_button]
        self._shown: tuple[str, bool, Thinking] | None = None
        for part in (self.versions, self.statistics, self.phase, self.answer_now_button, *self.action_buttons):
            self.footer.addWidget(part)
        self.footer.setStretchFactor(self.statistics, 1)
        self.footer.setStretchFactor(self.phase, 1)
        self.column.addWidget(self.body)
        self.column.addWidget(self.mark)
        self.column.addLayout(self.footer)

    def take_width(self, width: int) -> None:
        """Let the text know its width, too: the layout would tell it only after it was laid out at another one."""
        super().take_width(width)
        margins = self.column.contentsMargins()
        self.body.resize(width - margins.left() - margins.right(), self.body.height())

    def show_entry(self, entry: TranscriptEntry, is_last: bool) -> None:
        """Show the answer's newer text and state."""
        super().show_entry(entry, is_last)
        message = entry.message
        streaming = message.state is MessageState.STREAMING
        thinking = Thinking(message.opens_thinking, message.thinking_seconds)
        if self._shown != (message.content, streaming, thinking):
            self._shown = (message.content, streaming, thinking)
            self.body.set_text(message.content, streaming, thinking)
        self.body.setVisible(bool(message.content) and self.editor is None)
        self.mark.show_mark(None if streaming else mark_of(message, is_last), not self.row_style.busy)
        self._show_footer(entry, streaming)
        if not streaming or not self.accessibleName():
            self.name_for_reader(message.model or tr("Answer"), "" if streaming else self.body.words)

    def set_row_style(self, style: RowStyle) -> None:
        """Draw in another theme, or with other things allowed."""
        theme_changed = style.theme != self.row_style.theme
        super().set_row_style(style)
        if theme_changed:
            self.body.set_theme(style.theme)
            self.phase.set_theme(style.theme)
            self.statistics.set_theme(style.theme)
        self.show_entry(self.entry, self.is_last)

    def block_at(self, y: int) -> QWidget | None:
        """Return the block of the rendered text at this height."""
        for block in self.body.children():
            if isinstance(block, QWidget) and block.isVisible():
                top = block.mapTo(self, QPoint(0, 0)).y()
                if top <= y < top + block.height():
                    return block
        return None

    def unsettled_end(self, top: int, bottom: int) -> int:
        """Return where what stands between two heights and awaits drawings ends, 0 if nothing there does."""
        end = 0
        for block in self.body.block_widgets:
            place = block.mapTo(self, QPoint(0, 0)).y()
            if place < bottom and place + block.height() > top and not is_settled(block):
                end = place + block.height()
        return end

    def source_at(self, y: int) -> int:
        """Return how many characters of the answer's source stand above a height inside it, roughly."""
        return self.body.source_at(y - self.body.y())

    def top_of_source(self, characters: int) -> int:
        """Return the height below which the source goes on from so many characters, roughly."""
        return self.body.y() + self.body.top_of_source(characters)

    def build_part(self, top: int, bottom: int, most: int) -> bool:
        """Make the widgets of what stands between two heights of a long answer; return whether there were any."""
        return self.body.build_part(top - self.body.y(), bottom - self.body.y(), most)

    def drop_outside(self, top: int, bottom: int) -> None:
        """Let go of the widgets of a long answer above and below."""
        self.body.drop_outside(top - self.body.y(), bottom - self.body.y())

    def _show_footer(self, entry: TranscriptEntry, streaming: bool) -> None:
        self.phase.set_phase(entry.phase)
        self.phase.setVisible(streaming)
        message = entry.message
        thinks = streaming and bool(message.content) and is_thinking(message.content, message.opens_thinking)
        self.answer_now_button.setVisible(thinks)
        self.statistics.show_message(entry.message if self.row_style.show_statistics else None)
        self.statistics.setVisible(not streaming)
        self.regenerate_button.setEnabled(not self.row_style.busy)
        self.copy_button.setEnabled(entry.message.has_text)
        self.branch_button.setEnabled(entry.message.has_text)
        for button in self.action_buttons:
            button.setVisible(not streaming and self.editor is None)

    def show_details(self) -> None:
        """Open the details behind the quiet line."""
        self.statistics.show_details(self.entry.message)

    def _show_editor(self, editing: bool) -> None:
        super()._show_editor(editing)
        self.body.setVisible(not editing and bool(self.entry.message.content))

    def _always_revealed(self) -> bool:
        return self.is_last

    @Slot()
    def _on_replaced(self) -> None:
        self.replaced.emit(self.message_id)

    @Slot()
    def _on_regenerate(self) -> None:
        self.regenerate_requested.emit(self.message_id)

    @Slot(object)
    def _on_edit_accepted(self, text: object) -> None:
        self.end_editing()
        self.wished.emit(MessageWish(Wish.REWRITE, self.message_id, str(text)))

    @Slot()
    def _on_answer_now(self) -> None:
        self.wished.emit(MessageWish(Wish.ANSWER_NOW, self.message_id))

    @Slot()
    def _on_branch(self) -> None:
        self.branch_requested.emit(self.message_id)

    @Slot(object)
    def _on_remedy_requested(self, remedy: object) -> None:
        if remedy is Remedy.NEW_CONVERSATION:
            self.wished.emit(MessageWish(Wish.NEW_CONVERSATION, self.message_id))
        elif remedy is Remedy.EDIT_QUESTION:
            self.wished.emit(MessageWish(Wish.EDIT_QUESTION, self.message_id))
        else:
            wanted = self.continue_requested if remedy is Remedy.CONTINUE else self.regenerate_requested
            wanted.emit(self.message_id)
