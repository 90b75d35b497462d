"""What the user wrote: a soft bubble to the right, its actions beside it; folded while very long, edited in place."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.language import tr
from app.models.transcript_model import TranscriptEntry
from app.widgets.attachments.sent_attachments import SentAttachments
from app.widgets.basics.fonts import text_font
from app.widgets.basics.icon_button import IconButton
from app.widgets.text.plain_text_view import PlainTextView
from app.widgets.transcript.message_widget import MessageWidget, RowStyle

BUBBLE_SHARE = 0.8
BUBBLE_PADDING_PX = 16
FOLDED_CHARACTERS = 2_000
FOLDED_LINES = 24
_SHOWN_CHARACTERS = 100_000
_GAP_PX = 4
_BELOW_TEXT_PX = 9


def folded(text: str) -> str:
    """Return the beginning of a long text, or all of a short one."""
    lines = text[:FOLDED_CHARACTERS].split("\n")
    return "\n".join(lines[:FOLDED_LINES])


class UserMessage(MessageWidget):
    """Shows the user's message; the text is never interpreted."""

    def __init__(self, entry: TranscriptEntry, style: RowStyle, parent: QWidget | None = None) -> None:
        super().__init__(entry, style, parent)
        self._unfolded = False
        self._shown: str | None = None
        self.text_view = PlainTextView()
        self.text_view.setProperty("bare", "true")
        self.text_view.setAccessibleName(tr("What you wrote"))
        self.fold_button = QPushButton()
        self.fold_button.setProperty("kind", "quiet")
        self.fold_button.clicked.connect(self._on_fold_clicked)
        self.bubble = QFrame()
        self.bubble.setProperty("surface", "bubble")
        inside = self._inside = QVBoxLayout(self.bubble)
        inside.setContentsMargins(BUBBLE_PADDING_PX, 11, BUBBLE_PADDING_PX, _BELOW_TEXT_PX)
        inside.setSpacing(4)
        inside.addWidget(self.text_view)
        inside.addWidget(self.fold_button, 0, Qt.AlignmentFlag.AlignLeft)
        self.answer_button = IconButton("refresh-cw", tr("Answer again"), style.theme)
        self.answer_button.clicked.connect(self._on_answer_clicked)
        self.edit_button = IconButton("pencil", tr("Edit"), style.theme)
        self.edit_button.clicked.connect(self.begin_editing)
        self.action_buttons = [self.more_button, self.copy_button, self.answer_button, self.edit_button]
        line = QHBoxLayout()
        line.setSpacing(_GAP_PX)
        line.addStretch(1)
        self._actions = QHBoxLayout()
        self._actions.setSpacing(_GAP_PX)
        for button in self.action_buttons:
            self._actions.addWidget(button, 0, Qt.AlignmentFlag.AlignBottom)
        line.addLayout(self._actions)
        line.addWidget(self.bubble)
        self.attachments = SentAttachments(style.theme)
        self.column.addWidget(self.attachments)
        self.footer.addStretch(1)
        self.footer.addWidget(self.versions)
        self.column.addLayout(line)
        self.column.addLayout(self.footer)
        self._apply_font()

    @property
    def is_folded(self) -> bool:
        """True while only the beginning of a long message is shown."""
        return not self._unfolded and len(folded(self.entry.message.content)) < len(self.entry.message.content)

    def unfold(self) -> None:
        """Show all of a long message."""
        if self.is_folded:
            self._on_fold_clicked()

    def show_entry(self, entry: TranscriptEntry, is_last: bool) -> None:
        """Show the message; an editor that is open stays open."""
        super().show_entry(entry, is_last)
        self.attachments.set_attachments(entry.message.attachments)
        self._show_text()
        self._show_allowed()
        self.name_for_reader(tr("You"), entry.message.content)

    def set_row_style(self, style: RowStyle) -> None:
        """Draw in another theme, or with other things allowed."""
        super().set_row_style(style)
        self._show_allowed()
        self.attachments.set_theme(style.theme)
        self.attachments.setVisible(self.editor is None and bool(self.attachments.chips))
        self._apply_font()

    def height_at(self, width: int) -> int:
        """Return the height at a width; the bubble is as wide as its text, up to its share and beside its buttons."""
        shown = [button for button in self.action_buttons if not button.isHidden()]
        buttons = sum(button.sizeHint().width() + _GAP_PX for button in shown)
        sides = self.column.contentsMargins()
        beside = width - sides.left() - sides.right() - buttons
        widest = min(int(width * BUBBLE_SHARE), beside) - 2 * BUBBLE_PADDING_PX
        text_width = self.text_view.natural_width(widest)
        self.text_view.setFixedSize(text_width, self.text_view.heightForWidth(text_width))
        self._inside.activate()
        self.column.activate()
        return self.column.totalSizeHint().height()

    def _always_revealed(self) -> bool:
        return self.is_last  # its answer was deleted

    def _show_allowed(self) -> None:
        is_idle = not self.row_style.busy
        self.edit_button.setEnabled(is_idle)
        self.answer_button.setEnabled(is_idle)
        self.answer_button.setVisible(self.is_last and self.editor is None)

    def _show_editor(self, editing: bool) -> None:
        super()._show_editor(editing)
        self._show_allowed()
        self._place_actions()
        self.bubble.setVisible(not editing and bool(self.entry.message.content))
        self.attachments.setVisible(not editing and bool(self.attachments.chips))

    def _show_text(self) -> None:
        content = self.entry.message.content
        self.bubble.setVisible(bool(content) and self.editor is None)
        short = folded(content)
        text = content[:_SHOWN_CHARACTERS] if self._unfolded else short
        if text != self._shown:
            self._shown = text
            self.text_view.set_text(text)
        self.fold_button.setVisible(len(short) < len(content))
        length = f"{len(content):,}"
        self.fold_button.setText(tr("Show all {count} characters").format(count=length))
        if self._unfolded and len(content) > _SHOWN_CHARACTERS:
            self.fold_button.setText(
                tr("Show less (the rest of {count} characters can be copied)").format(count=length)
            )
        elif self._unfolded:
            self.fold_button.setText(tr("Show less"))

    def _apply_font(self) -> None:
        self.text_view.set_text_font(text_font(self.row_style.theme.text_size_px))
        self._place_actions()

    def _place_actions(self) -> None:
        """Put the buttons beside the last line; an editor in its place has none of them."""
        middle = _BELOW_TEXT_PX + self.text_view.line_px / 2
        below = round(middle - self.edit_button.sizeHint().height() / 2) if self.editor is None else 0
        self._actions.setContentsMargins(0, 0, 0, max(0, below))

    @Slot()
    def _on_answer_clicked(self) -> None:
        self.regenerate_requested.emit(self.message_id)

    @Slot()
    def _on_fold_clicked(self) -> None:
        self._unfolded = not self._unfolded
        self._show_text()
        self.height_changed.emit(self.message_id)
