"""Foreign text (names, titles, errors) made safe for the places where Qt would interpret it."""

import html
import re

_MENU_CHARACTERS = 72
_LONG_WORD = re.compile(r"\S{25,}")
_BREAK_BEHIND = re.compile(r"[-_./\\:@](?=\w)|\S{16}(?=\S)")


def plain_tooltip(text: str) -> str:
    """Return a tooltip that shows the text as it is: Qt guesses rich text from tags otherwise."""
    if not text:
        return ""
    return f'<p style="white-space: pre-wrap">{html.escape(text)}</p>'


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
