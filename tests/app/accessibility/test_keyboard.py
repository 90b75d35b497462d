"""Every control in every state is reached by Tab and is seen to have the keyboard, from the top of a window down."""

from itertools import pairwise

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QTextEdit,
    QWidget,
)

from tests.app.accessibility.demo_window import DemoWindow, State

_MOST_STOPS = 200
_SEEN_PIXELS = 20


def name_of(widget: QWidget) -> str:
    words = widget.text() if isinstance(widget, QAbstractButton) else widget.objectName()
    return f"{type(widget).__name__} “{widget.accessibleName() or words}”"


def stops_from(start: QWidget) -> list[QWidget]:
    """Return what has the keyboard after each Tab, until it comes round."""
    visited = [start]
    for _ in range(_MOST_STOPS):
        QTest.keyClick(visited[-1], Qt.Key.Key_Tab)
        focused = QApplication.focusWidget()
        assert focused is not None, f"nothing has the keyboard after {name_of(visited[-1])}"
        if focused in visited:
            return visited
        visited.append(focused)
    raise AssertionError("Tab never comes round")


def controls(state: State, page: QWidget) -> list[QWidget]:
    """Return the buttons and fields that Tab must visit; of choices that exclude each other one is enough."""
    found: list[QWidget] = []
    for each in state.widget.findChildren(QWidget):
        is_control = isinstance(each, QAbstractButton | QLineEdit | QPlainTextEdit | QTextEdit)
        if not is_control or not each.isVisible() or not each.isEnabled() or page.isAncestorOf(each):
            continue
        is_other_choice = isinstance(each, QPushButton) and each.autoExclusive() and not each.isChecked()
        is_in_field = isinstance(each.parentWidget(), QLineEdit) or each.objectName() == "qt_spinbox_lineedit"
        if not is_other_choice and not is_in_field:
            found.append(each)
    return found


def is_marked(widget: QWidget) -> bool:
    """Tell whether a widget, or what is around it, looks different while it has the keyboard."""
    window = widget.window()
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    QApplication.processEvents()
    place = QRect(widget.mapTo(window, QPoint(0, 0)), widget.size()).adjusted(-4, -4, 4, 4)
    place = place.intersected(window.rect())
    focused = window.grab(place).toImage()
    widget.clearFocus()
    QApplication.processEvents()
    return differing_pixels(focused, window.grab(place).toImage()) >= _SEEN_PIXELS


def differing_pixels(first: QImage, second: QImage) -> int:
    one, other = (each.convertToFormat(QImage.Format.Format_Grayscale8) for each in (first, second))
    bits = int.from_bytes(bytes(one.constBits()), "big") ^ int.from_bytes(bytes(other.constBits()), "big")
    return len(bits.to_bytes(one.sizeInBytes(), "big").replace(b"\0", b""))


def test_every_control_is_reached_and_marked(demo: DemoWindow) -> None:
    missed, unmarked, marked = [], [], set()
    page = demo.window.page.transcript.view  # a message has its own ways, see test_focus
    for state in demo.states():
        if isinstance(state.widget, QMenu):
            continue
        state.widget.window().activateWindow()
        QApplication.processEvents()
        wanted = controls(state, page)
        start = QApplication.focusWidget()
        assert start is not None, state.name
        visited = stops_from(start)
        missed += [f"{state.name}: {name_of(each)}" for each in wanted if each not in visited]
        for each in visited:
            is_text = isinstance(each, QPlainTextEdit | QTextEdit)  # has a caret
            if not each.visibleRegion().isEmpty() and not is_text and name_of(each) not in marked:
                marked.add(name_of(each))
                if not is_marked(each):
                    unmarked.append(f"{state.name}: {name_of(each)}")
        start.setFocus()
    assert not missed, "\n".join(missed)
    assert not unmarked, "\n".join(unmarked)


def test_tab_goes_down_a_window_and_never_back_up(demo: DemoWindow) -> None:
    """Within the composer and each dialog, what stands above is visited before what stands below."""
    wrong = []
    for state in demo.states():
        if state.name not in ("attachments", "keys", "link", "memory", "report", "token", "exact-prompt", "find"):
            continue
        window = state.widget.window()
        window.activateWindow()
        QApplication.processEvents()
        start = QApplication.focusWidget()
        assert start is not None, state.name
        inside = [each for each in stops_from(start) if state.widget.isAncestorOf(each)]
        tops = [each.mapTo(window, each.rect().bottomLeft()).y() for each in inside]
        first = inside.index(min(inside, key=lambda each: each.mapTo(window, each.rect().topLeft()).y()))
        rows = tops[first:] + tops[:first]
        names = [name_of(each) for each in inside[first:] + inside[:first]]
        wrong += [
            f"{state.name}: {names[place]} before {names[place + 1]}"
            for place, (above, below) in enumerate(pairwise(rows))
            if below < above - 16
        ]
        start.setFocus()
    assert not wrong, "\n".join(wrong)
