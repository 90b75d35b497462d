"""Thinking in every form is stored as one, and the next prompt has of it what the template makes of it."""

import re
from unittest import mock

import pytest
from transformers import PreTrainedTokenizerBase

from engine.api.message import PromptMessage, Role
from engine.generation import past_answers
from engine.generation.prompt import PromptBuilder
from tests.engine.generation.thinking_families import FAMILIES, Family, template

THOUGHT = "<think>\nHm, 2.\n</think>\n\n"
QUESTION, FOLLOW_UP = PromptMessage(Role.USER, "2 + 2?"), PromptMessage(Role.USER, "Sure?")
ALL = pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
MARKED = pytest.mark.parametrize(
    "family", [made for made in FAMILIES.values() if made.special or made.plain],
    ids=[name for name, made in FAMILIES.items() if made.special or made.plain],
)  # fmt: skip


class Model:
    """A family's prompts, and answers that are written id by id."""

    def __init__(self, family: Family) -> None:
        self.tokenizer: PreTrainedTokenizerBase = family.tokenizer()
        self.prompts: PromptBuilder = family.builder(self.tokenizer)

    def ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def told(self, ids: list[int], before: PromptMessage | None = None) -> tuple[list[str], str]:
        text = self.prompts.answer_text(before)
        pieces = [text.push(token_id) for token_id in ids]
        rest, whole = text.finish()
        return [*pieces, rest], whole

    def answer(self, written: str) -> PromptMessage:
        ids = self.ids(written)
        return PromptMessage(Role.ASSISTANT, self.told(ids)[1], tuple(ids), "tiny")

    def prompt(self, *messages: PromptMessage, continues: bool = False) -> list[int]:
        return self.prompts.build(messages, continues, 0.0)

    def text(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids))


def stored(family: Family) -> str:
    return (THOUGHT.removeprefix("<think>\n") if family.opened else THOUGHT) + "It is 4."


@ALL
def test_thinking_is_told_in_one_form_as_it_comes(family: Family) -> None:
    model = Model(family)
    pieces, whole = model.told(model.ids(family.written))
    assert model.prompts.opens_thinking == family.opened
    assert whole == "".join(pieces) == stored(family)


@ALL
def test_the_next_prompt_has_what_the_template_makes_of_it(family: Family) -> None:
    model = Model(family)
    following = model.text(model.prompt(QUESTION, model.answer(family.written), FOLLOW_UP))
    begins = following.index("<|im_start|>assistant\n") + len("<|im_start|>assistant\n")
    assert following[begins:].startswith(family.follow_up + "<|im_end|>")


@MARKED
def test_an_answer_is_found_again_token_for_token(family: Family) -> None:
    """Spelt by ids that no tokenizer would choose: what is kept of the answer in the next prompt are the same."""
    model = Model(family)
    spelt = [token_id for letter in "It is 4." for token_id in model.ids(letter)]
    assert spelt != model.ids("It is 4.")
    before, _, after = family.written.partition("It is 4.")
    ids = [*model.ids(before), *spelt, *model.ids(after)]
    answer = PromptMessage(Role.ASSISTANT, model.told(ids)[1], tuple(ids), "tiny")
    following = model.prompt(QUESTION, answer, FOLLOW_UP)
    assert any(following[at : at + len(spelt)] == spelt for at in range(len(following)))
    if family.follow_up == family.written:
        asked = model.prompt(QUESTION)
        assert following[: len(asked) + len(ids)] == asked + ids


@ALL
def test_each_answer_is_decoded_once_to_find_its_ids(family: Family) -> None:
    model = Model(family)
    answer = model.answer(family.written)
    with mock.patch.object(past_answers, "read", wraps=past_answers.read) as decoding:
        model.prompt(QUESTION, answer, FOLLOW_UP, answer, FOLLOW_UP)
    assert decoding.call_count == 2


OPENED = [made for made in FAMILIES.values() if made.opened]


@pytest.mark.parametrize("family", OPENED, ids=[made.follow_up for made in OPENED])
def test_half_a_thought_that_the_template_opened_is_no_answer(family: Family) -> None:
    model = Model(family)
    begun = PromptMessage(Role.ASSISTANT, "Hm, 2.", tuple(model.ids("Hm, 2.")), "tiny", opens_thinking=True)
    following = model.text(model.prompt(QUESTION, begun, FOLLOW_UP))
    said = family.follow_up.removesuffix("It is 4.")
    assert f"assistant\n{said}<|im_end|>" in following
    assert "Hm" not in following


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize(("written", "said"), [("Hm, 2.", ""), ("Hm, 2.\n</think>\n\nIt is 4.", "It is 4.")])
def test_what_another_model_thought_is_not_read_by_one_that_does_not_think(
    written: str, said: str, opened: bool
) -> None:
    model = Model(Family(template(), "", ""))
    written = written if opened else f"<think>\n{written}"
    of_other = PromptMessage(Role.ASSISTANT, written, (1, 2), "other", opens_thinking=opened)
    following = model.text(model.prompt(QUESTION, of_other, FOLLOW_UP))
    assert f"assistant\n{said}<|im_end|>" in following


@ALL
def test_an_answer_that_was_cut_anywhere_goes_on_as_it_was(family: Family) -> None:
    model = Model(family)
    ids = model.ids(family.written)
    asked, whole = model.prompt(QUESTION), stored(family)
    for cut in range(1, len(ids)):
        begun = model.told(ids[:cut])[1]
        assert whole.startswith(begun)
        answer = PromptMessage(Role.ASSISTANT, begun, tuple(ids[:cut]), "tiny")
        assert model.told(ids[cut:], before=answer)[1] == whole[len(begun) :]
        assert model.prompt(QUESTION, answer, continues=True) == asked + ids[:cut]


