"""What goes between the window and the process that draws formulas: one line of JSON each way for each formula."""

import msgspec

EM = 20.0  # a drawing is made for letters of this size, in its own units, and scaled to any other
INK = "#010203"  # stands for the text's colour in a drawing; colours that the formula names itself are others
LONGEST_LATEX = 4_000


class Wanted(msgspec.Struct, frozen=True):
    """A formula to draw. is_display: it stands on a line of its own, with limits above and below."""

    number: int
    latex: str
    is_display: bool


class Shape(msgspec.Struct, frozen=True):
    """A formula drawn: SVG of nothing but paths and lines, in units of which EM are one em."""

    svg: str
    width: float
    ascent: float
    descent: float


class Drawn(msgspec.Struct, frozen=True):
    """The answer to a Wanted with the same number; no shape where the formula can't be drawn."""

    number: int
    shape: Shape | None


READY = Drawn(0, None)  # said once, when the process can draw: what it is sent has its own time limit from then on
