"""LaTeX as models write it becomes a drawing; what can't be drawn, or was made to do harm, is refused in time."""

import re

import pytest

from app.mathematics.drawing import draw
from app.mathematics.preparing import CannotDraw
from app.mathematics.shapes import EM, INK
from tests.work import work_of

TYPICAL = [
    r"E = mc^2", r"x_{1,2} = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}", r"\sum_{i=1}^{n} i^2", r"\int_0^\infty e^{-x^2}\,dx",
    r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}^{-1} = \frac{1}{ad}\begin{bmatrix} d & -b \\ -c & a \end{bmatrix}",
    r"f(x) = \begin{cases} x^2 & \text{if } x \ge 0 \\ -x & \text{otherwise} \end{cases}",
    r"\begin{align} a &= b + c \\ &= d \end{align}", r"\begin{aligned} a &= b \\ c &= d \end{aligned}",
    r"\begin{equation} a = b \label{eq:1} \end{equation}", r"\begin{gather*} x=1 \\ y=2 \end{gather*}",
    r"x \in \mathbb{R}^n,\ \mathcal{L}(\theta)", r"\hat{x} + \bar{y} + \vec{v}", r"\lim_{x \to 0} \frac{\sin x}{x}",
    r"\boxed{x = 42}", r"a^2 = c^2 \tag{1}", r"\operatorname{argmax}_{\theta}", r"\operatorname*{arg\,min}_{x} f(x)",
    r"\dfrac{1}{2} + \tfrac{3}{4}", r"\left. \frac{df}{dx} \right|_{x=0}", r"\underbrace{1 + 2}_{n \text{ terms}}",
    r"A \overset{\text{def}}{=} B", r"X \xrightarrow{f} Y", r"\ce{2H2 + O2 -> 2H2O}", r"\ce{SO4^2- + Ba^2+ <=> X v}",
    r"\binom{n}{k}", r"\sqrt[3]{x}", r"\lfloor x \rfloor + \lVert w \rVert", r"\oint_{\partial \Sigma} \mathbf{E}",
    r"\forall \epsilon > 0\ \exists \delta", r"\alpha\beta\gamma\Gamma\Omega\varphi", r"90^\circ, 5\%, \$20",
    r"\sum_{\substack{i<j \\ j<n}} a_{ij}", r"\textcolor{blue}{y}", r"\cancel{x} \neq 0", r"\langle \psi \rangle",
    r"\begin{array}{c|c} A & B \\ \hline 1 & 2 \end{array}", r"\bigl( x \bigr) \Big[ y \Big]", r"n \equiv 1 \pmod{4}",
    r"\mathrm{d}x\,\mathrm{kg}", r"\textbf{Theorem: } \textit{x}", r"\left\{ x \,\middle|\, x > 0 \right\}",
    r"\bm{x} \succeq \pmb{y}", r"50% \text{ of } x", r"f'(x), f''(x)", r"\dots \cdots \vdots \ddots",
]  # fmt: skip


@pytest.mark.parametrize("is_display", [False, True])
@pytest.mark.parametrize("latex", TYPICAL)
def test_typical_formulas_are_drawn(latex: str, is_display: bool) -> None:
    shape = draw(latex, is_display)
    assert shape.svg.count("<path") >= 1
    assert shape.width > 0.3 * EM
    assert 0.3 * EM < shape.ascent + shape.descent < 12 * EM
    assert "url(" not in shape.svg
    assert "href" not in shape.svg


def test_a_formula_stands_on_the_baseline() -> None:
    assert draw("x", False).descent < 0.05 * EM
    assert draw("x_1", False).descent > 0.1 * EM
    assert draw("y", False).descent > 0.15 * EM
    assert abs(draw("+", False).ascent - draw("x", False).ascent) < EM


def test_display_is_larger() -> None:
    inline, display = draw(r"\sum_{i=1}^n i", False), draw(r"\sum_{i=1}^n i", True)
    assert display.ascent + display.descent > 1.2 * (inline.ascent + inline.descent)


def test_the_ink_is_the_texts_and_named_colours_stay() -> None:
    assert set(re.findall(r'fill="([^"]+)"', draw("x", False).svg)) == {INK}
    assert 'fill="red"' in draw(r"x + \textcolor{red}{y}", False).svg


REFUSED = {
    "a definition": r"\newcommand{\R}{\mathbb{R}} \R",
    "a loop": r"\def\x{\x\x} \x",
    "a file": r"\input{/etc/passwd}",
    "a picture": r"\includegraphics{/etc/passwd}",
    "an unknown command": r"\foo{x} + 1",
    "an address as a colour": r"\color{url(file:///etc/passwd)}{x}",
    "letters the font has not": r"\text{漢字}",
    "nothing": " ",
    "half": r"\frac{a}{",
    "one too many": r"a}",
    "10,000 braces": "{" * 10_000 + "x" + "}" * 10_000,
    "10,000 braces that stay open": "{" * 10_000,
    "many fractions": r"\frac{" * 500 + "x" + "}{y}" * 500,
    "many lefts": r"\left(" * 3000 + r"\right)" * 3000,
    "100,000 characters": "x + " * 25_000,
}


def refused(latex: str) -> Exception:
    with pytest.raises(Exception) as raised:
        draw(latex, True)
    return raised.value


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.timeout(60)  # the libraries would take minutes for some
def test_what_cannot_be_drawn_is_refused_before_it_is_drawn(name: str) -> None:
    refused(REFUSED[name])  # what is made once
    raised: list[Exception] = []
    assert work_of(lambda: raised.append(refused(REFUSED[name]))).total() < 20_000  # drawing takes up to 150,000
    assert not isinstance(raised[0], RecursionError)
    if name not in ("half", "nothing", "an unknown command"):
        assert isinstance(raised[0], CannotDraw | ValueError), raised[0]
