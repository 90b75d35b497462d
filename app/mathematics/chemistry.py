"""Chemistry as ``\\ce{2H2 + O2 -> 2H2O}`` in the LaTeX of formulas; the common part of mhchem."""

import re

_ARROWS = {"<=>>": r"\rightleftharpoons", "<=>": r"\rightleftharpoons", "<->": r"\leftrightarrow",
           "->": r"\longrightarrow", "<-": r"\longleftarrow", "=>": r"\Rightarrow"}  # fmt: skip
_ARROW = re.compile(r"(<=>>|<=>|<->|->|<-|=>)(?:\[([^\[\]]*)\])?(?:\[([^\[\]]*)\])?")
_TOKEN = re.compile(
    r"(?P<charge>\^\{[^{}]*\}|\^[0-9]*[+-]?)|(?P<below>_\{[^{}]*\}|_[0-9a-z]+)|(?P<element>[A-Z][a-z]?|[a-z]+)"
    r"|(?P<count>\d+(?:\.\d+)?(?:/\d+)?)|(?P<sign>[+-](?=[\s)\]},]|\Z))|(?P<close>[)\]])|(?P<open>[(\[])"
    r"|(?P<command>\\[a-zA-Z]+)|(?P<other>.)",
    re.DOTALL,
)


def chemistry(source: str) -> str:
    """Return LaTeX for the argument of \\ce."""
    result: list[str] = []
    position = 0
    for match in _ARROW.finditer(source):
        result.append(_substances(source[position : match.start()]))
        above, below = match.group(2), match.group(3)
        arrow = rf" {_ARROWS[match.group(1)]} "
        if above or below:
            arrow = rf" \underset{{\text{{{below or ''}}}}}{{\overset{{\text{{{above or ''}}}}}{{{arrow}}}}} "
        result.append(arrow)
        position = match.end()
    return "".join([*result, _substances(source[position:])])


def _substances(source: str) -> str:
    return " ".join(_substance(part) for part in source.split())


def _substance(part: str) -> str:
    if part in ("v", "^"):
        return r"\downarrow" if part == "v" else r"\uparrow"
    if part in ("+", "-", "="):
        return f" {part} "
    result = ""
    follows_atom = False
    for match in _TOKEN.finditer(part):
        kind, text = match.lastgroup, match.group()
        if kind == "charge":
            result += f"^{{{text[1:].strip('{}')}}}"
        elif kind == "below":
            result += f"_{{{text[1:].strip('{}')}}}"
        elif kind == "count":
            result += f"_{{{text}}}" if follows_atom else rf"{_fraction(text)}\,"
        elif kind == "sign":
            result += f"^{{{text}}}"
        elif kind == "element":
            result += rf"\mathrm{{{text}}}"
        else:
            result += text if text != "*" else r"\cdot "
        follows_atom = kind in ("element", "close") or (follows_atom and kind == "below")
    return result


def _fraction(text: str) -> str:
    above, slash, below = text.partition("/")
    return rf"\frac{{{above}}}{{{below}}}" if slash else text
