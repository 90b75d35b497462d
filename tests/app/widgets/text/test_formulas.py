"""Formulas on screen: drawn by another process, on the baseline, in the text's colour; copied as LaTeX."""

import pytest
from PySide6.QtCore import QPoint, QProcess, QTimer
from PySide6.QtGui import QColor, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.mathematics.shapes import LONGEST_LATEX, Shape
from app.rendering.formulas import Formula, parse_formula
from app.widgets.basics.theme import DARK, LIGHT, Theme
from app.widgets.text import formula_process
from app.widgets.text.formula_block import FormulaBlock
from app.widgets.text.formula_object import FormulaObject
from app.widgets.text.formulas import formulas
from app.widgets.text.text_view import TextView
from app.widgets.transcript.message_body import MessageBody
from tests.app.widgets.message_probe import MakeBody, stream

PATIENCE_MS = 120_000  # the process works a second at each hostile formula, on a busy machine some


def wait_until_drawn(qtbot: QtBot) -> None:
    """Wait until no drawing is on its way, and what was told has been shown."""
    shelf = formulas()
    qtbot.waitUntil(lambda: not shelf._pending and not shelf._tell.isActive(), timeout=PATIENCE_MS)
    QApplication.processEvents()


def picture_of(body: MessageBody, page: str, ratio: float = 1.0) -> QImage:
    body.resize(body.width(), body.heightForWidth(body.width()))
    QApplication.processEvents()
    image = QImage(body.size() * ratio, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(QColor(page))
    body.render(image)
    return image


def view_of(body: MessageBody) -> TextView:
    view = body.block_widgets[0]
    assert isinstance(view, TextView)
    return view


def test_a_formula_in_a_line_is_drawn_where_its_source_stood(make_body: MakeBody, qtbot: QtBot) -> None:
    body = make_body(r"The root \(\sqrt{x^2 + y^2}\) of it")
    assert "sqrt" in view_of(body).toPlainText()
    wait_until_drawn(qtbot)
    assert view_of(body).toPlainText() == "The root \ufffc of it"
    view_of(body).selectAll()
    assert view_of(body).createMimeDataFromSelection().text() == r"The root $\sqrt{x^2 + y^2}$ of it"
    assert "sqrt" in view_of(body).accessibleName()


def dark_rows(image: QImage, left: int, right: int) -> list[int]:
    return [
        y
        for y in range(image.height())
        if any(QColor(image.pixel(x, y)).lightness() < 128 for x in range(left, min(right, image.width())))
    ]


@pytest.mark.parametrize("formula", ["n", r"\frac{n}{n} n", r"\begin{matrix}1\\2\\3\\4\\5\end{matrix} n"])
def test_it_stands_on_the_baseline(make_body: MakeBody, qtbot: QtBot, formula: str) -> None:
    body = make_body(f"n $n$ ${formula}$")
    wait_until_drawn(qtbot)
    ratio = 4
    image = picture_of(body, "#ffffff", ratio)
    width = view_of(body).fontMetrics().horizontalAdvance("n")
    text = dark_rows(image, 2 * ratio, (width - 1) * ratio)  # the caret stands before it
    small = dark_rows(image, (width + 4) * ratio, (width + 14) * ratio)
    assert text
    assert small
    assert abs(max(text) - max(small)) <= 0.75 * ratio


def test_a_low_formula_makes_no_line_higher(make_body: MakeBody, qtbot: QtBot) -> None:
    plain, with_formula = make_body("a word\n\nanother"), make_body("a $x_1$\n\nanother")
    wait_until_drawn(qtbot)
    assert with_formula.heightForWidth(600) == plain.heightForWidth(600)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("ratio", [1.0, 1.25, 3.0])
def test_it_has_the_colour_of_the_text(make_body: MakeBody, qtbot: QtBot, theme: Theme, ratio: float) -> None:
    body = make_body("$MMM$")
    body.set_theme(theme)
    wait_until_drawn(qtbot)
    colors = theme.colors
    image = picture_of(body, colors.page, ratio)
    assert image.width() == round(600 * ratio)
    shown = {QColor(image.pixel(x, y)).name() for y in range(image.height()) for x in range(round(60 * ratio))}
    nearest = min(shown, key=lambda name: distance(name, colors.text))
    assert distance(nearest, colors.text) < 24
    assert distance(colors.page, colors.text) > 300


def distance(first: str, second: str) -> int:
    a, b = QColor(first), QColor(second)
    return abs(a.red() - b.red()) + abs(a.green() - b.green()) + abs(a.blue() - b.blue())


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_in_a_selection_it_is_as_strong_as_the_text(make_body: MakeBody, qtbot: QtBot, theme: Theme) -> None:
    body = make_body(r"$\blacksquare$")
    body.set_theme(theme)
    wait_until_drawn(qtbot)
    view = view_of(body)
    body.resize(300, body.heightForWidth(300))
    QApplication.processEvents()
    view.selectAll()
    palette = view.palette()
    image = picture_of(body, theme.colors.page)
    wanted, around = palette.highlightedText().color(), palette.highlight().color()
    colors = {image.pixelColor(x, y).name() for x in range(2, 14) for y in range(2, 18)}
    assert wanted.name() in colors
    assert around.name() in {image.pixelColor(x, 1).name() for x in range(14)} | colors


def test_a_formula_on_display_is_centred(make_body: MakeBody, qtbot: QtBot) -> None:
    body = make_body("before\n\n$$x = 1$$\n\nafter")
    wait_until_drawn(qtbot)
    block = body.block_widgets[1]
    assert isinstance(block, FormulaBlock)
    assert block.is_drawn
    assert not block.source_view.isVisible()
    image = picture_of(body, "#ffffff")
    columns = [
        x for x in range(600)
        if any(QColor(image.pixel(x, y)).lightness() < 128 for y in range(block.y(), block.geometry().bottom()))
    ]  # fmt: skip
    assert abs((min(columns) + max(columns)) / 2 - 300) < 4
    assert "x = 1" in block.accessibleName()
    block.copy()
    assert QGuiApplication.clipboard().text() == "$$x = 1$$"


def test_one_that_is_too_wide_scrolls_inside(make_body: MakeBody, qtbot: QtBot) -> None:
    body = make_body(f"$${' + '.join(f'a_{{{n}}}' for n in range(40))}$$")
    wait_until_drawn(qtbot)
    block = body.block_widgets[0]
    assert isinstance(block, FormulaBlock)
    assert block.width() == 600
    assert block.horizontalScrollBar().maximum() > 200


def test_one_that_is_a_little_too_wide_is_drawn_smaller(make_body: MakeBody, qtbot: QtBot) -> None:
    body = make_body(f"$${' + '.join(f'a_{{{n}}}' for n in range(9))}$$")
    wait_until_drawn(qtbot)
    block = body.block_widgets[0]
    assert isinstance(block, FormulaBlock)
    whole = block.natural_width()

    def scrolls_at(width: int) -> bool:
        block.resize(width, block.height_for(width))
        return block.horizontalScrollBar().maximum() > 0

    assert not any(scrolls_at(width) for width in range(round(whole * 0.91), whole + 2))
    assert block.height_for(round(whole * 0.91)) < block.height_for(whole)
    assert scrolls_at(round(whole * 0.89))
    assert block.height_for(round(whole * 0.89)) > block.height_for(whole), "as large as others, above its scroll bar"


@pytest.mark.parametrize("source", [r"$\foo{x}$", r"$$\newcommand{\R}{x} y$$", "$" + "{" * 3000 + "}" * 3000 + "$"])
def test_what_cannot_be_drawn_is_its_source(make_body: MakeBody, qtbot: QtBot, source: str) -> None:
    body = make_body(source)
    wait_until_drawn(qtbot)
    widget = body.block_widgets[0]
    view = widget.source_view if isinstance(widget, FormulaBlock) else widget
    assert isinstance(view, TextView)
    assert view.isVisible()
    assert view.toPlainText() == source


def test_a_formula_that_takes_too_long_hurts_no_other(make_body: MakeBody, qtbot: QtBot) -> None:
    slow = r"\begin{pmatrix}" + r"\\".join(" & ".join("abcdefghi" for _ in range(10)) for _ in range(16))
    slow += r"\end{pmatrix}"
    assert len(slow) < LONGEST_LATEX
    first, hostile, last = (Formula(latex, True) for latex in ("a", slow, "b"))
    formulas().shape(first)
    wait_until_drawn(qtbot)
    process = formulas()._process
    assert process._timer.interval() == formula_process.IDLE_MS
    for formula in (hostile, last):
        formulas().shape(formula)
    assert process._timer.interval() == formula_process.FORMULA_MS  # not what was left of the rest
    process._timer.start(0)  # before the process gives it up itself
    qtbot.waitUntil(lambda: not formulas()._pending, timeout=PATIENCE_MS)
    assert formulas().shape(hostile) is None
    assert isinstance(formulas().shape(first), Shape)
    assert isinstance(formulas().shape(last), Shape)


def test_the_window_goes_on_while_hostile_formulas_are_drawn(
    make_body: MakeBody, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = ["{" * 500 + "x" + "}" * 500, r"\frac{" * 12 + "x" + "}{y}" * 12, r"\left(" * 35 + r"\right)" * 35]
    waited: list[str] = []
    for name in ("waitForStarted", "waitForReadyRead"):
        monkeypatch.setattr(QProcess, name, lambda *_, name=name: waited.append(name))
    body = make_body("")
    body.set_text("\n\n".join(f"word $${latex}$$ and ${latex}$" for latex in hostile))
    asked, beats = len(formulas()._pending), [0]
    assert asked == 6
    timer = QTimer(interval=0)
    timer.timeout.connect(lambda: beats.append(len(formulas()._pending)))
    timer.start()
    wait_until_drawn(qtbot)
    timer.stop()
    assert asked in beats  # the window had its turns before there was any answer
    assert waited == []


def test_a_drawing_is_made_once(make_body: MakeBody, qtbot: QtBot) -> None:
    make_body("$x^7$")
    wait_until_drawn(qtbot)
    number = formulas()._number
    body = make_body("again $x^7$ and \\(x^7\\)")
    assert view_of(body).toPlainText() == "again \ufffc and \ufffc"
    body.set_theme(DARK)
    assert formulas()._number == number


def test_drawn_formulas_stay_while_the_text_grows(make_body: MakeBody, qtbot: QtBot) -> None:
    body = make_body("")
    stream(body, "Let $x^2$ be")
    wait_until_drawn(qtbot)
    for end in range(1, 12):
        stream(body, "Let $x^2$ be" + " whatever it is"[:end])
        assert view_of(body).toPlainText().startswith("Let \ufffc be")


def test_many_formulas_of_a_paragraph_are_laid_out_once(
    make_body: MakeBody, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []
    size = FormulaObject.intrinsicSize
    monkeypatch.setattr(FormulaObject, "intrinsicSize", lambda *given: measured.append(1) or size(*given))
    text = " ".join(f"and $x_{{{number}}}$ \U0001f525" for number in range(60))
    body = make_body("")
    stream(body, text)
    wait_until_drawn(qtbot)
    view = view_of(body)
    qtbot.waitUntil(lambda: view.toPlainText().count("\ufffc") == 60)
    measured.clear()
    for more in ("that", "that goes", "that goes on $x_{7}$"):
        stream(body, f"{text} {more}")
        body.resize(600, body.heightForWidth(600))
        assert view.toPlainText().count("\ufffc") == 60 + more.count("$") // 2
        assert 60 <= len(measured) < 2 * 60
        measured.clear()
    assert view.toPlainText() == " ".join(["and \ufffc \U0001f525"] * 60) + " that goes on \ufffc"


def test_the_formula_at_a_place_is_told(make_body: MakeBody, qtbot: QtBot) -> None:
    body = make_body("$MMMMMM$ and words")
    wait_until_drawn(qtbot)
    view = view_of(body)
    assert view.formula_at(QPoint(20, 10)) == Formula("MMMMMM", False)
    assert view.formula_at(QPoint(150, 10)) is None


@pytest.mark.parametrize(
    ("source", "latex", "is_display"),
    [
        ("$x$", "x", False),
        (r"\( x \)", "x", False),
        ("$$\nx\n$$", "x", True),
        (r"\[x\].", r"x\text{.}", True),
        (r"\begin{align}x\end{align}", r"\begin{align}x\end{align}", True),
    ],
)
def test_sources_are_read(source: str, latex: str, is_display: bool) -> None:
    assert parse_formula(source) == Formula(latex, is_display)
