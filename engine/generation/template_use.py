"""One way to use a chat template, and what it makes of a turn then: found by rendering it with placeholders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from engine.api.errors import EngineError
from engine.api.message import PromptMessage, Role
from engine.generation.chat_template import ChatTemplate, TemplateStopped, Variables
from engine.generation.thinking_marks import Form
from engine.generation.thinking_switch import ThinkingSwitch, find_switch

_SECONDS_PER_DAY = 86_400
_SOME_DAY = datetime.fromtimestamp(_SECONDS_PER_DAY, UTC)
_QUESTION = PromptMessage(role=Role.USER, content="\ue0f00\ue0f1")
_ANSWER = PromptMessage(role=Role.ASSISTANT, content="\ue0f01\ue0f1")


@dataclass(frozen=True)
class TurnShape:
    """What the template puts around an answer.

    between is what history has between the generation prompt and the answer. Where it is white space (absorbed), the
    model generated it (or not) as part of its first token. mark: what it has right before an answer, thought over or
    not. end is the text that closes an answer.
    """

    between: str
    mark: str
    end: str

    @property
    def absorbed(self) -> str:
        """What the first token of an answer may have brought with it."""
        return self.between if not self.between.strip() else ""

    @property
    def beginning(self) -> str:
        """What the template itself begins an answer with that doesn't think."""
        return self.between if self.between.strip() else self.mark


@dataclass(frozen=True)
class TemplateUse:
    """in_parts: texts are given in lists of parts. variables: what else the template is given."""

    template: ChatTemplate
    in_parts: bool
    variables: Variables

    def render(self, messages: Sequence[PromptMessage], today: datetime, generation_prompt: bool) -> str:
        """Return the text of a prompt. Raises EngineError(TEMPLATE_FAILED)."""
        plain: list[dict[str, object]] = [
            {
                "role": str(message.role),
                "content": [{"type": "text", "text": message.content}] if self.in_parts else message.content,
            }
            for message in messages
        ]
        return self.template.render(plain, today, generation_prompt, self.variables)

    def shape(self, form: Form) -> TurnShape:
        """Return what stands around an answer; form: how it would think. Raises EngineError."""
        asked = self.render([_QUESTION], _SOME_DAY, True)
        answered = self.render([_QUESTION, _ANSWER], _SOME_DAY, False)
        before, _, end = answered.partition(_ANSWER.content)
        between = before.removeprefix(asked) if before.startswith(asked) else ""
        mark = next((text for text in form.passed if before.endswith(text)), "")
        return TurnShape(between, mark, end)

    def opens_thinking(self, forms: Sequence[Form]) -> bool:
        """Return whether the template itself begins an answer with thinking. Raises EngineError."""
        return thinking_at_end(self.render([_QUESTION], _SOME_DAY, True), forms) is True

    def kept(self, forms: Sequence[Form], form: Form, shape: TurnShape, kinds: Iterable[bool]) -> frozenset[bool]:
        """Return of which kinds an answer that thought can be given as it was generated; the rest without its thoughts.

        kinds: whether the template had begun its thinking. Fine is a template that takes the thinking out, writes it
        in its own way, or makes the same of it again. Others refuse it, have other words around it than around an
        answer alone, or print it behind what the model was not asked with: an empty thought, the beginning of an
        answer, what another choice asks with.
        """
        thought, said = "\ue0f01\ue0f1", "\ue0f02\ue0f1"
        try:
            asked = self.render([_QUESTION], _SOME_DAY, True)
            alone = self.render([_QUESTION, _answering(said), _QUESTION], _SOME_DAY, True)
        except EngineError:
            return frozenset()
        before, _, behind = alone.partition(said)
        opened = thinking_at_end(asked, forms)
        found: set[bool] = set()
        for kind in kinds:
            content = form.written(thought, said, opened=kind)
            try:
                printed = self.render([_QUESTION, _answering(content), _QUESTION], _SOME_DAY, True)
            except EngineError:
                continue
            is_placed = said in printed and printed.startswith(before) and printed.endswith(behind)
            is_same = printed.startswith(asked + shape.absorbed + content) and opened is (True if kind else None)
            if is_placed and (content not in printed or is_same):
                found.add(kind)
        return frozenset(found)

    def switch(self) -> ThinkingSwitch:
        """Return the switch for thinking that the template has. Raises TemplateStopped."""
        talk = [_QUESTION, _ANSWER, _QUESTION]
        return find_switch(
            self.template,
            lambda variables: replace(self, variables=variables).render(talk, _SOME_DAY, True),
        )


def thinking_at_end(asked: str, forms: Sequence[Form]) -> bool | None:
    """Return whether a prompt, whose last message is a placeholder, has begun thinking or ended it; None: neither."""
    behind = asked.rpartition(_QUESTION.content)[2]
    opening, closing = (max(behind.rfind(getattr(form, name)) for form in forms) for name in ("opening", "closing"))
    if opening > closing:
        return not any(form.ends_thought and form.ends_thought in behind[opening:] for form in forms)
    return False if closing >= 0 else None


def _answering(content: str) -> PromptMessage:
    return PromptMessage(role=Role.ASSISTANT, content=content)


def plain_use(template: ChatTemplate) -> TemplateUse:
    """Return how a template is used where nothing is chosen.

    Some print a text only in a list of parts, as beside a picture (SmolVLM).
    """
    for in_parts in (False, True):
        use = TemplateUse(template, in_parts, {})
        try:
            if _QUESTION.content in use.render([_QUESTION], _SOME_DAY, True):
                return use
        except TemplateStopped:
            raise
        except EngineError:  # told where there is something to be answered
            continue
    return TemplateUse(template, False, {})
