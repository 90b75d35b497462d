"""Tells a model's thinking from its answer by the ``<think>`` tags in its text."""

import re
from dataclasses import dataclass

_OPENING = re.compile(r"^[ \t]*<(think|thinking)>", re.MULTILINE)
_CLOSING = re.compile(r"</(?:think|thinking)>")
# Without an opening tag (the template wrote it) only a closing tag that ends its line counts, not one talked about.
_LONE_CLOSING = re.compile(r"(?<!`)</(?:think|thinking)>[ \t]*(?=\n|\Z)")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_PARTIAL_TAG = re.compile(r"</?[a-z]{0,8}\Z")
_BEGINNING = re.compile(r"\s*<(think|thinking)>")
# Around an answer that follows thinking (Hunyuan, ERNIE, GLM-4.1V, Granite 3.3).
_WRAPPER = re.compile(r"\s*<(answer|response)>[ \t]*\n?")
_WRAPPERS = ("<answer>", "<response>")
_LONGEST_TAG = 12
_TAGS = ("<think>", "<thinking>", "</think>", "</thinking>")


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of the text that is all thinking or all answer; ``closed`` is False while it may still grow."""

    is_thinking: bool
    text: str
    closed: bool


@dataclass(frozen=True, slots=True)
class Thinking:
    """What is known of an answer's thinking beside its text: whether the template began it, and how long it took."""

    is_opened: bool = False
    seconds: float | None = None


NO_THINKING = Thinking()


def is_thinking(text: str, opened: bool = False) -> bool:
    """Return whether a text so far is inside thinking that it began with; ``opened``: the template had begun it."""
    return begins_with_thinking(text, opened) and _CLOSING.search(text) is None


def begins_with_thinking(text: str, opened: bool = False) -> bool:
    """Return whether a text began with thinking, ended by now or not; ``opened``: the template had begun it."""
    return opened or _BEGINNING.match(text) is not None


def closing_of(text: str) -> str:
    """Return what ends the thinking that a text is inside of, as models write it."""
    match = _BEGINNING.match(text)
    return f"{'' if text.endswith(chr(10)) else chr(10)}</{match.group(1) if match else 'think'}>\n\n"


def split_thinking(text: str, streaming: bool = False, opened: bool = False) -> list[Passage]:
    """Cut the text into passages in order; tags and empty passages are dropped.

    While ``streaming``, a tag that is only half there at the end is held back. ``opened``: the template wrote the
    first tag, which is not in the text.
    """
    if opened and not (streaming and any(t.startswith(text.strip()) for t in _TAGS[:2])):
        text = with_opening(text, opened)
    if "<" not in text:
        return [Passage(False, text, not streaming)] if text else []
    if streaming:
        text = _without_partial_tag(text)
    passages = _passages(text, streaming)
    if len(passages) > 1 and passages[-2].is_thinking and not passages[-1].is_thinking:
        answer = _unwrapped(passages.pop(), streaming)
        passages += [answer] if answer.text else []
    return passages


def _passages(text: str, streaming: bool) -> list[Passage]:
    passages: list[Passage] = []
    position = 0
    if "<think" not in text and "</think" not in text:  # a regular expression takes ten times as long to find nothing
        _append(passages, False, text, not streaming)
        return passages
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


def with_opening(text: str, opened: bool) -> str:
    """Return the text with the tag that the template had written, so that who edits it sees where the thinking is."""
    return f"<think>\n{text}" if opened and _BEGINNING.match(text) is None else text


def without_thinking(text: str, opened: bool) -> str:
    """Return the answer alone; a text that is all thinking is returned as it is."""
    passages = split_thinking(text, opened=opened)
    answer = "".join(passage.text for passage in passages if not passage.is_thinking)
    return answer if answer.strip() and any(passage.is_thinking for passage in passages) else text


def _append(passages: list[Passage], is_thinking: bool, text: str, closed: bool) -> None:
    text = "" if text.isspace() else text.lstrip("\n")
    if text or (is_thinking and not closed):
        passages.append(Passage(is_thinking, text, closed))


def _unwrapped(passage: Passage, streaming: bool) -> Passage:
    """Return the answer behind a thought without the tags that some models put around it."""
    opening = _WRAPPER.match(passage.text)
    if opening is None:
        begun = streaming and any(tag.startswith(passage.text.strip()) for tag in _WRAPPERS)
        return Passage(False, "", passage.closed) if begun else passage
    closing = f"</{opening.group(1)}>"
    text = passage.text[opening.end() :].lstrip("\n")
    end = text.rstrip()
    if end.endswith(closing):
        text = end.removesuffix(closing).rstrip("\n")
    elif streaming:
        half = next((n for n in range(len(closing) - 1, 0, -1) if end.endswith(closing[:n])), 0)
        text = end[: len(end) - half].rstrip("\n") if half else text
    return Passage(False, text, passage.closed)


def _lone_closing(text: str) -> re.Match[str] | None:
    closing = _LONE_CLOSING.search(text) if "</think" in text else None  # to find nothing takes it long
    if closing is None:
        return None
    opening = _OPENING.search(text, 0, closing.start())
    return None if opening or _fence_open_at(text, closing.start()) else closing


def _opening(text: str, position: int) -> re.Match[str] | None:
    fence, searched = "", position  # the fence that is open where the search has come to
    place = text.find("<think", position)  # a regular expression takes ten times as long to get there
    while place >= 0:
        start = place
        while start > position and text[start - 1] in " \t":
            start -= 1
        match = _OPENING.match(text, start)
        if match is not None:
            fence, searched = _fence_open_at(text, start, searched, fence), start
            if not fence:
                return match
        place = text.find("<think", place + 1)
    return None


def _fence_open_at(text: str, end: int, start: int = 0, fence: str = "") -> str:
    """Return the marks of the fenced code block that ``end`` lies in, "" for none; ``fence``: those at ``start``."""
    for match in _FENCE.finditer(text, start, end):
        marks = match.group(1)
        if not fence:
            fence = marks
        elif marks[0] == fence[0] and len(marks) >= len(fence):
            fence = ""
    return fence


def _without_partial_tag(text: str) -> str:
    match = _PARTIAL_TAG.search(text, max(0, len(text) - _LONGEST_TAG))
    if match and any(tag.startswith(match.group()) for tag in _TAGS):
        return text[: match.start()]
    return text
