"""Each state of the window as screen readers find it, compared with what was read and found good (*.txt)."""

import difflib
import sys

import pytest
from PySide6.QtGui import QAccessible, QAccessibleInterface

from tests.app.accessibility.demo_window import DemoWindow, State
from tests.app.accessibility.tree import FOLDER, UNSTEADY, described, is_worked, nodes, tree

_BUTTONS = (QAccessible.Role.Button, QAccessible.Role.CheckBox, QAccessible.Role.RadioButton)
_MARKUP = ("<p", "</", "<b>", "**", "```", "&amp;", "&&")


def faults(state: State) -> list[str]:
    """Return the nodes that nobody could make sense of by ear."""
    found = []
    for _, node in nodes(state.widget):
        name = node.text(QAccessible.Text.Name)
        is_text = node.role() is QAccessible.Role.StaticText and bool(node.text(QAccessible.Text.Value))
        if not name.strip() and not is_text and (is_worked(node) or node.role() in _BUTTONS):
            found.append(f"{state.name}: no name: {described(node)}")
        if name != name.strip() and node.role() in _BUTTONS:
            found.append(f"{state.name}: blanks around the name: {described(node)}")
        if node.role() is QAccessible.Role.Border:
            found.append(f"{state.name}: no fitting role: {described(node)}")
        if any(mark in said(node) for mark in _MARKUP) and "evil" not in name:
            found.append(f"{state.name}: markup is read aloud: {described(node)}")
    return found


def said(node: QAccessibleInterface) -> str:
    return f"{node.text(QAccessible.Text.Name)} {node.text(QAccessible.Text.Description)}"


@pytest.mark.skipif(sys.platform != "linux", reason="Qt names some controls differently for other systems' readers")
def test_screen_readers_find_what_was_found_good(demo: DemoWindow) -> None:
    seen, found, bad = set(), [], []
    for state in demo.states():
        bad += faults(state)
        if state.name in UNSTEADY:
            continue
        seen.add(state.name)
        path = FOLDER / f"{state.name}.txt"
        good = path.read_text(encoding="utf-8") if path.exists() else ""
        found += difflib.unified_diff(good.splitlines(), tree(state.widget).splitlines(), state.name, "now", n=1)
    assert not bad, "\n".join(bad)
    hint = "Read the differences; if they are good, run `python -m tests.app.accessibility`:"
    assert not found, "\n".join([hint, *found])
    assert seen == {path.stem for path in FOLDER.glob("*.txt")}
