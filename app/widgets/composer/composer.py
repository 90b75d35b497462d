"""Where messages are written: grows with the text, Send becomes Stop, typing goes on while an answer is written."""

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from app.language import tr
from app.models.attachment_item import AttachmentItem
from app.models.context_use import ContextUse
from app.models.thinking_switch import ThinkingSwitch
from app.models.waiting_item import WaitingItem
from app.widgets.access.tab_order import put_in_order, stops_in
from app.widgets.attachments.attachment_bar import AttachmentBar
from app.widgets.attachments.put_backs import PutBacks
from app.widgets.basics.filled_buttons import SendButton
from app.widgets.basics.icon_button import IconButton
from app.widgets.basics.icons import icon
from app.widgets.basics.theme import TEXT_COLUMN_PX, Theme
from app.widgets.composer.foot_line import FootLine
from app.widgets.composer.queue_chips import QueueChips
from app.widgets.composer.thinking_button import ThinkingButton
from app.widgets.editors.focus_frame import FocusFrame
from app.widgets.editors.growing_text_edit import GrowingTextEdit

_DRAFT_DELAY_MS = 300
_BUTTON_PX = 36
_SMALLEST_GROWTH_PX = 72
_ELSEWHERE_PX = 200  # menus, controls, the line below, margins, and a few lines of what is being written about
_USUAL_HEIGHT_PX = 720


