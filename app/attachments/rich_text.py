"""The text of RTF: control words for paragraphs and letters are followed, everything else is left out."""

import re

from app.attachments.sink import TextSink

_TOKEN = re.compile(r"\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|([^\\{}\r\n]+)", re.DOTALL)
_SKIPPED = frozenset({
    "fonttbl", "colortbl", "stylesheet", "info", "pict", "header", "footer", "headerl", "headerr", "footerl", "footerr",
    "object", "themedata", "listtable", "listoverridetable", "rsidtbl", "generator", "xmlnstbl", "fldinst",
})  # fmt: skip
_WORDS = {
    "par": "\n\n", "line": "\n", "tab": "\t", "cell": " | ", "row": "\n", "sect": "\n\n", "page": "\n\n",
    "emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”",
}  # fmt: skip
_SIGNS = {"~": "\u00a0", "_": "-", "\\": "\\", "{": "{", "}": "}", "\n": "\n\n", "\r": "\n\n"}
_WIDE = 0x10000
_HIGH_SURROGATES, _LOW_SURROGATES = range(0xD800, 0xDC00), range(0xDC00, 0xE000)


def read_rich_text(data: bytes, sink: TextSink) -> None:
    """Write the text. Letters beyond ASCII are those of Western Windows, or written as Unicode, as all editors do."""
    open_groups: list[tuple[bool, int]] = []  # of the groups around this one: whether skipped, letters behind \u
    skips, letters_behind, to_drop, high = False, 1, 0, 0
    for word, number, code, sign, brace, text in _TOKEN.findall(data.decode("latin-1")):
        if brace == "{":
            open_groups.append((skips, letters_behind))
        elif brace:
            skips, letters_behind = open_groups.pop() if open_groups else (False, 1)
        elif word in _SKIPPED or sign == "*":
            skips = True
        elif word == "uc":
            letters_behind = min(9, max(0, int(number or 1)))
        elif skips:
            continue
        elif word == "u" and number:
            high, character = _unicode(int(number) % _WIDE, high)
            sink.write(character)
            to_drop = letters_behind
        elif word:
            sink.write(_WORDS.get(word, ""))
        elif code:
            if not to_drop:
                sink.write(bytes([int(code, 16)]).decode("cp1252", "replace"))
            to_drop = max(0, to_drop - 1)
        elif sign:
            sink.write(_SIGNS.get(sign, ""))
        else:
            sink.write(text[to_drop:])
            to_drop = max(0, to_drop - len(text))


def _unicode(unit: int, high: int) -> tuple[int, str]:
    """Return the first half of a pair if this is one, and the character that is complete now."""
    if unit in _HIGH_SURROGATES:
        return unit, ""
    if unit in _LOW_SURROGATES:
        return 0, chr(_WIDE + ((high - 0xD800) << 10) + unit - 0xDC00) if high else "�"
    return 0, chr(unit)
