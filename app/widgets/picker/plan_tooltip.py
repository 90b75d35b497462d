"""The loaded model's tooltip: how it is loaded and why, and a bar of what takes how much of the memory."""

import html

from PySide6.QtGui import QGuiApplication

from app.engine_words import said
from app.language import grouped, tr
from app.models import plan_words
from app.models.memory_picture import Part
from app.widgets.basics.theme import Theme
from app.widgets.picker.memory_parts import bar_html, square_html
from engine.api.gib import adding_up, hundredths
from engine.api.plan import Plan

_BAR_PX = 320
_BAR_HIGH_PX = 10
_SQUARE_PX = 10


def plan_tooltip(plan: Plan) -> str:
    """Return how the model is loaded and why, as plain lines."""
    lines = [
        plan_line(plan),
        said(plan.precision_reason),
        said(plan.context_reason),
        said(plan.left_out),
    ]
    lines += [
        said(plan.attention_reason),
        said(plan.decode_reason),
        said(plan.draft_reason),
        plan_words.speed_text(plan),
        *plan_words.device_lines(plan),
    ]
    return "\n".join(line for line in lines if line)


def plan_line(plan: Plan) -> str:
    """Return where the model is loaded; why it is loaded so is said in the menu, to those who go there."""
    return tr("{name} on {device}").format(name=plan.name, device=plan.device_name)


def plan_html(plan: Plan, theme: Theme, last_line: str) -> str:
    """Return the same as rich text, with the bar of memory and its legend below, and a last line."""
    paragraphs = [_paragraph(line) for line in plan_tooltip(plan).split("\n")]
    return "".join([*paragraphs, _memory(plan, theme), _paragraph(last_line)])


def _paragraph(text: str) -> str:
    return f'<p style="white-space: pre-wrap; margin: 0 0 4px 0">{html.escape(text)}</p>' if text else ""


def _memory(plan: Plan, theme: Theme) -> str:
    parts = plan.parts
    if not parts.weights_bytes:
        return ""
    free = max(parts.free_bytes - parts.needed_bytes, 0)
    pieces = [
        (Part.WEIGHTS, tr("weights"), parts.weights_bytes),
        (Part.CONVERSATION, tr("conversation"), parts.kv_bytes),
        (
            Part.WORKING,
            tr("working space and reserve"),
            parts.working_bytes + parts.overhead_bytes + parts.reserve_bytes,
        ),
        (Part.FREE, tr("free"), free),
    ]
    ratio = QGuiApplication.primaryScreen().devicePixelRatio()
    bar = bar_html([(part, size) for part, _, size in pieces], _BAR_PX, _BAR_HIGH_PX, ratio, theme)
    # In the numbers of the planner's sentence, which stands above.
    own = adding_up(
        [parts.weights_bytes, parts.kv_bytes, parts.working_bytes, parts.overhead_bytes, parts.reserve_bytes]
    )
    values = [own[0], own[1], sum(own[2:]), max(hundredths(parts.free_bytes) - sum(own), 0)]
    legend = " &nbsp; ".join(
        f"{square_html(part, _SQUARE_PX, ratio, theme)}&nbsp;{_legend(words, value)}"
        for (part, words, _), value in zip(pieces, values, strict=True)
    )
    return f'<p style="margin: 6px 0 0 0">{bar}</p><p style="margin: 2px 0 4px 0">{legend}</p>'


def _legend(words: str, value: int) -> str:
    return f"{grouped(value / 100, 2)} GiB {words}".replace(" ", "&nbsp;")
