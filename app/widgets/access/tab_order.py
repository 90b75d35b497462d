"""Where Tab goes next, when one part of a window is to be a single stop, and in which order when parts come later."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget


def step_past(single_stop: QWidget, forward: bool, step: Callable[[bool], bool], apart: Sequence[QWidget] = ()) -> bool:
    """Take Qt's own step to the next widget (focusNextPrevChild) that isn't inside single_stop; False if none is.

    What stands apart in there, such as a bar that floats above it, is visited like all the rest.

    WORKAROUND: PySide6 6.11 takes what QWidget.nextInFocusChain returns for a child of the widget that was asked. When
    that one is deleted, Python loses hold of the other and of all its children, such as the window's menus. So nothing
    here walks along that chain: what Tab shall not visit says so for the moment.
    """
    focused = QApplication.focusWidget()
    if focused is not None and _is_inside(focused, single_stop, apart):
        QWidget.setTabOrder(single_stop, focused)  # what was made late would be left to the window's beginning
    inside = [(each, each.focusPolicy()) for each in stops_in(single_stop) if _is_inside(each, single_stop, apart)]
    for each, _ in inside:
        each.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    try:
        return step(forward)
    finally:
        for each, policy in inside:
            each.setFocusPolicy(policy)


def put_in_order(stops: Sequence[QWidget]) -> None:
    """Let Tab visit these one after the other, beginning where the first one has its place, itself a stop or not."""
    beginning, policy = stops[0], stops[0].focusPolicy()
    if policy == Qt.FocusPolicy.NoFocus:
        beginning.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # Qt puts nothing behind what takes no keyboard at all
    for first, second in pairwise(stops):
        QWidget.setTabOrder(first, second)
    beginning.setFocusPolicy(policy)


def stops_in(widget: QWidget) -> list[QWidget]:
    """Return what Tab can visit inside a widget, in the order of its making."""
    return [each for each in widget.findChildren(QWidget) if each.focusPolicy() & Qt.FocusPolicy.TabFocus]


def _is_inside(widget: QWidget, single_stop: QWidget, apart: Sequence[QWidget]) -> bool:
    return single_stop.isAncestorOf(widget) and not any(each is widget or each.isAncestorOf(widget) for each in apart)
