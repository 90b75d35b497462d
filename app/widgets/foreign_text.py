"""Foreign text (names, titles, errors) made safe for the places where Qt would interpret it."""

import html

_MENU_CHARACTERS = 72


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
