"""Tells a model's thinking from its answer by the ``<think>`` tags in its text."""

import re
from dataclasses import dataclass

_OPENING = re.compile(r"^[ \t]*<(think|thinking)>", re.MULTILINE)
_CLOSING = re.compile(r"</(?:think|thinking)>")
# Without an opening tag (the template wrote it) only a closing tag that ends its line counts, not one talked about.
_LONE_CLOSING = re.compile(r"(?<!`)</(?:think|thinking)>[ \t]*(?=\n|\Z)")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_PARTIAL_TAG = re.compile(r"</?[a-z]{0,8}\Z")
_TAGS = ("<think>", "<thinking>", "</think>", "</thinking>")


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of the text that is all thinking or all answer; ``closed`` is False while it may still grow."""

    is_thinking: bool
    text: str
    closed: bool


def split_thinking(text: str, streaming: bool = False) -> list[Passage]:
    """Cut the text into passages in order; tags and empty passages are dropped.

    While ``streaming``, a tag that is only half there at the end is held back.
    """
    if "<" not in text:
        return [Passage(False, text, not streaming)] if text else []
    if streaming:
        text = _without_partial_tag(text)
    passages: list[Passage] = []
    position = 0
    lone = _lone_closing(text)
    if lone is not None:
        _append(passages, True, text[: lone.start()], True)
        position = lone.end()
    while (opening := _opening(text, position)) is not None:
        _append(passages, False, text[position : opening.start()], True)
        closing = _CLOSING.search(text, opening.end())
        if closing is None:
            _append(passages, True, text[opening.end() :], not streaming)
            return passages
        _append(passages, True, text[opening.end() : closing.start()], True)
        position = closing.end()
    _append(passages, False, text[position:], not streaming)
    return passages


def _append(passages: list[Passage], is_thinking: bool, text: str, closed: bool) -> None:
    text = text.lstrip("\n") if text.strip() else ""
    if text or (is_thinking and not closed):
        passages.append(Passage(is_thinking, text, closed))


def _lone_closing(text: str) -> re.Match[str] | None:
    closing = _LONE_CLOSING.search(text)
    if closing is None:
        return None
    opening = _OPENING.search(text, 0, closing.start())
    return None if opening or _inside_fence(text, closing.start()) else closing


def _opening(text: str, position: int) -> re.Match[str] | None:
    for match in _OPENING.finditer(text, position):
        if not _inside_fence(text, match.start(), position):
            return match
    return None


def _inside_fence(text: str, end: int, start: int = 0) -> bool:
    """Tell whether ``end`` lies in a fenced code block that began after ``start``."""
    marker = ""
    for match in _FENCE.finditer(text, start, end):
        fence = match.group(1)
        if not marker:
            marker = fence
        elif fence[0] == marker[0] and len(fence) >= len(marker):
            marker = ""
    return bool(marker)


def _without_partial_tag(text: str) -> str:
    match = _PARTIAL_TAG.search(text)
    if match and any(tag.startswith(match.group()) for tag in _TAGS):
        return text[: match.start()]
    return text
