"""The menu of a text on the page of messages: what can be copied from there."""

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu

from app.language import tr
from app.rendering.links import safe_url
from app.widgets.basics.mirrored_style import Menu
from app.widgets.text.code_block import CodeBlock
from app.widgets.text.page_texts import Leaf
from app.widgets.text.table_text import markdown_of, table_at, values_of
from app.widgets.text.text_selection import SelectionArea
from app.widgets.text.text_view import TextView
from app.widgets.transcript.message_actions import KEYS, Act, message_actions, with_key
from app.widgets.transcript.message_widget import message_around


def text_menu(page: SelectionArea, leaf: Leaf, place: QPoint) -> QMenu:
    """Return the menu for a place inside a text; it is gone when it is closed."""
    menu = Menu(page)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    selected = bool(page.selected_text())
    _add(menu, with_key(tr("Cop&y"), KEYS[Act.COPY] if selected else ""), page.copy, selected)
    _add(menu, tr("Copy as &Markdown"), page.copy_markdown, selected)
    _add(menu, tr("Select a&ll of the message"), leaf.selectAll)
    menu.addSeparator()
    _add_of_place(menu, leaf, place)
    menu.addSeparator()
    message = message_around(leaf)
    if message is not None:
        others: Mapping[Act, str] = {
            act: key for act, key in KEYS.items() if act is not Act.COPY
        }  # it copies what is selected
        message_actions(menu, message, others if selected else KEYS)
    return menu


def _add_of_place(menu: QMenu, leaf: Leaf, place: QPoint) -> None:
    """Add what can be done with the code, link or table that stands there."""
    code = leaf.parentWidget()
    if isinstance(code, CodeBlock):
        _add(menu, tr("Copy code"), code.copy)
        _add(menu, tr("Save code as…"), code.save)
    if isinstance(leaf, TextView):
        formula = leaf.formula_at(leaf.viewport().mapTo(leaf, place))
        if formula is not None:
            _add(menu, tr("Copy LaTeX"), partial(_copy, formula.source))
        url = safe_url(leaf.anchorAt(place))
        if url:
            _add(menu, tr("Open link…"), partial(leaf.link_activated.emit, url))
            _add(menu, tr("Copy link"), partial(_copy, url))
        table = table_at(leaf.cursorForPosition(place))
        if table is not None:
            _add(menu, tr("Copy table"), partial(_copy, values_of(table)))
            _add(menu, tr("Copy table as Markdown"), partial(_copy, markdown_of(table)))


def _add(menu: QMenu, words: str, do: Callable[[], object], enabled: bool = True) -> None:
    action = menu.addAction(words)
    action.setEnabled(enabled)
    action.triggered.connect(lambda: do())


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
