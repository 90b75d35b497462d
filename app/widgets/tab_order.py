"""Where Tab goes next, when one part of a window is to be a single stop."""

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget


def next_stop(window: QWidget, start: QWidget | None, single_stop: QWidget, forward: bool) -> QWidget | None:
    """Return the next widget that Tab visits in the window, nothing inside single_stop; None if there is no other.

    The order is the one in which widgets were put into each other.
    """
    # WORKAROUND PySide6 6.11: nextInFocusChain() makes whatever it returns, in the end the window, a child of the
    # widget that was asked, as far as Python's objects go. When that one is deleted, the window's menus count as
    # deleted, too. So the focus chain is not to be walked through.
    order = list(_shown(window, single_stop))
    place = start
    while place is not None and place not in order:
        place = place.parentWidget()
    at = order.index(place) if place is not None else 0
    others = order[at + 1 :] + order[:at]
    return next((each for each in (others if forward else reversed(others)) if _takes_tab(each)), None)


def _shown(widget: QWidget, single_stop: QWidget) -> Iterator[QWidget]:
    """Yield the widget and all that is seen inside it, except inside single_stop."""
    yield widget
    if widget is single_stop:
        return
    for child in widget.children():
        if isinstance(child, QWidget) and child.isVisible() and not child.isWindow():
            yield from _shown(child, single_stop)


def _takes_tab(widget: QWidget) -> bool:
    policy = widget.focusPolicy()
    return bool(policy & Qt.FocusPolicy.TabFocus) and widget.isEnabled() and widget.focusProxy() is None
