"""LaTeX to a drawing: latex2mathml reads it, ziamath sets it in STIX Two Math; everything it can't do is refused."""

import re
import warnings
import xml.etree.ElementTree as ET

from app.mathematics.preparing import CannotDraw, prepare
from app.mathematics.shapes import EM, INK, LONGEST_LATEX, Shape

# WORKAROUND ziamath 0.13: it opens its font by importlib.resources.path, which is deprecated since Python 3.11.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from ziamath.config import config
    from ziamath.tex import tex2mml
    from ziamath.zmath import Math

LONGEST_SVG = 400_000
WIDEST_EM = 400
_TAGS = frozenset({"svg", "g", "path", "rect", "line", "polyline"})
_ATTRIBUTES = frozenset(
    {"xmlns", "{http://www.w3.org/2000/xmlns/}xlink", "xmlns:xlink", "width", "height", "viewBox", "d", "transform",
     "x", "y", "x1", "x2", "y1", "y2", "points", "fill", "stroke", "stroke-width", "stroke-dasharray",
     "stroke-linecap", "stroke-linejoin"}
)  # fmt: skip
_COLOUR = re.compile(r"none|#[0-9a-fA-F]{3,8}|[a-zA-Z]{3,20}")

# Without SVG 2 each glyph is a path of its own: QtSvg draws SVG Tiny 1.2.
config.svg2 = False
config.math.color = INK


def draw(latex: str, is_display: bool) -> Shape:
    """Return the formula drawn. Raises CannotDraw, and whatever the libraries raise for LaTeX they don't know."""
    if len(latex) > LONGEST_LATEX:
        raise CannotDraw("is too long")
    mathml = tex2mml(prepare(latex), inline=not is_display)
    if "\\" in re.sub(r"<mtext[^>]*>[^<]*</mtext>|<mo[^>]*>&#x0005C;</mo>", "", mathml):
        raise CannotDraw("holds an unknown command")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        math = Math(mathml, size=EM, margin=0)
        _require_glyphs(math)
        root = math.svgxml()
    box = math.node.bbox
    _require_harmless(root)
    svg = ET.tostring(root, encoding="unicode")
    width, ascent, descent = box.xmax - box.xmin, box.ymax, -box.ymin
    if len(svg) > LONGEST_SVG or not 0 < width < WIDEST_EM * EM or not 0 < ascent + descent < WIDEST_EM * EM:
        raise CannotDraw("is empty or huge")
    return Shape(svg=svg, width=width, ascent=ascent, descent=descent)


def _require_glyphs(math: Math) -> None:
    for character in set("".join(math.mathml.itertext())):
        if not character.isspace() and not math.font.glyphindex(character):
            raise CannotDraw(f"holds U+{ord(character):04X}, which the font has not")


def _require_harmless(root: ET.Element) -> None:
    """Nothing but shapes in named colours: no reference, no style, no text reaches the renderer."""
    for element in root.iter():
        if element.tag not in _TAGS or not _ATTRIBUTES.issuperset(element.attrib):
            raise CannotDraw(f"would hold {element.tag} {sorted(element.attrib)}")
        for name in ("fill", "stroke"):
            if not _COLOUR.fullmatch(element.attrib.get(name, "none")):
                raise CannotDraw("names a colour that is none")
