"""Scripts that put no spaces between words: what they are, and how the search index gets them. Pure."""

import re

# Thai to Tibetan, Burmese, Khmer, kana and Han, and what stands for these in other planes.
UNSPACED = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_CHARACTER = re.compile(f"[{UNSPACED}]")


def is_unspaced(part: str) -> bool:
    """Return whether the text begins with such a script."""
    return _CHARACTER.match(part) is not None


def spaced(text: str) -> str:
    """Return the text with a space around each character of such a script."""
    return text if text.isascii() else _CHARACTER.sub(r" \g<0> ", text)
