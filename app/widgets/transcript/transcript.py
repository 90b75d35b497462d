"""The page of messages with its "newest" button; the keyboard's way through the messages."""

from dataclasses import replace

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from app.language import tr
from app.models.message_edit import MessageEdit
from app.models.transcript_model import TranscriptEntry, TranscriptModel
from app.widgets.basics.icon_button import IconButton
from app.widgets.basics.theme import TEXT_COLUMN_PX, Theme
from app.widgets.text.page_texts import Leaf
from app.widgets.text.selected_text import copied_text, selected_markdown, selected_text
from app.widgets.text.text_selection import SelectionArea, TextSelection
from app.widgets.transcript.announcements import Announcements
from app.widgets.transcript.message_rows import estimate_height, make_row
from app.widgets.transcript.message_widget import MessageWidget, RowStyle, message_around
from app.widgets.transcript.text_menu import text_menu
from app.widgets.transcript.transcript_view import TranscriptView
from engine.api.checkpoint import LocalCheckpoint
from engine.api.message import Role

_BUTTON_PX = 36
_ABOVE_PX = 12  # the foot of the page, and beside what is around
_TAB_REASONS = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)


class Transcript(SelectionArea):
    """Shows a TranscriptModel and emits what the user wants done with its messages."""

    regenerate_requested = Signal(object)  # message id
    continue_requested = Signal(object)  # message id
    edit_requested = Signal(object)  # (message id, text)
    branch_requested = Signal(object)  # message id
    version_requested = Signal(object)  # (message id, step)
    link_activated = Signal(object)  # full URL
    wished = Signal(object)  # MessageWish
    resized = Signal()

    def __init__(self, model: TranscriptModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._style = RowStyle(theme)
        self._current_id = ""
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(tr("Messages"))
        self.view = TranscriptView(model, self._make_row, self._estimate_height)
        self.selection = TextSelection(self)
        self.view.is_needed = self.selection.holds
        self.view.tell_before_drop(_close_edit)
        model.edits.begun.connect(self._on_edit_begun)
        self.view.arranged.connect(self._on_arranged)
        model.modelReset.connect(self.selection.clear)
        model.rowsAboutToBeRemoved.connect(self.selection.clear)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        self.newest_button = IconButton("arrow-down", tr("Go to the newest message"), theme, self)
        self.newest_button.setObjectName("newest")
        self.newest_button.setFixedSize(QSize(_BUTTON_PX, _BUTTON_PX))
        self.newest_button.clicked.connect(self.view.follow)
        self.newest_button.hide()
        self.view.following_changed.connect(self._on_following_changed)
        self.announcements = Announcements(model, self)
        self._apply_theme(theme)

    @property
    def model(self) -> TranscriptModel:
        """The messages that are shown."""
        return self._model

    @property
    def is_busy(self) -> bool:
        """Whether nothing that asks the engine can be pressed."""
        return self._style.busy

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme or text size."""
        is_resized = theme.text_size_px != self._style.theme.text_size_px
        self._apply_theme(theme)
        self._set_style(replace(self._style, theme=theme))
        self.view.refresh(is_resized)

    def set_busy(self, busy: bool) -> None:
        """While busy, nothing that asks the engine can be pressed."""
        self._set_style(replace(self._style, busy=busy))

    def set_models(self, models: tuple[LocalCheckpoint, ...]) -> None:
        """Know the models on this computer, each of which may answer again."""
        self._set_style(replace(self._style, models=models))

    def set_window_tokens(self, tokens: int) -> None:
        """Know how much the model can hold, 0 while that is not known."""
        self._set_style(replace(self._style, window_tokens=tokens))

    @Slot()
    def flush_edits(self) -> None:
        """Let what was typed in messages a moment ago be known, as before another page is shown."""
        for widget in self.view.live_rows:
            if widget.editor is not None:
                widget.editor.flush()

    def set_statistics_shown(self, shown: bool) -> None:
        """Show or hide the quiet line under each answer."""
        self._set_style(replace(self._style, show_statistics=shown))

    def follow(self) -> None:
        """Go to the newest message and stay there."""
        self.view.follow()

    def last_of(self, role: Role) -> TranscriptEntry | None:
        """Return the last entry of a role on the shown branch."""
        for row in reversed(range(self._model.rowCount())):
            entry = self._model.entry(row)
            if entry.message.role is role:
                return entry
        return None

    def edit_last(self) -> None:
        """Begin to edit the user's last message."""
        entry = self.last_of(Role.USER)
        row = self._model.row_of(entry.message.id) if entry is not None else None
        if row is not None:
            widget = self.view.reveal(row)
            widget.begin_editing()

    def go_to_edit(self, message_id: str) -> None:
        """Bring a message that is being edited into sight, and the keyboard into its editor."""
        row = self._model.row_of(message_id)
        editor = self.view.reveal(row).editor if row is not None else None
        if editor is not None:
            editor.begin()

    def selectable_rows(self) -> list[tuple[int, QWidget]]:
        """Return rows with the widgets of their messages, from top to bottom, as far as they exist."""
        rows = ((self._model.row_of(widget.message_id), widget) for widget in self.view.live_rows)
        return sorted(((row, widget) for row, widget in rows if row is not None), key=lambda pair: pair[0])

    def pixels_outside(self, place: QPoint) -> int:
        """Return how far a place of the screen is above (negative) or below the visible part of the page."""
        inside = self.view.viewport().mapFromGlobal(place).y()
        return min(0, inside) or max(0, inside - self.view.viewport().height())

    def scroll_by(self, pixels: int) -> None:
        """Move the visible part down, or up."""
        bar = self.view.verticalScrollBar()
        bar.setValue(bar.value() + pixels)

    def turn_page(self, pages: int) -> None:
        """Move the visible part down so many pages, or up."""
        bar = self.view.verticalScrollBar()
        bar.setValue(bar.value() + pages * bar.pageStep())

    def selected_text(self) -> str:
        """Return the selection as plain text."""
        return selected_text(self, self._model)

    def open_menu(self, leaf: Leaf, place: QPoint) -> None:
        """Open the menu of a text at a place inside it."""
        menu = text_menu(self, leaf, place)
        menu.popup(leaf.viewport().mapToGlobal(place))

    @Slot()
    def copy(self) -> None:
        """Copy what is selected on the page."""
        text = self.selected_text()
        if text:
            QGuiApplication.clipboard().setText(text)

    @Slot()
    def copy_markdown(self) -> None:
        """Copy what is selected as the Markdown that it was written as, or the message that has the keyboard."""
        text = selected_markdown(self, self._model)
        current = message_around(QApplication.focusWidget())
        if not text and current is not None:
            text = copied_text(current.entry.message)
        if text:
            QGuiApplication.clipboard().setText(text)

    def selectAll(self) -> None:
        """Select the message that has the keyboard, or had it last."""
        current = message_around(QApplication.focusWidget())
        row = self._model.row_of(current.message_id if current is not None else self._current_id)
        if row is not None:
            self.selection.select_row(row)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Coming here with Tab goes on to a message: the one that had the focus, else the last one."""
        super().focusInEvent(event)
        if event.reason() in _TAB_REASONS and self._model.rowCount():
            row = self._model.row_of(self._current_id)
            self._focus_row(self._model.rowCount() - 1 if row is None else row)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes through the current message's buttons, then leaves the page."""
        focused = QApplication.focusWidget()
        current = message_around(focused)
        if current is None or focused is None:
            return super().focusNextPrevChild(forward)
        stops = [current, *current.focus_stops()]
        place = stops.index(focused) if focused in stops else 0
        target = place + (1 if forward else -1)
        if 0 <= target < len(stops):
            reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
            stops[target].setFocus(reason)
            current.update_actions()
            return True
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        return super().focusNextPrevChild(forward)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the button above the end of the page."""
        super().resizeEvent(event)
        self._place_button()
        self.resized.emit()

    def event(self, event: QEvent) -> bool:
        """The button floats above the page."""
        if event.type() == QEvent.Type.Show:
            self._place_button()
        return super().event(event)

    def _make_row(self, entry: TranscriptEntry, parent: QWidget) -> MessageWidget:
        widget = make_row(entry, self._style, parent)
        widget.regenerate_requested.connect(self.regenerate_requested)
        widget.continue_requested.connect(self.continue_requested)
        widget.edit_requested.connect(self.edit_requested)
        widget.branch_requested.connect(self.branch_requested)
        widget.version_requested.connect(self._on_version_requested)
        widget.link_activated.connect(self.link_activated)
        widget.wished.connect(self.wished)
        widget.neighbour_requested.connect(self._on_neighbour_requested)
        widget.edits = self._model.edits
        edit = self._model.edits.get(widget.message_id)
        if edit is not None:
            widget.open_editor(edit)
        return widget

    def _estimate_height(self, entry: TranscriptEntry, width: int) -> int:
        return estimate_height(entry, self._style, width)

    def _set_style(self, style: RowStyle) -> None:
        if style != self._style:
            self._style = style
            for widget in self.view.live_rows:
                widget.set_row_style(style)

    def _apply_theme(self, theme: Theme) -> None:
        self.newest_button.set_theme(theme)
        self.newest_button.setStyleSheet(
            f"#newest {{ background: {theme.colors.raised}; border: 1px solid {theme.colors.hairline};"
            f" border-radius: {_BUTTON_PX // 2}px; }}"
            f"#newest:hover {{ background: {theme.colors.hover}; }}"
            f"#newest:focus {{ border: 2px solid {theme.colors.accent}; }}"
        )

    def _focus_row(self, row: int) -> None:
        widget = self.view.reveal(row)
        self._current_id = widget.message_id
        widget.setFocus(Qt.FocusReason.TabFocusReason)

    def _place_button(self) -> None:
        """Stand behind the end of the column, or over it where there is no room: lines end before they reach it."""
        scroll_bar_px = self.view.verticalScrollBar().sizeHint().width()
        room = self.view.width() - scroll_bar_px - _ABOVE_PX - _BUTTON_PX
        left = min(room, (self.view.width() + TEXT_COLUMN_PX) // 2 + _ABOVE_PX)
        is_mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        left = self.view.width() - left - _BUTTON_PX if is_mirrored else left
        self.newest_button.move(left, self.height() - _BUTTON_PX - _ABOVE_PX)
        self.newest_button.raise_()

    @Slot(object)
    def _on_edit_begun(self, edit: MessageEdit) -> None:
        """Show an edit of an earlier session, which is found a moment after its message."""
        for widget in self.view.live_rows:
            if widget.message_id == edit.message.id and widget.editor is None and edit.is_changed:
                widget.open_editor(edit)

    @Slot()
    def _on_arranged(self) -> None:
        if self.selection.bounds is not None:
            for row, widget in self.selectable_rows():
                self.selection.apply_to(row, widget)

    @Slot(object)
    def _on_neighbour_requested(self, request: object) -> None:
        assert isinstance(request, tuple)
        message_id, step = request
        row = self._model.row_of(message_id)
        if row is not None and 0 <= row + step < self._model.rowCount():
            self._focus_row(row + step)

    @Slot(object)
    def _on_version_requested(self, choice: object) -> None:
        """Have the arrows stay under the pointer, with another version above them and another branch below."""
        assert isinstance(choice, tuple)
        row = self._model.row_of(choice[0])
        end = self.view.end_of(row) if row is not None else 0
        self.version_requested.emit(choice)
        if row is not None and row < self._model.rowCount():
            self.view.hold_end(row, end)

    @Slot(object)
    def _on_following_changed(self, following: object) -> None:
        if following and self.newest_button.hasFocus():
            self.setFocus(Qt.FocusReason.TabFocusReason)  # Qt would give the keyboard to whatever comes next
        self.newest_button.setVisible(not following)
        self._place_button()


def _close_edit(widget: MessageWidget) -> None:
    """An edit in which nothing was changed is over when its page goes; the others are there when it comes back."""
    if widget.editor is not None:
        widget.editor.flush()
        if not widget.editor.edit.is_changed:
            widget.edits.end(widget.message_id)
