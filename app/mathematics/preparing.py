"""Rewrites LaTeX as models write it into what latex2mathml and ziamath can draw; refuses what they would draw wrong."""

import re
from collections.abc import Callable

from app.mathematics.chemistry import chemistry

DEEPEST_NESTING = 12  # of braces, environments and \left: ziamath's time doubles with each, up to some seconds here
_DEFINITION = re.compile(
    r"\\(?:def|edef|gdef|let|newcommand|renewcommand|providecommand|newenvironment|DeclareMathOperator|input|include"
    r"|write|loop|csname|catcode|href|url|includegraphics|require|usepackage|htmlClass|htmlId|htmlStyle|verb)\b"
)
_STEP = re.compile(r"\\(?P<word>begin|end|left|right)(?![a-zA-Z])|\\.|(?P<open>\{)|(?P<close>\})", re.DOTALL)
_MATRIX = re.compile(r"\\begin\{([pbvVB]?matrix|smallmatrix|cases|array)\}")
_WRAPPED = re.compile(r"\\(begin|end)\{(?:equation|displaymath|math|multline|flalign)\*?\}")
_ALIGNED = re.compile(r"\\(begin|end)\{(?:split|aligned|alignedat|gathered|eqnarray|gather|multlined)\*?\}")
_REPLACED = {
    r"\\(?:label|ref|eqref)\{[^{}]*\}": "",
    r"\\(?:nonumber|notag|allowbreak|nobreak|noindent|hfill|hfil|centering|mathstrut|strut|relax)(?![a-zA-Z])": "",
    r"\\tag\*?\{([^{}]*)\}": r"\\qquad\\text{(\1)}",
    r"\\(?:dfrac|cfrac)(?![a-zA-Z])": r"\\displaystyle\\frac",
    r"\\(?:bm|pmb|bold)(?![a-zA-Z])": r"\\boldsymbol",
    r"\\(?:mathds|mathbbm)(?![a-zA-Z])": r"\\mathbb",
    r"\\(?:textnormal|textup|textsf|textsc|mbox|hbox|textmd|mathrm\s*\\text)(?![a-zA-Z])": r"\\text",
    r"\\emph(?![a-zA-Z])": r"\\textit",
    r"\\(?:middle)(?![a-zA-Z])\s*": r"\\,\\middle",
    r"\\[bB]igg?[lrm]?(?![a-zA-Z])\s*\\\|": r"\\Vert ",
    r"\\coloneqq(?![a-zA-Z])": r"\\mathrel{:=}",
    r"\\dotsc|\\dotso": r"\\ldots",
    r"\\dotsb|\\dotsm|\\dotsi": r"\\cdots",
    r"\\degree(?![a-zA-Z])": r"^\\circ",
    r"\\(?:thinspace)(?![a-zA-Z])": r"\\,",
    r"\\(?:lt)(?![a-zA-Z])": "<",
    r"\\(?:gt)(?![a-zA-Z])": ">",
    r"\\N(?![a-zA-Z])": r"\\mathbb{N}",
    r"\\R(?![a-zA-Z])": r"\\mathbb{R}",
    r"\\Z(?![a-zA-Z])": r"\\mathbb{Z}",
    r"\\Q(?![a-zA-Z])": r"\\mathbb{Q}",
    r"\\C(?![a-zA-Z])": r"\\mathbb{C}",
    r"\\hspace\*?\{[^{}]*\}": r"\\quad ",
    r"(?<!\\)~": r"\\ ",
    r"(?<!\\)%": r"\\%",
    r"\\bmod(?![a-zA-Z])": r"\\ \\text{mod}\\ ",
    r"\\not\s*=": r"\\neq ",
    r"\\not\s*\\in(?![a-zA-Z])": r"\\notin ",
    r"\\mathop(?![a-zA-Z])\s*(?=\{)": "",
}
_STARRED_OPERATOR = re.compile(r"\\operatorname\*\s*\{([^{}]*)\}")
_REPLACEMENTS = [(re.compile(pattern), replacement) for pattern, replacement in _REPLACED.items()]


class CannotDraw(Exception):
    """The formula is shown as its source."""


def prepare(latex: str) -> str:
    """Return the LaTeX to draw. Raises CannotDraw for definitions, unbalanced or too deep ones."""
    if _DEFINITION.search(latex):
        raise CannotDraw("defines or loads something")
    _require_shallow(latex)
    latex = with_arguments(latex, "ce", chemistry)
    latex = _STARRED_OPERATOR.sub(r"\\operatorname{\1}", latex)
    latex = with_arguments(latex, "operatorname", _operator)
    latex = _WRAPPED.sub("", latex)
    latex = _ALIGNED.sub(r"\\\1{align*}", latex).replace("{align}", "{align*}").replace("{alignat}", "{align*}")
    for pattern, replacement in _REPLACEMENTS:
        latex = pattern.sub(replacement, latex)
    latex = _matrices_in_braces(latex).strip()
    if not latex:
        raise CannotDraw("is empty")
    return latex


def with_arguments(latex: str, command: str, rewrite: Callable[[str], str]) -> str:
    """Replace each \\command{argument} by what rewrite makes of the argument."""
    opener, result, position = f"\\{command}{{", [], 0
    while (found := latex.find(opener, position)) >= 0:
        end = _closing_brace(latex, found + len(opener))
        if end < 0:
            break
        result += [latex[position:found], "{", rewrite(latex[found + len(opener) : end]), "}"]
        position = end + 1
    return "".join([*result, latex[position:]])


def _operator(name: str) -> str:
    """An operator's name is upright, the thin space in "arg min" as well."""
    words = re.sub(r"\\[,;: ]|~", " ", name)
    return rf"\text{{{words}}}\," if " " in words else rf"\operatorname {{{words}}}"


def _closing_brace(latex: str, start: int) -> int:
    depth = 1
    for match in re.compile(r"\\.|[{}]", re.DOTALL).finditer(latex, start):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if not depth:
            return match.start()
    return -1


def _require_shallow(latex: str) -> None:
    depth = deepest = 0
    for match in _STEP.finditer(latex):
        opens = match["open"] or match["word"] in ("begin", "left")
        closes = match["close"] or match["word"] in ("end", "right")
        depth += bool(opens) - bool(closes)
        deepest = max(deepest, depth)
        if depth < 0:
            raise CannotDraw("closes what was not opened")
    if depth or deepest > DEEPEST_NESTING:
        raise CannotDraw("is not closed, or nested too deep")


def _matrices_in_braces(latex: str) -> str:
    """A matrix with an exponent is one thing: without braces ziamath raises."""
    position = 0
    while (match := _MATRIX.search(latex, position)) is not None:
        name = match.group(1)
        end = latex.find(f"\\end{{{name}}}", match.end())
        following = end + len(name) + len("\\end{}")
        if end >= 0 and latex[following : following + 3].lstrip().startswith(("^", "_")):
            body = latex[match.start() : following]
            latex = f"{latex[: match.start()]}{{{body}}}{latex[following:]}"
        position = match.end() + 1
    return latex
