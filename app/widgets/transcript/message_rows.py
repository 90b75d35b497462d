"""Builds the widget of a message and guesses how high it will be."""

import math

from PySide6.QtWidgets import QWidget

from app.models.transcript_model import TranscriptEntry
from app.widgets.transcript.assistant_message import AssistantMessage
from app.widgets.transcript.context_mark import MARK_PX
from app.widgets.transcript.message_widget import MessageWidget, RowStyle
from app.widgets.transcript.user_message import BUBBLE_PADDING_PX, BUBBLE_SHARE, UserMessage, folded
from engine.api.message import Role

_CHARACTER_SHARE = 0.5  # of the text size: how wide a character of Inter is on average
_LINE_SHARE = 1.5
_BUBBLE_FRAME_PX = 36
_ANSWER_FRAME_PX = 48
_FOLD_BUTTON_PX = 36


def make_row(entry: TranscriptEntry, style: RowStyle, parent: QWidget) -> MessageWidget:
    """Return the widget for an entry."""
    kind = UserMessage if entry.message.role is Role.USER else AssistantMessage
    return kind(entry, style, parent)


def estimate_height(entry: TranscriptEntry, style: RowStyle, width: int) -> int:
    """Return about how high an entry's widget will be at a width in pixels, without building it. Cheap."""
    content = entry.message.content
    height = _ANSWER_FRAME_PX
    mark = MARK_PX if entry.is_context_start else 0
    if entry.message.role is Role.USER:
        width = int(width * BUBBLE_SHARE) - 2 * BUBBLE_PADDING_PX
        shown = folded(content)
        height = _BUBBLE_FRAME_PX + (_FOLD_BUTTON_PX if len(shown) < len(content) else 0)
        content = shown
    size = style.theme.text_size_px
    characters_per_line = max(1, int(width / (size * _CHARACTER_SHARE)))
    line_count = math.ceil(len(content) / characters_per_line) + content.count("\n") // 2
    return mark + height + int(max(1, line_count) * size * _LINE_SHARE)
