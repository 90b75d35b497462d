"""Messages to prompt ids: the publisher's template for the structure, the generated ids where there are any.

The template is rendered once with placeholders in place of the contents (the skeleton) and once with the real
contents. The skeleton tells template text from foreign text, so that special-token strings in a user's text stay
ordinary text, and where each answer stands, so that its generated ids can be put there token for token.
"""

import copy
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec
from transformers import PreTrainedTokenizerBase

from engine.api.errors import EngineError, ErrorKind
from engine.api.message import PromptMessage, Role
from engine.api.prompt import PromptPiece
from engine.api.sampling import ThinkingChoice
from engine.generation.answer_text import AnswerText
from engine.generation.chat_template import ChatTemplate, TemplateStopped
from engine.generation.past_answers import PastAnswers
from engine.generation.prompt_pieces import PromptRun, TextPart, pieces_of
from engine.generation.template_use import TemplateUse, plain_use, thinking_at_end
from engine.generation.thinking_marks import ThinkingMarks
from engine.generation.thinking_switch import ThinkingSwitch

_PLACEHOLDER = re.compile("\ue0f0(\\d+)\ue0f1")
_CACHED_RUNS = 1024
_SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class _Skeleton:
    """Template text before, between and after the contents; order[i] is the message that follows segments[i]."""

    segments: tuple[str, ...]
    order: tuple[int, ...]


