"""What a screen reader finds in a window, as text: role, name, states and value of each node that says something."""

import re
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QWidget

FOLDER = Path(__file__).parent
UNSTEADY = ("about", "licences")  # they name versions and packages of this computer
_Text = QAccessible.Text
_Role = QAccessible.Role
# Containers without a word are passed over; scroll bars and handles are worked by the keys of what they scroll.
_SILENT = (_Role.Client, _Role.Pane, _Role.Border, _Role.Splitter, _Role.LayeredPane, _Role.Grouping)
_UNSAID = (_Role.ScrollBar, _Role.Separator, _Role.Grip, _Role.Whitespace)
_STATES = (
    "disabled", "checkable", "checked", "expandable", "expanded", "collapsed", "selected", "readOnly",
    "editable", "multiLine", "passwordEdit", "modal", "defaultButton", "hasPopup", "linked", "busy",
)  # fmt: skip
_LONGEST = 240
_CHANGING = (
    (re.compile(r"\d+ [A-Z][a-z]+ \d{4}, \d\d:\d\d"), "(time)"),
    (re.compile(r"used .* ago"), "used (some time) ago"),
)


def tree(widget: QWidget) -> str:
    """Return the nodes under a widget, one line each, indented by their depth."""
    return "\n".join(f"{'  ' * depth}{described(node)}" for depth, node in nodes(widget)) + "\n"


def nodes(widget: QWidget) -> Iterator[tuple[int, QAccessibleInterface]]:
    """Visit each node that says something, with its depth; what only holds others is passed over."""
    yield from _walk(QAccessible.queryAccessibleInterface(widget), 0)


def described(node: QAccessibleInterface) -> str:
    """Return one node's line."""
    words = [node.role().name]
    name, description = node.text(_Text.Name), node.text(_Text.Description)
    value = node.text(_Text.Value)
    if name or is_worked(node):
        words.append(_quoted(name))
    if value and value != name and node.role() is not _Role.ListItem:
        words.append(f"value {_quoted(value)}")
    if description and description != name:
        words.append(f"says {_quoted(description)}")
    return " ".join([*words, *(f"[{state}]" for state in _STATES if _has(node, state))])


def is_worked(node: QAccessibleInterface) -> bool:
    """Tell whether the keyboard goes there, so that it must say what it is."""
    return bool(node.state().focusable) and not node.state().disabled


def _walk(node: QAccessibleInterface, depth: int) -> Iterator[tuple[int, QAccessibleInterface]]:
    if node is None or not node.isValid() or node.state().invisible or node.role() in _UNSAID:
        return
    if _says_something(node):
        yield depth, node
        depth += 1
    for place in range(node.childCount()):
        child = node.child(place)
        if child is not None:
            yield from _walk(child, depth)


def _says_something(node: QAccessibleInterface) -> bool:
    if node.role() not in _SILENT:
        is_mute = not (node.text(_Text.Name) or node.text(_Text.Value))
        return not (node.role() in (_Role.StaticText, _Role.Graphic) and is_mute)
    return bool(node.text(_Text.Name) or node.text(_Text.Description) or is_worked(node))


def _has(node: QAccessibleInterface, state: str) -> bool:
    if state in ("readOnly", "editable", "multiLine") and node.role() is not _Role.EditableText:
        return False
    return bool(getattr(node.state(), state))


def _quoted(text: str) -> str:
    flat = text.replace("\n", "⏎").replace("\u2028", "⏎")
    for pattern, stands_for in _CHANGING:
        flat = pattern.sub(stands_for, flat)
    return f"“{flat[:_LONGEST] + ('…' if len(flat) > _LONGEST else '')}”"
