"""The loaded model's tooltip: how it is loaded and why, and a bar of what takes how much of the memory."""

import html

from app.engine_words import said
from app.language import grouped, tr
from app.models import plan_words
from app.widgets.basics.theme import Theme
from engine.api.plan import Plan

_GIB = 2**30
_BAR_PX = 320
_LEAST_PX = 2


def plan_tooltip(plan: Plan) -> str:
    """Return how the model is loaded and why, as plain lines."""
    lines = [
        tr("{name} on {device}").format(name=plan.name, device=plan.device_name),
        said(plan.precision_reason),
        said(plan.context_reason),
    ]
    lines += [
        said(plan.attention_reason),
        said(plan.decode_reason),
        said(plan.draft_reason),
        plan_words.speed_text(plan),
        *plan_words.device_lines(plan),
    ]
    return "\n".join(line for line in lines if line)


def plan_html(plan: Plan, theme: Theme, last_line: str) -> str:
    """Return the same as rich text, with the bar of memory and its legend below, and a last line."""
    paragraphs = [_paragraph(line) for line in plan_tooltip(plan).split("\n")]
    return "".join([*paragraphs, _memory(plan, theme), _paragraph(last_line)])


def _paragraph(text: str) -> str:
    return f'<p style="white-space: pre-wrap; margin: 0 0 4px 0">{html.escape(text)}</p>' if text else ""


def _memory(plan: Plan, theme: Theme) -> str:
    parts, colors = plan.parts, theme.colors
    if not parts.weights_bytes:
        return ""
    free = max(parts.free_bytes - parts.needed_bytes, 0)
    pieces = [
        (tr("weights"), parts.weights_bytes, colors.accent),
        (tr("conversation"), parts.kv_bytes, colors.success),
        (
            tr("working space and reserve"),
            parts.working_bytes + parts.overhead_bytes + parts.reserve_bytes,
            colors.warning,
        ),
        (tr("free"), free, colors.outline),
    ]
    total = sum(size for _, size, _ in pieces) or 1
    cells = "".join(_cell(max(_LEAST_PX, round(_BAR_PX * size / total)), color) for _, size, color in pieces if size)
    legend = " &nbsp; ".join(_legend(words, size, color) for words, size, color in pieces)
    bar = f'<table cellspacing="0" cellpadding="0" style="margin-top: 6px"><tr>{cells}</tr></table>'
    return f'{bar}<p style="margin: 2px 0 4px 0">{legend}</p>'


def _cell(width_px: int, color: str) -> str:
    return f'<td width="{width_px}" bgcolor="{color}" style="font-size: 5px">&nbsp;</td>'


def _legend(words: str, size_bytes: int, color: str) -> str:
    text = f"{grouped(size_bytes / _GIB, 2)} GiB {words}".replace(" ", "&nbsp;")
    return f'<span style="color: {color}">■</span>&nbsp;{text}'
