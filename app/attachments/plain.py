"""Text and code in any encoding; what only calls itself text is found out."""

import codecs

from app.attachments.outcome import Note, Refused, Remark, Trouble

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Tab, line feed, form feed, return, backspace and escape stand in texts and logs; the other control characters don't.
_CONTROLS = bytes(set(range(32)) - {8, 9, 10, 12, 13, 27})
_MOST_CONTROLS = 0.001
_LOOKED_AT = 4_096


def decode(data: bytes) -> tuple[str, tuple[Note, ...]]:
    """Return the text and what is to be said about it; raises Refused for what is no text."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _lines(data[len(mark) :].decode(encoding, "replace")), ()
    wide = _wide_encoding(data[:_LOOKED_AT])
    if wide:
        return _lines(data.decode(wide, "replace")), ()
    if len(data.translate(None, _CONTROLS)) < len(data) * (1 - _MOST_CONTROLS):
        raise Refused(Trouble.BINARY)
    try:
        return _lines(data.decode("utf-8")), ()
    except UnicodeDecodeError as error:
        if error.start >= len(data) - 3:  # cut within its last character
            return _lines(data[: error.start].decode("utf-8")), ()
    # The one that most old files in the West have; where it knows no letter it is Latin-1's control character.
    text = "".join(_WESTERN[byte] for byte in data)
    return _lines(text), (Note(Remark.GUESSED_ENCODING),)


_WESTERN = tuple(bytes([byte]).decode("cp1252", "replace") for byte in range(256))


def _wide_encoding(beginning: bytes) -> str:
    """Return UTF-16 without a mark if every other byte is almost always 0, as in most Western texts."""
    pairs = len(beginning) // 2
    if pairs < 4:
        return ""
    low, high = beginning[0 : 2 * pairs : 2].count(0), beginning[1 : 2 * pairs : 2].count(0)
    if high > 0.7 * pairs and low < 0.02 * pairs:
        return "utf-16-le"
    return "utf-16-be" if low > 0.7 * pairs and high < 0.02 * pairs else ""


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "�")