class PromptBuilder:
    """Builds prompt ids for one tokenizer and its chat template; keeps the ids of texts it has tokenised.

    words: rows of the model's table; None if they don't matter.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, template: ChatTemplate, tokenizer_id: str, words: int | None = None
    ) -> None:
        self._tokenizer = tokenizer
        self._tokenizer_id = tokenizer_id
        self._words = words
        self._marks = ThinkingMarks(tokenizer, template.source)
        self._special = _special_strings(tokenizer)
        self._anchor = _anchor(tokenizer)
        self._runs: OrderedDict[tuple[bool, tuple[TextPart, ...]], list[int]] = OrderedDict()
        self._chosen: dict[ThinkingChoice, PromptBuilder] = {}
        use = plain_use(template)
        self.switch = use.switch()
        self._ever_opened = bool(self.opens_thinking_with)
        self._ask_by(use)

    def _ask_by(self, use: TemplateUse) -> None:
        self._use = use
        self._shape = use.shape(self._marks.form)
        opened = use.opens_thinking(self._marks.forms)
        self._ever_opened |= opened
        kinds = (True, False) if self._ever_opened else (False,)
        self._answers = PastAnswers(
            self._tokenizer,
            self._tokenizer_id,
            self._marks,
            self._shape,
            opened=opened,
            ever_opened=self._ever_opened,
            kept=use.kept(self._marks.forms, self._marks.form, self._shape, kinds),
        )

    def choosing(self, choice: ThinkingChoice | None) -> "PromptBuilder":
        """Return what builds the prompts for a choice; one that the template doesn't know is none.

        Raises EngineError where the template fails.
        """
        choice = self.switch.in_force(choice)
        if choice is None or choice is self.switch.by_default:
            return self
        if choice not in self._chosen:
            made = copy.copy(self)  # with the same texts tokenised
            made.switch, made._chosen = ThinkingSwitch(), {}
            made._ask_by(replace(self._use, variables=self.switch.ways[choice].variables))
            self._chosen[choice] = made
        return self._chosen[choice]

    def build(self, messages: Sequence[PromptMessage], continue_last: bool, started_at: float) -> list[int]:
        """Return the ids to be in the model before the next token is generated.

        Raises EngineError: PROMPT_EMPTY without a user's text, TEMPLATE_FAILED where the template refuses, prints
        nothing, or what it prints has ids that the model has no rows for: a card would answer nothing any more.
        """
        ids = [token_id for run in self.runs(messages, continue_last, started_at) for token_id in run.ids]
        if not ids:
            raise _unusable("The model's chat template can't be used for this conversation: it prints nothing.")
        if self._words is not None and max(ids) >= self._words:
            unknown = self._tokenizer.convert_ids_to_tokens(max(ids))
            raise _unusable(f"The model's weights do not know “{unknown}”, which its tokenizer writes.")
        return ids

    def runs(self, messages: Sequence[PromptMessage], continue_last: bool, started_at: float) -> list[PromptRun]:
        """Return the ids of build with what they were made of. Raises EngineError as build does."""
        history = list(messages[:-1] if continue_last else messages)
        _require_text(history, messages, continue_last)
        # No system's local time is asked for a day before the epoch, where some have none.
        today = datetime.fromtimestamp(max(started_at, _SECONDS_PER_DAY), UTC).astimezone()
        try:
            runs = self._runs_of(history, today)
        except TemplateStopped:
            raise
        except EngineError as error:
            merged = _merge_system(history)
            if error.report.kind is not ErrorKind.TEMPLATE_FAILED or merged is None:
                raise
            runs = self._runs_of(merged, today)
        found: list[PromptRun] = []
        is_first = True
        for run in runs:
            made = PromptRun(run) if isinstance(run, list) else PromptRun(self._encode(run, is_first), run)
            is_first = is_first and not made.ids
            found.append(made)
        if continue_last:
            found.append(self._continued(messages[-1]))
        return found

    def pieces(self, messages: Sequence[PromptMessage], continue_last: bool, started_at: float) -> list[PromptPiece]:
        """Return the ids of build one by one, each with its text and where it comes from. Raises EngineError."""
        return pieces_of(self.runs(messages, continue_last, started_at), self._tokenizer)

    def next_prefix(self, messages: Sequence[PromptMessage], started_at: float) -> list[int]:
        """Return the ids that the next prompt will begin with, whatever the user writes; the last turn is an answer.

        Raises EngineError as build does.
        """
        # Two texts that no tokenizer begins with the same token.
        first, second = (
            self.build([*messages, PromptMessage(role=Role.USER, content=text)], False, started_at)
            for text in ("Why?", "0")
        )
        differing = next((at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
        return first[: min(len(first), len(second)) if differing is None else differing]

    @property
    def opens_thinking(self) -> bool:
        """Whether the template itself begins an answer with thinking."""
        return self._answers.opened

    @property
    def opens_thinking_with(self) -> tuple[ThinkingChoice, ...]:
        """The choices with which it does."""
        return tuple(
            choice for choice, way in self.switch.ways.items() if thinking_at_end(way.prompt, self._marks.forms)
        )

    def answer_text(self, continued: PromptMessage | None = None) -> AnswerText:
        """Return what tells an answer as it grows; continued: what there is of it, which decides how it reads."""
        return self._answers.text(self._continued(continued).ids if continued is not None else ())

    def begun_answer(self, text: str) -> PromptMessage:
        """Return an answer that doesn't think and begins with this text."""
        return self._answers.of_ids(self._encode((TextPart(self._answers.beginning + text, False),), is_first=False))

    def with_closing(self, message: PromptMessage, closing: str) -> tuple[PromptMessage, tuple[int, ...]]:
        """Return an unfinished answer with the template's text behind it, and the ids of that text."""
        ids = tuple(self._encode((TextPart(self._answers.closing(closing), False),), is_first=False))
        known = tuple(self._answers.ids(message))
        content = message.content + closing
        return msgspec.structs.replace(message, content=content, token_ids=known + ids if known else ()), ids

    def forget(self) -> None:
        """Drop the texts whose ids are remembered."""
        self._runs.clear()

    def end_token_ids(self) -> frozenset[int]:
        """Return the control token that closes an answer in the template, if the template has one."""
        end = self._shape.end.lstrip()
        found = [token for token in self._special if end.startswith(token)]
        if not found:
            return frozenset()
        token_id = self._tokenizer.convert_tokens_to_ids(max(found, key=len))
        if not isinstance(token_id, int) or self._marks.begins([token_id]) or self._marks.mark([token_id]):
            return frozenset()  # what ends an answer in history ends thoughts as well
        return frozenset([token_id])

    def _continued(self, message: PromptMessage) -> PromptRun:
        if ids := self._answers.ids(message):
            return PromptRun(ids)
        parts = self._answers.parts(message)
        return PromptRun(self._encode(parts, is_first=False), parts)

    def _runs_of(self, messages: list[PromptMessage], today: datetime) -> list[tuple[TextPart, ...] | list[int]]:
        """Split the prompt into runs of text and lists of generated ids, in order."""
        skeleton = self._skeleton(messages, today)
        known = [self._answers.ids(message) for message in messages]  # read once, as it decodes all of them
        given = [self._answers.given(message, ids) for message, ids in zip(messages, known, strict=True)]
        if skeleton is None:
            return [(TextPart(self._use.render(_disarmed(given, self._special), today, True), False),)]
        contents = self._contents(given, skeleton, today)
        runs: list[tuple[TextPart, ...] | list[int]] = []
        parts: list[TextPart] = []
        for segment, index in zip(skeleton.segments, skeleton.order, strict=False):
            message, content = messages[index], contents[index]
            ids = self._answers.printed_ids(message, known[index], content)
            if ids and self._shape.absorbed and segment.endswith(self._shape.absorbed):
                segment = segment[: -len(self._shape.absorbed)]
            parts.append(TextPart(segment, False))
            if ids:
                runs += [tuple(parts), ids]
                parts = []
            else:
                parts.append(TextPart(content, True))
        parts.append(TextPart(skeleton.segments[-1], False))
        return [*runs, tuple(parts)]

    def _skeleton(self, messages: list[PromptMessage], today: datetime) -> _Skeleton | None:
        """Render with placeholders; None if the template doesn't print each content exactly once."""
        marked = [PromptMessage(role=m.role, content=f"\ue0f0{i}\ue0f1") for i, m in enumerate(messages)]
        pieces = _PLACEHOLDER.split(self._use.render(marked, today, True))
        order = tuple(int(index) for index in pieces[1::2])
        if sorted(order) != list(range(len(messages))):
            return None
        return _Skeleton(segments=tuple(pieces[0::2]), order=order)

    def _contents(self, messages: list[PromptMessage], skeleton: _Skeleton, today: datetime) -> dict[int, str]:
        """Return each content as the template prints it (trimmed, thinking taken out ...), as it is if in doubt."""
        real = self._use.render(messages, today, True)
        raw = {index: message.content for index, message in enumerate(messages)}
        found: dict[int, str] = {}
        position = 0
        for number, index in enumerate(skeleton.order):
            if not real.startswith(skeleton.segments[number], position):
                return raw
            position += len(skeleton.segments[number])
            printed = _printed(real, position, messages[index], skeleton.segments[number + 1])
            if printed is None:
                return raw
            found[index] = printed
            position += len(printed)
        return found if real[position:] == skeleton.segments[-1] else raw

    def _encode(self, parts: tuple[TextPart, ...], is_first: bool) -> list[int]:
        key = (is_first, parts)
        if key in self._runs:
            self._runs.move_to_end(key)
            return self._runs[key]
        if any(part.is_foreign and any(token in part.text for token in self._special) for part in parts):
            ids: list[int] = []
            for part in parts:
                ids += self._tokenise(part.text, is_first and not ids, split_special=part.is_foreign)
        else:
            ids = self._tokenise("".join(part.text for part in parts), is_first, split_special=False)
        self._runs[key] = ids
        while len(self._runs) > _CACHED_RUNS:
            self._runs.popitem(last=False)
        return ids

    def _tokenise(self, text: str, is_first: bool, split_special: bool) -> list[int]:
        """Return the ids of a run. A run in mid-prompt is tokenised behind a control token, as some tokenizers
        put a space before whatever comes first."""
        if not text:
            return []
        if is_first or split_special or self._anchor is None:
            return list(self._ids(text, split_special))
        anchor, anchor_id = self._anchor
        ids = list(self._ids(anchor + text, split_special=False))
        return ids[1:] if ids[0] == anchor_id else list(self._ids(text, split_special=False))

    def _ids(self, text: str, split_special: bool) -> Sequence[int]:
        # The argument is passed only where it is wanted: some tokenizers keep it as their new default.
        extra = {"split_special_tokens": True} if split_special else {}
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, verbose=False, **extra)["input_ids"]
        return ids


