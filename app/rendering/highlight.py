"""Colours for code, found by Pygments within bounds, line by line, as plain spans that any widget can apply."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Token
from pygments.util import ClassNotFound

MAXIMUM_CHARACTERS = 100_000
# Many lexers take quadratic or cubic time on one line: at 2,000 characters seconds, at 300 a moment.
MAXIMUM_LINE_CHARACTERS = 300

# Only lexers for languages that people meet: fewer regular expressions that hostile text could choose from.
# Left out: matlab and octave, whose lexer takes quadratic time on empty lines.
_LANGUAGES = frozenset(
    """
    ada asm awk bash bat batch c c# c++ clojure cmake console cpp cs csharp css cuda d dart diff docker dockerfile
    elixir elm erlang f# fish fortran fsharp glsl go golang graphql groovy haskell hcl html ini java javascript jinja
    js json json5 jsonc jsonl jsx julia kotlin kt latex less lisp lua make makefile markdown md nasm nginx nim
    nix objc objective-c ocaml patch perl php postgresql powershell prolog properties protobuf ps1 py pycon
    python python3 r rb rs ruby rust sass scala scheme scss sh shell sql sqlite svelte svg swift tcl terraform tex toml
    ts tsx typescript udiff vb verilog vhdl vim vue xml yaml yml zig zsh
    """.split()  # noqa: SIM905 - a list of one name per line would hide the rest of the module
)
_ALIASES = {
    "batch": "bat",
    "jsonc": "json5",
    "jsonl": "json",
    "kt": "kotlin",
    "md": "markdown",
    "patch": "diff",
    "ps1": "powershell",
    "shell": "bash",
    "sqlite": "sql",
    "svelte": "html",
    "svg": "xml",
    "vb": "vb.net",
    "vue": "html",
}

_STYLES = {
    Token.Comment: "comment",
    Token.Keyword: "keyword",
    Token.Keyword.Type: "type",
    Token.Keyword.Constant: "number",
    Token.Operator.Word: "keyword",
    Token.Name.Builtin: "builtin",
    Token.Name.Function: "function",
    Token.Name.Class: "type",
    Token.Name.Exception: "type",
    Token.Name.Decorator: "builtin",
    Token.Name.Tag: "keyword",
    Token.Name.Attribute: "function",
    Token.Name.Constant: "number",
    Token.Literal.String: "string",
    Token.Literal.Number: "number",
    Token.Operator: "operator",
    Token.Generic.Inserted: "inserted",
    Token.Generic.Deleted: "deleted",
    Token.Generic.Heading: "keyword",
    Token.Generic.Subheading: "function",
    Token.Generic.Prompt: "comment",
}


@dataclass(frozen=True, slots=True)
class Span:
    """``length`` UTF-16 units from ``start`` of one line, drawn in the colour named ``style``."""

    start: int
    length: int
    style: str


def highlight(code: str, language: str) -> Iterator[list[Span] | None]:
    """Yield the spans of one line after the other, and None within a line, so that the caller may pause there.

    Some lexers look through all that follows for each word (Java's: 5 ms of 100,000 characters), a line is many words.
    Nothing comes for an unknown language or for code beyond the bounds.
    """
    if len(code) > MAXIMUM_CHARACTERS or _longest_line(code) > MAXIMUM_LINE_CHARACTERS:
        return
    lexer = _lexer(language.lower())
    if lexer is None:
        return
    spans: list[Span] = []
    column = 0
    # get_tokens() would strip and normalise the text, and the spans would no longer fit it; many lexers end a line
    # only at its newline.
    for _, kind, value in lexer.get_tokens_unprocessed(code + "\n"):
        style = _style(kind)
        for number, part in enumerate(value.split("\n")):
            if number:
                yield spans
                spans, column = [], 0
            length = len(part) if part.isascii() else len(part.encode("utf-16-le", "surrogatepass")) // 2
            if style and part.strip():
                spans.append(Span(column, length, style))
            column += length
        yield None


def prepare(language: str) -> None:
    """Load what colouring this language needs, once: loading takes its time whatever the code."""
    _lexer(language.lower())


def _longest_line(code: str) -> int:
    return max(map(len, code.split("\n")))


@lru_cache(maxsize=32)
def _lexer(language: str) -> Lexer | None:
    if language not in _LANGUAGES:
        return None
    try:
        return get_lexer_by_name(_ALIASES.get(language, language))
    except ClassNotFound:
        return None


@lru_cache(maxsize=512)
def _style(kind: object) -> str:
    while kind is not None and kind is not Token:
        if kind in _STYLES:
            return _STYLES[kind]
        kind = getattr(kind, "parent", None)
    return ""
