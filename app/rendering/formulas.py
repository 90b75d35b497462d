"""Tells formulas from prices, and how a formula stands in HTML, in a text and on the clipboard."""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

SCHEME = "formula:"
ENVIRONMENTS = (
    "equation|displaymath|align|aligned|alignat|gather|gathered|multline|eqnarray|flalign|split|cases|array"
    "|matrix|pmatrix|bmatrix|vmatrix|Vmatrix|Bmatrix"
)
_PAIRS = {"$$": "$$", "\\[": "\\]", "\\(": "\\)", "$": "$"}
_TRAILING = re.compile(r"(?<=\$\$|\\\])[ \t]*([.,;:!?]?)\s*\Z")
_SIGNS = re.compile(r"[\\^_={}<>+|]")
_WORDS = re.compile(r"[A-Za-z]{2,}\s+[A-Za-z]{2,}")


@dataclass(frozen=True, slots=True)
class Formula:
    """LaTeX without its delimiters. is_display: it was meant to stand on a line of its own."""

    latex: str
    is_display: bool

    @property
    def source(self) -> str:
        """The formula as it is copied: ``$x$``, or ``$$x$$`` on display."""
        return f"$${self.latex}$$" if self.is_display else f"${self.latex}$"


@lru_cache(maxsize=4_000)
def parse_formula(source: str) -> Formula:
    """Return the formula of a source with its delimiters (``$``, ``$$``, ``\\(``, ``\\[`` or an environment)."""
    source = source.strip()
    trailing = _TRAILING.search(source)
    mark = trailing.group(1) if trailing else ""
    if trailing:
        source = source[: trailing.start()]
    for opener, closer in _PAIRS.items():
        if source.startswith(opener) and source.endswith(closer) and len(source) >= len(opener) + len(closer):
            inner = source[len(opener) : -len(closer)].strip()
            return Formula(inner + (rf"\text{{{mark}}}" if mark else ""), opener in ("$$", "\\["))
    return Formula(source, True)


def formula_html(source: str) -> str:
    """Return the mark that stands for a formula in HTML; it names nothing that could be opened."""
    return f'<img src="{SCHEME}{quote(source, safe="", errors="replace")}"/>'


def source_of(name: str) -> str | None:
    """Return the source that a mark's name stands for; None for any other name."""
    return unquote(name.removeprefix(SCHEME)) if name.startswith(SCHEME) else None


def reads_like_words(content: str) -> bool:
    """Return whether what two dollars enclose is prose, as in "$100 in cash and 50$"."""
    return _SIGNS.search(content) is None and _WORDS.search(content) is not None