def _unusable(told: str) -> EngineError:
    return EngineError(ErrorKind.TEMPLATE_FAILED, told, "Choose another model, or start a new conversation.")


def _require_text(history: list[PromptMessage], messages: Sequence[PromptMessage], continue_last: bool) -> None:
    if continue_last and (not messages or messages[-1].role is not Role.ASSISTANT):
        raise EngineError(ErrorKind.INVALID_COMMAND, "Only an answer can be continued.")
    if not any(m.role is Role.USER for m in history) or not history[-1].content.strip():
        raise EngineError(ErrorKind.PROMPT_EMPTY, "The message is empty.", "Write something to send.")


def _printed(real: str, position: int, message: PromptMessage, following: str) -> str | None:
    """Return what stands at the position for this message, or None if that can't be told for certain."""
    content = message.content
    candidates = [content, content.strip(), content.lstrip(), content.rstrip(), content.strip("\n")]
    if message.role is Role.ASSISTANT and "</think>" in content:
        answer = content.rpartition("</think>")[2]
        candidates += [answer.lstrip("\n"), answer.strip(), answer]
    for candidate in candidates:
        if real.startswith(candidate + following, position):
            return candidate
    if message.role is not Role.ASSISTANT or not following:
        return None
    end = real.find(following, position)
    return real[position:end] if end >= 0 else None


def _merge_system(messages: list[PromptMessage]) -> list[PromptMessage] | None:
    """Put the system text before the first user's text, for templates that refuse the system role."""
    if len(messages) < 2 or messages[0].role is not Role.SYSTEM or messages[1].role is not Role.USER:
        return None
    text = f"{messages[0].content}\n\n{messages[1].content}"
    return [PromptMessage(role=Role.USER, content=text), *messages[2:]]


def _disarmed(messages: list[PromptMessage], special: tuple[str, ...]) -> list[PromptMessage]:
    """Break special-token strings in the contents by a zero-width space after their first character."""
    result = []
    for message in messages:
        content = message.content
        for token in special:
            content = content.replace(token, f"{token[0]}\u200b{token[1:]}")
        result.append(PromptMessage(role=message.role, content=content))
    return result


def _special_strings(tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    added: Mapping[int, object] = tokenizer.added_tokens_decoder
    return tuple(str(token) for token in added.values() if getattr(token, "special", False) and len(str(token)) > 1)


def _anchor(tokenizer: PreTrainedTokenizerBase) -> tuple[str, int] | None:
    """Return a control token that takes no white space from its neighbour, with its id."""
    for token_id, token in tokenizer.added_tokens_decoder.items():
        if token.special and not token.rstrip and not token.lstrip:
            return str(token), int(token_id)
    return None
