"""Ways through the window by keyboard: from conversation to conversation, from part to part, larger and smaller."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Slot
from PySide6.QtWidgets import QApplication, QWidget

from app.conversations.records import Conversation
from app.settings.schema import field_of
from app.settings.validation import default_of
from app.widgets.window.text_size_wheel import TextSizeWheel

if TYPE_CHECKING:
    from app.widgets.window.main_window import MainWindow

_SIZE = "text_size_px"


class WindowMovement(QObject):
    """Does it for one window."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        actions = window.actions_by_name
        actions.next_conversation.triggered.connect(self._on_next_conversation)
        actions.previous_conversation.triggered.connect(self._on_previous_conversation)
        actions.next_area.triggered.connect(self._on_next_area)
        actions.previous_area.triggered.connect(self._on_previous_area)
        actions.larger.triggered.connect(self._on_larger)
        actions.smaller.triggered.connect(self._on_smaller)
        actions.usual_size.triggered.connect(self._on_usual_size)
        actions.full_screen.triggered.connect(self._on_full_screen)
        TextSizeWheel(window.page.transcript.view, self).turned.connect(self._on_turned)
        window.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """The desktop may leave the full screen by itself."""
        if event.type() is QEvent.Type.WindowStateChange:
            self._window.actions_by_name.full_screen.setChecked(self._window.isFullScreen())
        return False

    def _go(self, step: int) -> None:
        window, rows = self._window, self._window.sidebar.rows
        count = rows.rowCount()
        shown = rows.place_of(window.shown_conversation_id)
        start = shown if shown is not None else (-1 if step > 0 else count)
        for distance in range(1, count + 1):
            row = rows.row((start + step * distance) % count)
            if isinstance(row, Conversation):
                window.open_conversation(row.id)
                return

    def _turn(self, step: int) -> None:
        window = self._window
        focused = QApplication.focusWidget()
        areas: list[QWidget] = [window.sidebar, window.model_button]
        if window.pages.currentWidget() is window.page:
            areas += [window.page.transcript, window.page.notices, window.page.composer]
        else:
            areas.append(window.pages)
        areas = [area for area in areas if area.isVisible()]
        held = [
            place for place, area in enumerate(areas) if focused and (area is focused or area.isAncestorOf(focused))
        ]
        place = (held[0] + step if held else 0) % len(areas)
        for _ in areas:
            if _give_focus(areas[place], window):
                return
            place = (place + step) % len(areas)

    def _resize_text(self, size: int) -> None:
        field = field_of(_SIZE)
        assert field.minimum is not None
        assert field.maximum is not None
        size = max(int(field.minimum), min(int(field.maximum), size))
        if size != self._window.theme.text_size_px:
            self._window.settings_changed.emit((_SIZE, size))

    @Slot()
    def _on_next_conversation(self) -> None:
        self._go(1)

    @Slot()
    def _on_previous_conversation(self) -> None:
        self._go(-1)

    @Slot()
    def _on_next_area(self) -> None:
        self._turn(1)

    @Slot()
    def _on_previous_area(self) -> None:
        self._turn(-1)

    @Slot()
    def _on_larger(self) -> None:
        self._resize_text(self._window.theme.text_size_px + 1)

    @Slot()
    def _on_smaller(self) -> None:
        self._resize_text(self._window.theme.text_size_px - 1)

    @Slot(int)
    def _on_turned(self, notches: int) -> None:
        self._resize_text(self._window.theme.text_size_px + notches)

    @Slot()
    def _on_usual_size(self) -> None:
        usual = default_of(_SIZE)
        assert isinstance(usual, int)
        self._resize_text(usual)

    @Slot(bool)
    def _on_full_screen(self, is_wanted: bool) -> None:
        state = self._window.windowState()
        full = Qt.WindowState.WindowFullScreen
        self._window.setWindowState(state | full if is_wanted else state & ~full)


def _give_focus(area: QWidget, window: "MainWindow") -> bool:
    """Give the keyboard to a part of the window; return whether it has something that takes it."""
    if area is window.sidebar:
        first: QWidget = window.sidebar.list if window.sidebar.list.isVisible() else window.sidebar.new_button
        first.setFocus(Qt.FocusReason.TabFocusReason)
    elif area is window.page.composer:
        window.page.composer.take_focus()
    elif area.focusPolicy() & Qt.FocusPolicy.TabFocus:
        area.setFocus(Qt.FocusReason.TabFocusReason)
    else:
        inside = next((each for each in area.findChildren(QWidget) if _takes_focus(each)), None)
        if inside is None:
            return False
        inside.setFocus(Qt.FocusReason.TabFocusReason)
    focused = QApplication.focusWidget()
    return focused is not None and _holds(area, focused)


def _holds(area: QWidget, widget: QWidget) -> bool:
    return area is widget or area.isAncestorOf(widget)


def _takes_focus(widget: QWidget) -> bool:
    return widget.isVisible() and widget.isEnabled() and bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
