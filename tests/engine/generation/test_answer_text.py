"""An answer that is stopped and goes on: wherever it was cut, its text is the one that its ids stand for."""

import pytest

from engine.api.message import PromptMessage, Role
from engine.bench import byte_tokenizer
from engine.generation.answer_text import AnswerText
from engine.generation.past_answers import PastAnswers
from engine.generation.template_use import TurnShape
from engine.generation.thinking_marks import ThinkingMarks
from tests.engine.generation.test_detokenizer import byte_fallback_tokenizer, ids_of

TEXT = "漢字🙂"
BEHIND = " fine"


@pytest.mark.parametrize("has_fallback", [False, True])
def test_half_a_character_is_no_text_and_is_told_once_it_is_whole(has_fallback: bool) -> None:
    tokenizer = byte_fallback_tokenizer() if has_fallback else byte_tokenizer.tokenizer()
    ids = [1 + byte for byte in TEXT.encode()] if has_fallback else ids_of(TEXT)
    behind = [257, 258] if has_fallback else ids_of(BEHIND)
    marks = ThinkingMarks(tokenizer, "")
    answers = PastAnswers(tokenizer, "t", marks, TurnShape("", "", ""), opened=False, ever_opened=False, kept=())
    for cut in range(1, len(ids)):
        stopped, rest = AnswerText(tokenizer, marks), AnswerText(tokenizer, marks, ids[:cut])
        for token_id in ids[:cut]:
            stopped.push(token_id)
        streamed = [rest.push(token_id) for token_id in ids[cut:]]
        begun, told = stopped.finish()[1], rest.finish()
        assert "\ufffd" not in begun
        assert begun + told[1] == begun + "".join(streamed) + told[0] == TEXT
        # What was read of it is found again as it was stopped, and behind what the template closes it with.
        for said, spoken in [(begun, ids[:cut]), (begun + BEHIND, ids[:cut] + behind)]:
            assert answers.ids(PromptMessage(Role.ASSISTANT, said, tuple(spoken), "t")) == spoken