class Composer(QWidget):
    """Emits what is to be sent, stopped, kept as a draft or taken from the queue."""

    send_requested = Signal(object)  # str
    stop_requested = Signal()
    edit_last_requested = Signal()
    draft_changed = Signal(object)  # str
    queue_removed = Signal(object)  # int
    queue_edit_requested = Signal(object)  # int
    queue_now_requested = Signal(object)  # int
    files_chosen = Signal(object)  # paths
    long_text_pasted = Signal(object)  # str
    picture_pasted = Signal()
    own_settings_requested = Signal()
    thinking_chosen = Signal(object)  # ThinkingChoice | None
    recall_requested = Signal(object)  # (step, text)
    attachment_removed = Signal(object)  # key
    attachment_withdrawn = Signal(object)  # Attachment: it stands in the text now, or Undo or Redo took it away
    attachment_returned = Signal(object)  # Attachment: Undo or Redo brought it back

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._busy = False
        self._told_warning = ""  # that the context is nearly full
        self._asked_from = ""  # what was shown when another text was asked for
        self._window_height = _USUAL_HEIGHT_PX
        self._draft_timer = QTimer(self)
        self._draft_timer.setSingleShot(True)
        self._draft_timer.setInterval(_DRAFT_DELAY_MS)
        self._draft_timer.timeout.connect(self._on_draft_due)
        self.chips = QueueChips(theme)
        self.chips.remove_requested.connect(self.queue_removed)
        self.chips.edit_requested.connect(self.flush_draft)  # it goes before what is typed
        self.chips.emptied.connect(self.take_focus)
        self.chips.edit_requested.connect(self.queue_edit_requested)
        self.chips.send_now_requested.connect(self.queue_now_requested)
        self.editor = self._build_editor()
        self.button = self._build_button()
        self.foot = FootLine(theme)
        self.foot.own_requested.connect(self.own_settings_requested)
        self.own_button, self.meter = self.foot.own_button, self.foot.meter
        self.attachments = self._build_attachments()
        self.attach_button = IconButton("paperclip", tr("Attach files"), theme)
        self.attach_button.setFixedSize(QSize(_BUTTON_PX, _BUTTON_PX))
        self.attach_button.clicked.connect(self.choose_files)
        self.thinking_button = ThinkingButton(theme)
        self.thinking_button.chosen.connect(self.thinking_chosen)
        self.frame = QFrame()
        self.frame.setProperty("surface", "composer")
        FocusFrame(self.frame, self.editor)
        inside = QVBoxLayout(self.frame)
        inside.setContentsMargins(8, 8, 8, 8)
        inside.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.attach_button, 0, Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self.editor, 1, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.thinking_button, 0, Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignBottom)
        inside.addWidget(self.attachments)
        inside.addLayout(row)
        inner = QWidget()
        inner.setMaximumWidth(TEXT_COLUMN_PX + 32)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.chips)
        column.addWidget(self.frame)
        column.addWidget(self.foot)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(8, 4, 8, 2)
        outer.addWidget(inner)
        self._order()
        self._show_button()

    @property
    def text(self) -> str:
        """What is written so far."""
        return self.editor.text

    def set_text(self, text: str) -> None:
        """Replace what is written, as with a restored draft; nothing is emitted about it."""
        self._draft_timer.stop()
        self.editor.blockSignals(True)
        self.editor.set_text(text)
        self._put_backs.forget()
        self.editor.blockSignals(False)
        self.editor.fit()
        self._show_button()

    @Slot()
    def flush_draft(self) -> None:
        """Hand over the draft now if it changed a moment ago, as before another conversation is opened."""
        if self._draft_timer.isActive():
            self._draft_timer.stop()
            self.draft_changed.emit(self.editor.text)

    def set_busy(self, busy: bool) -> None:
        """Show Stop instead of Send."""
        self._busy = busy
        self._show_button()

    def set_queue(self, queue: tuple[WaitingItem, ...]) -> None:
        """Show the messages that wait."""
        self.chips.set_queue(queue)
        self._share_height()
        self._order()

    def set_waiting(self, waiting: tuple[str, bool]) -> None:
        """Say what they wait for if that is not seen here, and whether one could be sent now."""
        self.chips.set_waiting(*waiting)

    def ask_for_older(self) -> None:
        """Ask for what was sent before the text that is shown."""
        self._ask_for_other(1)

    def ask_for_newer(self) -> None:
        """Ask for what was sent after it, or for what was being typed."""
        self._ask_for_other(-1)

    def _ask_for_other(self, step: int) -> None:
        self._asked_from = self.editor.text
        self.recall_requested.emit((step, self._asked_from))

    def recall(self, text: str) -> None:
        """Show a text that was sent before, unless somebody has typed on meanwhile; it can be undone."""
        if not self.editor.is_composing and self.editor.text == self._asked_from:
            self.editor.replace(text)
            self.take_focus()

    def set_own_settings(self, words: str) -> None:
        """Say that the conversation has instructions or settings of its own, "" if it has none."""
        self.foot.set_own_settings(words)

    @Slot(object)
    def set_thinking(self, switch: ThinkingSwitch | None) -> None:
        """Show whether the model thinks before it answers, None if there is nothing to choose."""
        if switch is None and self.thinking_button.hasFocus():
            self.take_focus()
        self.thinking_button.show_switch(switch)

    def set_attachments(self, items: tuple[AttachmentItem, ...]) -> None:
        """Show what is attached, and what is still being read."""
        self.attachments.set_items(items)
        self._share_height()
        self._order()
        self._show_button()

    def _order(self) -> None:
        """Let Tab visit what stands above the editor before it, although it came later."""
        above = [*stops_in(self.chips), *stops_in(self.attachments)]
        put_in_order([*above, self.attach_button, self.editor, self.thinking_button, self.button, self.own_button])

    @Slot()
    def choose_files(self) -> None:
        """Ask in the system's dialog which files go with the message."""
        dialog = QFileDialog(self.window(), tr("Attach files"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(lambda paths: self.files_chosen.emit(tuple(paths)))
        dialog.finished.connect(lambda _result: self.take_focus())
        dialog.open()

    def set_context_use(self, use: ContextUse | None) -> None:
        """Show how much the model can still hold; assistive technology reads a warning with the editor.

        While an answer grows it is read once, and not again with each new number.
        """
        self.foot.show_use(use)
        overflows = use is not None and use.used_tokens > use.window_tokens  # it may be counted: what it says stands
        self.attachments.set_window_tokens(use.window_tokens if use is not None and overflows else 0)
        self._share_height()
        words = use.words if use is not None else ""
        if use is None or words != self._told_warning or not use.is_growing:
            self.editor.setAccessibleDescription(use.sentence if use is not None and words else "")
        self._told_warning = words

    def set_model_name(self, name: str) -> None:
        """Say to whom one writes."""
        self.editor.set_placeholder(tr("Message {name}").format(name=name) if name else tr("Write a message"))

    def set_window_height(self, height: int) -> None:
        """Grow to at most a third of the window, with attachments to half of it."""
        self._window_height = height
        self.attachments.set_window_height(height)
        self.chips.set_window_height(height)
        self._share_height()

    def _share_height(self) -> None:
        """Let the editor grow to a third of the window, and to less where what stands above it takes the room."""
        height = self._window_height
        parts = (part.sizeHint().height() for part in (self.chips, self.attachments) if not part.isHidden())
        left = height - _ELSEWHERE_PX - sum(parts)
        self.editor.set_maximum_height(max(_SMALLEST_GROWTH_PX, min(height // 3, left)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave a narrow composer to the text."""
        super().resizeEvent(event)
        self.thinking_button.set_room(min(event.size().width(), TEXT_COLUMN_PX))

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme or text size."""
        self._theme = theme
        self.chips.set_theme(theme)
        self.foot.set_theme(theme)
        self.attachments.set_theme(theme)
        self.attach_button.set_theme(theme)
        self.thinking_button.set_theme(theme)
        self.editor.set_text_size(theme.text_size_px)
        self._show_button()

    def take_focus(self) -> None:
        """Let the next key be typed here, unless another page is shown: the keyboard would be nobody's."""
        if self.isVisible() or not self.window().isVisible():
            self.editor.setFocus()

    def take_text(self, text: str) -> None:
        """Take the focus and a text that was dropped elsewhere."""
        self.take_focus()
        self.editor.take_text(text)

    def take_key(self, event: QKeyEvent) -> None:
        """Take the focus and a key that was pressed elsewhere."""
        self.take_focus()
        self.editor.keyPressEvent(event)

    def _build_editor(self) -> GrowingTextEdit:
        editor = GrowingTextEdit()
        editor.setProperty("bare", "true")
        editor.setAccessibleName(tr("Message"))
        editor.set_placeholder(tr("Write a message"))
        editor.set_text_size(self._theme.text_size_px)
        editor.submitted.connect(self._on_submitted)
        editor.escaped.connect(self._on_escaped)
        editor.paste_refused.connect(lambda problem: self.attachments.show_problem(problem))
        editor.up_pressed.connect(self.edit_last_requested)
        editor.textChanged.connect(self._on_text_changed)
        editor.files_pasted.connect(self.files_chosen)
        editor.long_text_pasted.connect(self._on_long_text_pasted)
        editor.picture_pasted.connect(self.picture_pasted)
        editor.takes_attachments = True
        self._put_backs = PutBacks(editor)
        self._put_backs.returned.connect(self.attachment_returned)
        self._put_backs.withdrawn.connect(self.attachment_withdrawn)
        return editor

    def _build_attachments(self) -> AttachmentBar:
        bar = AttachmentBar(self._theme)
        bar.removed.connect(self._on_removed)
        bar.put_back.connect(self._on_put_back)
        bar.emptied.connect(self.take_focus)
        bar.height_changed.connect(self._share_height)
        return bar

    def _build_button(self) -> QToolButton:
        button = SendButton()
        button.setFixedSize(QSize(_BUTTON_PX, _BUTTON_PX))
        button.setIconSize(QSize(18, 18))
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(self._on_button_clicked)
        return button

    def _show_button(self) -> None:
        colors = self._theme.colors
        label, name, key = (tr("Stop"), "square", tr("Esc")) if self._busy else (tr("Send"), "arrow-up", tr("Enter"))
        enabled = self._busy or self._has_text()
        self.button.setIcon(icon(name, colors.accent_text, colors.disabled))
        self.button.setAccessibleName(label)
        self.button.setToolTip(f"{label} ({key})")
        self.button.setAccessibleDescription(key)
        if not enabled and self.button.hasFocus():
            self.take_focus()  # Qt would give the keyboard to whatever comes next
        self.button.setEnabled(enabled)

    def _has_text(self) -> bool:
        document = self.editor.document()
        if document.characterCount() > 1_000 or self.attachments.items:
            return True
        return bool(document.toPlainText().strip())

    @Slot()
    def _on_text_changed(self) -> None:
        self._draft_timer.start()
        if not self._busy:
            enabled = self._has_text()
            if enabled != self.button.isEnabled():
                self._show_button()

    @Slot()
    def _on_draft_due(self) -> None:
        self.draft_changed.emit(self.editor.text)

    @Slot()
    def _on_submitted(self) -> None:
        text = self.editor.text.strip()
        if not self.attachments.says_what_is_read() and (text or self.attachments.items):
            self.set_text("")
            self.attachments.show_problem("")
            self.draft_changed.emit("")
            self.send_requested.emit(text)

    @Slot(object)
    def _on_put_back(self, key: str) -> None:
        found = self.attachments.put_into(self.editor, self._put_backs, key)
        if found is not None:
            self.attachment_withdrawn.emit(found)
            self.take_focus()

    @Slot(object)
    def _on_long_text_pasted(self, text: str) -> None:
        with self.attachments.noting(self._put_backs):
            self.long_text_pasted.emit(text)

    @Slot(object)
    def _on_removed(self, key: str) -> None:
        with self.attachments.noting(self._put_backs):
            self.attachment_removed.emit(key)

    @Slot()
    def _on_escaped(self) -> None:
        if self._busy:
            self.stop_requested.emit()

    @Slot()
    def _on_button_clicked(self) -> None:
        if self._busy:
            self.stop_requested.emit()
        else:
            self.editor.commit_composition()
            self._on_submitted()
