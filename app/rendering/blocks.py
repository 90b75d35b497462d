"""The values that Markdown becomes: blocks to show one below the other, and the looks they are written for."""

from dataclasses import dataclass, field
from enum import StrEnum


class BlockKind(StrEnum):
    """What a block is, and so which widget shows it."""

    HTML = "html"
    CODE = "code"
    THINKING = "thinking"
    FORMULA = "formula"


@dataclass(frozen=True, slots=True)
class Block:
    """One finished or still growing piece of an answer; equal blocks look equal.

    HTML: ``html`` is the safe subset that QTextDocument reads, ``text`` the same as plain text. ``spoken`` is what is
    said of it to those who can't see it, "" if that is the text.
    CODE: ``text`` is the code, ``language`` the name after the fence ("" when none was given).
    FORMULA: ``text`` is the source of a formula on display, ``html`` the same in the font of code.
    THINKING: ``children`` are the blocks thought, ``text`` their plain text.
    ``seconds``: how long it was thought, if known.
    ``closed`` is False for a block that the stream has not finished. ``indent`` counts the lists that a
    code block or a formula sits in; ``is_rtl``: they are read from right to left, so that it is indented there.
    ``source`` is the Markdown that the block was written as; "" for one that the source of the block before includes
    (a code block inside a list) and for one that is not finished. Blocks of another source may still look equal.
    ``head`` is None unless the block goes on where the one before was cut: then it is the beginning of the table that
    goes on ("" for a list or a quotation). ``columns`` are those of a cut table, as wide as so many characters.
    """

    kind: BlockKind
    html: str = ""
    text: str = ""
    language: str = ""
    closed: bool = True
    indent: int = 0
    is_rtl: bool = False
    children: tuple["Block", ...] = field(default=())
    source: str = field(default="", compare=False)
    seconds: int | None = None
    spoken: str = field(default="", compare=False)
    head: str | None = None
    columns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RenderTheme:
    """Colours (``#rrggbb``), font families and sizes (logical pixels) that are written into the HTML."""

    text: str
    muted: str
    link: str
    hairline: str
    inline_code: str
    table_header: str
    text_size_px: int = 15
    code_size_px: int = 13
    code_family: str = "JetBrains Mono"

    @property
    def line_height_px(self) -> int:
        """One and a half times the text size."""
        return round(self.text_size_px * 1.5)


NO_LOOKS = RenderTheme("", "", "", "", "", "")  # for those who read what is rendered and show none of it
