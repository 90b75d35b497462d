"""Where Tab goes next, when one part of a window is to be a single stop."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget


def next_stop(window: QWidget, start: QWidget | None, single_stop: QWidget, forward: bool) -> QWidget | None:
    """Return the next widget of the window's tab order that isn't inside single_stop; None if there is no other."""
    beginning = start if start is not None else window
    place: QWidget | None = beginning
    while place is not None:
        place = place.nextInFocusChain() if forward else place.previousInFocusChain()
        if place is beginning:
            return None
        if place is not None and _takes_tab(place) and (place is single_stop or not single_stop.isAncestorOf(place)):
            return place
    return None


def _takes_tab(widget: QWidget) -> bool:
    policy = widget.focusPolicy()
    return (
        bool(policy & Qt.FocusPolicy.TabFocus)
        and widget.isEnabled()
        and widget.isVisible()
        and widget.focusProxy() is None
        and not widget.isWindow()
    )
