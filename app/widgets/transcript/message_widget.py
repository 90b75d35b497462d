"""What the widgets of a user's and a model's message have in common: footer, focus, hover, height, and the actions."""

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal, Slot
from PySide6.QtGui import (
    QAccessible,
    QContextMenuEvent,
    QEnterEvent,
    QFocusEvent,
    QGuiApplication,
    QKeyEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.conversations.records import MessageState
from app.language import tr
from app.models.message_edit import MessageEdit, MessageEdits
from app.models.message_wish import MessageWish, Wish
from app.models.transcript_model import TranscriptEntry
from app.widgets.access.accessible_roles import read_as
from app.widgets.basics.focus_ring import paint_focus
from app.widgets.basics.icon_button import IconButton
from app.widgets.basics.mirrored_style import Menu
from app.widgets.basics.theme import Theme
from app.widgets.editors.pasting_edit import exceeds_editor
from app.widgets.text.selected_text import copied_text
from app.widgets.transcript.context_mark import ContextMark
from app.widgets.transcript.message_actions import Act, message_actions, offer_of
from app.widgets.transcript.message_editor import MessageEditor
from app.widgets.transcript.version_switch import VersionSwitch
from engine.api.checkpoint import LocalCheckpoint
from engine.api.message import Role

_NAMED_CHARACTERS = 200
_SIDE_PX = 4  # so that the ring around a focused message touches no letter
_RING_PX = 4  # the same above and below: a bubble would cover the ring


@dataclass(frozen=True)
class RowStyle:
    """What all messages need to know beside their entry. While busy nothing may be asked of the engine.

    models: those on this computer, which may answer again. window_tokens: what the model can hold, 0: not known.
    """

    theme: Theme
    show_statistics: bool = True
    busy: bool = False
    models: tuple[LocalCheckpoint, ...] = ()
    window_tokens: int = 0


_KEYS = {
    (Qt.KeyboardModifier.NoModifier, Qt.Key.Key_F2): Act.EDIT,
    (Qt.KeyboardModifier.NoModifier, Qt.Key.Key_Delete): Act.DELETE,
    (Qt.KeyboardModifier.AltModifier, Qt.Key.Key_Left): Act.PREVIOUS,
    (Qt.KeyboardModifier.AltModifier, Qt.Key.Key_Right): Act.NEXT,
}


@read_as(QAccessible.Role.Grouping)
class MessageWidget(QFrame):
    """One message. The view above gives it a width, asks for its height, and tells it when its entry changes."""

    height_changed = Signal(object)  # message id: the reader folded, unfolded or began to edit it
    replaced = Signal(object)  # message id: widgets went that may be seen, and have to be built anew at once
    grown = Signal(object)  # message id: it needs another height by itself, as a formula was drawn
    regenerate_requested = Signal(object)  # message id
    continue_requested = Signal(object)  # message id
    edit_requested = Signal(object)  # (message id, text)
    branch_requested = Signal(object)  # message id
    version_requested = Signal(object)  # (message id, step)
    link_activated = Signal(object)  # full URL
    neighbour_requested = Signal(object)  # (message id, step): the keyboard goes to the message above or below
    wished = Signal(object)  # MessageWish: all else that is wanted of it

    def __init__(self, entry: TranscriptEntry, style: RowStyle, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entry = entry
        self.row_style = style
        self.is_last = False
        self.edits = MessageEdits(self)  # a page of messages has one for all
        self.editor: MessageEditor | None = None
        self._hovered = False
        self._is_folding = False
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.versions = VersionSwitch(style.theme)
        self.copy_button = IconButton("copy", tr("Copy"), style.theme)
        self.more_button = IconButton("ellipsis", tr("More"), style.theme)
        self.more_button.clicked.connect(self._on_more)
        self.action_buttons: list[IconButton] = [self.copy_button]
        self.footer = QHBoxLayout()
        self.footer.setContentsMargins(0, 0, 0, 0)
        self.footer.setSpacing(4)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(_SIDE_PX, _RING_PX, _SIDE_PX, 16 - _RING_PX)
        self.column.setSpacing(8)
        self.context_mark = ContextMark()
        self.column.addWidget(self.context_mark)
        self.copy_button.clicked.connect(self.copy)
        self.versions.step_requested.connect(self._on_step_requested)

    @property
    def message_id(self) -> str:
        """The id of the message that is shown."""
        return self.entry.message.id

    @property
    def is_pinned(self) -> bool:
        """True while the widget must not be thrown away though it is far from the viewport."""
        if self.editor is not None:
            return True
        focused = QApplication.focusWidget()
        return focused is not None and (focused is self or self.isAncestorOf(focused))

    def show_entry(self, entry: TranscriptEntry, is_last: bool) -> None:
        """Show the entry's newer state."""
        self.entry = entry
        self.is_last = is_last
        self.context_mark.setVisible(entry.is_context_start)
        self.versions.show_version(entry.version, entry.versions)
        self.update_actions()

    def set_row_style(self, style: RowStyle) -> None:
        """Draw in another theme, or with other things allowed."""
        self.row_style = style
        self.versions.set_theme(style.theme)
        for button in self.action_buttons:
            button.set_theme(style.theme)
        if self.editor is not None:
            self.editor.set_theme(style.theme)
            self.editor.attachments.set_window_tokens(style.window_tokens)

    def take_width(self, width: int) -> None:
        """Know how wide the message will be before it shows anything, which is laid out at the width that there is."""
        self.resize(width, self.height())

    def height_at(self, width: int) -> int:
        """Return the height this message needs at a width in pixels."""
        if self.column.hasHeightForWidth():
            return self.column.totalHeightForWidth(width)
        # No part wraps, as while an answer has no text yet: the layout then knows no height for a width.
        return self.column.totalSizeHint().height()

    def block_at(self, y: int) -> QWidget | None:
        """Return the block of the message that covers a height inside it, for the view to hold on to."""
        return None

    def unsettled_end(self, top: int, bottom: int) -> int:
        """Return where what stands between two heights and awaits drawings ends, 0 if nothing there does."""
        return 0

    def source_at(self, y: int) -> int:
        """Return how many characters of the message's source stand above a height inside it, roughly."""
        return 0

    def top_of_source(self, characters: int) -> int:
        """Return the height below which the source goes on from so many characters, roughly."""
        return 0

    def build_part(self, top: int, bottom: int, most: int) -> bool:
        """Make the widgets of what stands between two heights of a long message; return whether there were any."""
        return False

    def drop_outside(self, top: int, bottom: int) -> None:
        """Let go of the widgets of a long message above and below."""

    def focus_stops(self) -> list[QWidget]:
        """Return what Tab visits inside this message, in order."""
        tab = Qt.FocusPolicy.TabFocus
        return [
            child
            for child in self.findChildren(QWidget)
            if child.focusPolicy() & tab and child.isVisibleTo(self) and child.isEnabled()
        ]

    def name_for_reader(self, speaker: str, content: str) -> None:
        """Tell assistive technology who says what, in words without markup."""
        shortened = content[:_NAMED_CHARACTERS] + ("…" if len(content) > _NAMED_CHARACTERS else "")
        mark = f"{self.context_mark.text} " if self.entry.is_context_start else ""
        self.setAccessibleName(f"{mark}{speaker}: {shortened}" if shortened else f"{mark}{speaker}")

    @Slot()
    def copy(self) -> None:
        """Put the message's text, as it was written, on the clipboard."""
        QGuiApplication.clipboard().setText(copied_text(self.entry.message))

    def event(self, event: QEvent) -> bool:
        """Tell the view when something inside asks for another height."""
        handled = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            by_reader, self._is_folding = self._is_folding, False
            if self.height_at(self.width()) != self.height():
                (self.height_changed if by_reader else self.grown).emit(self.message_id)
        return handled

    @Slot()
    def _on_folded(self) -> None:
        self._is_folding = True

    @property
    def is_busy(self) -> bool:
        """Whether nothing may be asked of the engine now."""
        return self.row_style.busy

    @property
    def models(self) -> tuple[LocalCheckpoint, ...]:
        """The models on this computer."""
        return self.row_style.models

    def perform(self, act: Act, value: str = "") -> None:
        """Do what a menu or a key asks for, if it can be done now."""
        if not offer_of(act, self.entry, is_busy=self.is_busy, has_models=bool(self.models)).is_enabled:
            return
        match act:
            case Act.COPY:
                self.copy()
            case Act.EDIT:
                self.begin_editing()
            case Act.REGENERATE:
                self.regenerate_requested.emit(self.message_id)
            case Act.REGENERATE_WITH:
                self.wished.emit(MessageWish(Wish.ANSWER_WITH, self.message_id, value))
            case Act.CONTINUE:
                self.continue_requested.emit(self.message_id)
            case Act.BRANCH:
                self.branch_requested.emit(self.message_id)
            case Act.PREVIOUS | Act.NEXT:
                self.version_requested.emit((self.message_id, -1 if act is Act.PREVIOUS else 1))
            case Act.DETAILS:
                self.show_details()
            case Act.PROMPT:
                self.wished.emit(MessageWish(Wish.SHOW_PROMPT, self.message_id))
            case Act.DELETE:
                self.wished.emit(MessageWish(Wish.DELETE, self.message_id))

    def make_menu(self) -> Menu:
        """Return a menu with all that can be done with the message; it goes when it is closed."""
        menu = Menu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setAccessibleName(tr("What to do with this message"))
        message_actions(menu, self)
        return menu

    def show_details(self) -> None:
        """Show all that is known of how the message came about; a user's message has nothing of the kind."""

    @Slot()
    def begin_editing(self) -> None:
        """Put an editor in the message's place."""
        if self.editor is not None or self.is_busy or self.entry.message.state is MessageState.STREAMING:
            return
        self.open_editor(self.edits.begin(self.entry.message)).begin()

    def open_editor(self, edit: MessageEdit) -> MessageEditor:
        """Put an editor with this in the message's place, and leave the keyboard where it is."""
        is_answer = self.entry.message.role is Role.ASSISTANT
        if not is_answer and exceeds_editor(edit.text):
            edit.attach_text(tr("Pasted text"))
        self.editor = MessageEditor(edit, self.row_style.theme, is_answer=is_answer)
        self.editor.attachments.set_window_tokens(self.row_style.window_tokens)
        self.editor.accepted.connect(self._on_edit_accepted)
        self.editor.cancelled.connect(self.end_editing)
        self.column.insertWidget(self.column.indexOf(self.context_mark) + 1, self.editor)
        self._show_editor(True)
        self.height_changed.emit(self.message_id)
        return self.editor

    @Slot()
    def end_editing(self) -> None:
        """Put the message back, with the text it had."""
        if self.editor is None:
            return
        self.edits.end(self.message_id)
        editor, self.editor = self.editor, None
        had_focus = editor.editor.hasFocus()
        editor.hide()
        editor.deleteLater()
        self._show_editor(False)
        self.height_changed.emit(self.message_id)
        if had_focus:
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down go from message to message; F2, Delete and Alt with an arrow act on this one."""
        act = _KEYS.get((event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier, Qt.Key(event.key())))
        steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
        step = steps.get(Qt.Key(event.key()))
        if step is not None and self.hasFocus():
            self.neighbour_requested.emit((self.message_id, step))
        elif act is not None and self.editor is None:
            self.perform(act)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer all that can be done, where the pointer is, or at the message's beginning for the Menu key."""
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        self.make_menu().popup(self.mapToGlobal(QPoint(0, 24)) if by_key else event.globalPos())
        event.accept()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show what can be done."""
        super().enterEvent(event)
        self._hovered = True
        self.update_actions()

    def leaveEvent(self, event: QEvent) -> None:
        """Hide it again."""
        super().leaveEvent(event)
        self._hovered = False
        self.update_actions()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show what can be done to the focused message."""
        super().focusInEvent(event)
        self.update_actions()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide it again, unless the focus only moved inside."""
        super().focusOutEvent(event)
        self.update_actions()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw a ring around the focused message."""
        super().paintEvent(event)
        if self.hasFocus():
            with QPainter(self) as painter:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                mark_px = self.context_mark.height() + self.column.spacing()
                top = mark_px if self.entry.is_context_start else 0
                bottom = self.column.contentsMargins().bottom() - _RING_PX
                paint_focus(painter, self.rect().adjusted(0, top, 0, -bottom), self.row_style.theme)

    def update_actions(self) -> None:
        """Show the action buttons while the message is pointed at, focused, or the newest."""
        focused = QApplication.focusWidget()
        inside = focused is not None and (focused is self or self.isAncestorOf(focused))
        for button in self.action_buttons:
            button.set_revealed(self._hovered or inside or self._always_revealed())

    def _always_revealed(self) -> bool:
        return False

    def _show_editor(self, editing: bool) -> None:
        """Hide what the editor stands for, or show it again."""
        for button in self.action_buttons:
            button.setVisible(not editing)

    @Slot()
    def _on_more(self) -> None:
        menu = self.make_menu()
        menu.popup(self.more_button.mapToGlobal(QPoint(0, self.more_button.height() + 2)))

    @Slot(object)
    def _on_edit_accepted(self, text: object) -> None:
        kept = self.editor.edit.attachments if self.editor is not None else ()
        is_same = kept == self.entry.message.attachments
        self.edit_requested.emit((self.message_id, text) if is_same else (self.message_id, text, kept))
        self.end_editing()  # what was written is forgotten only now

    @Slot(object)
    def _on_step_requested(self, step: object) -> None:
        self.version_requested.emit((self.message_id, step))


def message_around(part: QObject | None) -> MessageWidget | None:
    """Return the message that a widget is a part of, or is itself."""
    while part is not None and not isinstance(part, MessageWidget):
        part = part.parent()
    return part