@MARKED
def test_thinking_that_is_ended_from_outside_is_ended_as_the_model_does(family: Family) -> None:
    model = Model(family)
    thought = model.ids(family.written[: family.written.index("Hm, 2.") + len("Hm, 2.")])
    begun = PromptMessage(Role.ASSISTANT, model.told(thought)[1], tuple(thought), "tiny")
    closed, closing = model.prompts.with_closing(begun, "\n</think>\n\n")
    assert closed.content == stored(family).removesuffix("It is 4.")
    assert closed.content == model.told([*thought, *closing])[1]
    assert family.written.startswith(model.text([*thought, *closing]).rstrip("\n"))
    asked = model.prompt(QUESTION)
    assert model.prompt(QUESTION, closed, continues=True) == [*asked, *thought, *closing]


@MARKED
def test_an_imported_answer_never_becomes_control_text(family: Family) -> None:
    """Without ids, thinking is left out of the next prompt, or written on with the model's own tokens."""
    model = Model(family)
    imported = PromptMessage(Role.ASSISTANT, stored(family))
    following = model.text(model.prompt(QUESTION, imported, FOLLOW_UP))
    assert "It is 4." in following
    assert "Hm" not in following
    continued = model.text(model.prompt(QUESTION, imported, continues=True))
    begun = continued.removeprefix(model.text(model.prompt(QUESTION)))
    written = re.sub(r"<\|END_RESPONSE\|>|\n", "", family.written)
    assert begun.replace("\n", "") == written
    assert model.told(model.ids(begun))[1] == imported.content


@ALL
def test_a_thought_without_ids_goes_on_until_the_model_ends_it(family: Family) -> None:
    """As one that the user wrote anew, or another model began."""
    model = Model(family)
    begun = PromptMessage(Role.ASSISTANT, "<think>\nHm", (1, 2), "other")
    written = model.ids(family.written[family.written.index(", 2.") :])
    assert begun.content + model.told(written, begun)[1] == THOUGHT + "It is 4."


@ALL
def test_an_answer_that_did_not_think_is_continued_as_one(family: Family) -> None:
    """Also where the template begins an answer inside a thought."""
    model = Model(family)
    asked = model.text(model.prompt(QUESTION))
    edited = model.text(model.prompt(QUESTION, PromptMessage(Role.ASSISTANT, "It is"), continues=True))
    before = edited.removeprefix(asked).removesuffix("It is").strip()
    said, by_template = (text.partition("It is 4.")[0] for text in (family.written, family.follow_up))
    assert before == (said.partition("Hm, 2.")[2].strip() if family.opened else by_template * ("Hm" not in by_template))


@ALL
def test_an_answer_of_a_model_that_does_not_think_is_read(family: Family) -> None:
    """Also by one whose answers begin inside a thought, and end that before they answer."""
    model = Model(family)
    assert "It is 4." in model.text(model.prompt(QUESTION, PromptMessage(Role.ASSISTANT, "It is 4."), FOLLOW_UP))


def test_a_mark_right_behind_the_beginning_of_one_is_a_mark() -> None:
    family = FAMILIES["channels"]
    model = Model(family)
    pieces, whole = model.told(model.ids(f"<|channel|>{family.written}"))
    assert whole == "".join(pieces) == stored(family)


def test_what_only_begins_as_a_mark_is_text() -> None:
    model = Model(FAMILIES["channels"])
    pieces, whole = model.told(model.ids("<|channel|>anchor"))
    assert "".join(pieces) == whole == "anchor"


def test_a_model_that_only_speaks_of_marks_has_none() -> None:
    """As text they are ordinary ids, and stay text."""
    model = Model(FAMILIES["channels"])
    spoken = [i for part in ("Write <|chan", "nel|>final<|mess", "age|> first.") for i in model.ids(part)]
    assert model.told(spoken)[1] == "Write <|channel|>final<|message|> first."


def test_an_answer_without_thinking_loses_its_marks_only() -> None:
    model = Model(FAMILIES["channels"])
    answer = model.answer("<|channel|>final<|message|>It is 4.")
    assert answer.content == "It is 4."
    asked = model.prompt(QUESTION)
    assert model.prompt(QUESTION, answer, FOLLOW_UP)[: len(asked) + len(answer.token_ids)] == [
        *asked,
        *answer.token_ids,
    ]


def test_what_ends_a_thought_ends_no_answer() -> None:
    assert Model(FAMILIES["channels"]).prompts.end_token_ids() == frozenset()
    assert Model(FAMILIES["brackets, kept"]).prompts.end_token_ids()


@pytest.mark.parametrize("before", ["<|channel|>final<|message|>", " to=user<|message|>", "\n<think></think>\n"])
def test_a_title_begins_behind_the_templates_own_words(before: str) -> None:
    channels = FAMILIES["channels"]
    model = Model(Family(template(before=before), channels.written, "", special=channels.special))
    begun = model.prompts.begun_answer("Title:")
    assert model.text(list(begun.token_ids)) == f"{before}Title:"
    asked = model.prompt(QUESTION)
    assert model.prompt(QUESTION, begun, continues=True) == [*asked, *begun.token_ids]


def test_several_thoughts_are_one_until_the_answer() -> None:
    model = Model(FAMILIES["channels"])
    written = "<|channel|>analysis<|message|>One.<|end|><|start|>assistant<|channel|>commentary<|message|>Two.<|end|>"
    answer = model.answer(f"{written}<|start|>assistant<|channel|>final<|message|>Three.")
    assert answer.content == "<think>\nOne.Two.\n</think>\n\nThree."


def test_a_template_without_a_form_changes_nothing() -> None:
    family = Family(template(), "", "")
    assert Model(family).answer("<thought>Hm</thought>").content == "<thought>Hm</thought>"
