"""What a block says to those who listen: the words alone would hide what is a heading, a link, a cell or a formula."""

from collections.abc import Sequence
from itertools import zip_longest
from urllib.parse import urlsplit

from markdown_it.token import Token

from app.bidi import without_controls
from app.language import tr
from app.rendering.blocks import Block, BlockKind
from app.rendering.formulas import parse_formula
from app.rendering.languages import language_name
from app.rendering.links import safe_url


def spoken(blocks: Sequence[Block]) -> str:
    """Return what is read aloud of an answer, thoughts apart."""
    return without_controls("\n".join(_of(block) for block in blocks if block.kind is not BlockKind.THINKING))


def heading(level: int, words: str) -> str:
    """Return how a heading is said; level: 1 is the highest."""
    return tr("Heading {level}: {words}").format(level=level, words=words)


def quotation(words: str) -> str:
    """Return how a paragraph of a quotation is said."""
    return tr("Quotation: {words}").format(words=words)


def plain(token: Token) -> str:
    """Return what an inline token shows, as plain text."""
    if token.type in ("softbreak", "hardbreak"):
        return "\n"
    if token.type == "image":
        words = "".join(plain(child) for child in token.children or [])
        # Not format: this is copied, and nothing may set its words apart.
        return str(tr("[image: {words}]")).replace("{words}", words) if words else tr("[image]")
    return token.content if token.type in ("text", "text_special", "code_inline", "math_inline") else ""


def inline(tokens: Sequence[Token]) -> str:
    """Return how the inline tokens of a paragraph, a heading or a cell are said."""
    said: list[str] = []
    link, begin = "", 0  # where the open link leads, and where its words begin
    for token in tokens:
        if token.type == "math_inline":
            said.append(tr("formula {latex}").format(latex=parse_formula(token.content).latex))
        elif token.type == "link_open":
            link, begin = safe_url(str(token.attrGet("href") or "")) or "", len(said)
        elif token.type == "link_close" and link:
            said.append(_link_end("".join(said[begin:]), link))
        else:
            said.append(plain(token))
    return "".join(said)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return how a table is said: its size, then each cell behind its column's name, which the first row holds."""
    names, *cells = rows
    said = [tr("Table with columns: {columns}, rows: {rows}").format(columns=len(names), rows=len(cells))]
    for row in cells:
        pairs = zip_longest(names, row, fillvalue="")
        said.append("; ".join(f"{name}: {cell}" if name else cell for name, cell in pairs))
    return "\n".join([*said, tr("End of the table")])


def _link_end(words: str, url: str) -> str:
    """Return what is said after the words of a link: where it leads, unless they say so themselves."""
    place = urlsplit(url).hostname or urlsplit(url).path
    if place in words.casefold():
        return tr(" (link)")
    return tr(" (link to {place})").format(place=place)


def _of(block: Block) -> str:
    if block.kind is BlockKind.CODE:
        return f"{language_name(block.language)}:\n{block.text}"
    if block.kind is BlockKind.FORMULA:
        return tr("Formula: {latex}").format(latex=parse_formula(block.text).latex)
    return block.spoken or block.text
