"""Foreign text (names, titles, errors) made safe for the places where Qt would interpret it."""

import html
import re

from PySide6.QtWidgets import QWidget

_MENU_CHARACTERS = 72
_TOOLTIP_CHARACTERS = 80  # longer lines are wrapped, which Qt does with rich text only
_LONG_WORD = re.compile(r"\S{25,}")
_BREAK_BEHIND = re.compile(r"[-_./\\:@](?=\w)|\S{16}(?=\S)")


def plain_tooltip(text: str) -> str:
    """Return a tooltip that shows the text as it is: Qt guesses rich text from tags otherwise.

    Where there are none, it stays plain: Qt lets screen readers say the tooltip of what has no description.
    """
    looks_rich = "<" in text or "&lt;" in text
    if not looks_rich and max(map(len, text.split("\n"))) <= _TOOLTIP_CHARACTERS:
        return text
    return f'<p style="white-space: pre-wrap">{html.escape(text)}</p>'


def set_tooltip(widget: QWidget, text: str) -> None:
    """Show a text as it is while the pointer rests on a widget, and let it be its description for screen readers."""
    widget.setToolTip(plain_tooltip(text))
    widget.setAccessibleDescription(text)


def menu_text(text: str) -> str:
    """Return the text as one line of a menu or button: `&` would underline the next letter."""
    line = " ".join(text.split())
    if len(line) > _MENU_CHARACTERS:
        line = line[: _MENU_CHARACTERS - 1].rstrip() + "…"
    return line.replace("&", "&&")


def without_accelerator(text: str) -> str:
    """Return the words of an action as they are read: `&` marks a letter, `&&` is one."""
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&")


def breakable(text: str) -> str:
    """Return the text with places where a line may end inside long names, paths and addresses."""
    return _LONG_WORD.sub(lambda word: _BREAK_BEHIND.sub(lambda found: f"{found[0]}\u200b", word[0]), text)
