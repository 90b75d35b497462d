"""Keeps characters that turn the reading direction from acting beyond the words they were written in."""

import re

_EMBEDDINGS = "\u202a\u202b\u202d\u202e"
_ISOLATES = "\u2066\u2067\u2068"
_POP_EMBEDDING = "\u202c"
_POP_ISOLATE = "\u2069"
_FIRST_STRONG_ISOLATE = "\u2068"
_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_HIDDEN = re.compile("[\u200b\u200e\u200f\u061c\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


def isolate(text: str) -> str:
    """Return text whose direction controls end inside it; text without any comes back as it is."""
    if not _CONTROLS.search(text):
        return text
    opened: list[str] = []
    kept: list[str] = []
    for character in text:
        if character in _EMBEDDINGS:
            opened.append(_POP_EMBEDDING)
        elif character in _ISOLATES:
            opened.append(_POP_ISOLATE)
        elif character in (_POP_EMBEDDING, _POP_ISOLATE):
            if not opened or opened[-1] != character:
                continue  # a stray end would close what stands around the text
            opened.pop()
        kept.append(character)
    return _FIRST_STRONG_ISOLATE + "".join(kept + opened[::-1]) + _POP_ISOLATE


def reveal(text: str) -> str:
    """Return code with invisible and direction-changing characters written out, such as ``<U+202E>``.

    Source that reads differently from what runs is a known attack (CVE-2021-42574).
    """
    return _HIDDEN.sub(lambda match: f"<U+{ord(match.group()):04X}>", text)
