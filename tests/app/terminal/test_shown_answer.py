"""Thinking is no part of the answer on stdout, whoever wrote its first tag; how long it takes is told meanwhile."""

import io
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from app.rendering.thinking import split_thinking
from app.terminal import shown_answer
from app.terminal.output import Output
from app.terminal.shown_answer import ShownAnswer
from tests.app.terminal.conftest import Run
from tests.app.terminal.test_ask import messages_of
from tests.engine_scripts import Script


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(text: str, *, opened: bool = False) -> tuple[str, str]:
    """Return what stands on stdout and stderr once a text has grown letter by letter."""
    out, err = io.StringIO(), Screen()
    answer = ShownAnswer(Output(out, err))
    for end in range(1, len(text) + 1):
        answer.grow(text[:end], opened=opened)
    answer.finish(text, opened=opened, is_stored=False)
    return out.getvalue(), err.getvalue()


@pytest.mark.parametrize("opens", [False, True])
def test_only_the_answer_is_on_stdout(hearth: Run, use_script: Callable[..., None], opens: bool) -> None:
    use_script(Script(thinking="Hm, a < b. Let me see.", opens_thinking=opens, answer="It is so."))
    result = hearth("ask", "Why?", "--conversation", "Rome")
    assert (result.status, result.out) == (0, "It is so.\n")
    stored = messages_of("Rome")[1]
    assert stored.opens_thinking is opens
    assert "Let me see." in stored.content
    assert stored.content.startswith("<think>") is not opens
    assert hearth("chat", stdin="One\nTwo\n").out == "It is so.\nIt is so.\n"


def test_thoughts_alone_are_no_answer_and_that_is_said(hearth: Run, use_script: Callable[..., None]) -> None:
    use_script(Script(thinking="Hm. Let me see.", opens_thinking=True))
    result = hearth("ask", "Why?", "--max-tokens", "2")
    assert result.out == ""
    assert "has not begun its answer" in result.err


@pytest.mark.parametrize(
    "text", ["a < b and <b>c</b>\n\n```\n<think>\n```\n", "plain", "  lead\n\nend\n", "<", "<thin"]
)
def test_a_text_without_thinking_comes_as_it_is(text: str) -> None:
    assert shown(text) == (f"{text}\n", "")


@pytest.mark.parametrize(
    ("text", "opened", "answer"),
    [
        ("<think>\nHm <b>\n</think>\n\nYes <i>.", False, "Yes <i>."),
        ("Hm\n</think>\n\nYes.", True, "Yes."),
        ("<think>\n\n</think>\n\nYes.", False, "Yes."),
    ],
)
def test_letter_by_letter_thinking_stays_away(
    monkeypatch: pytest.MonkeyPatch, text: str, opened: bool, answer: str
) -> None:
    monkeypatch.setattr(shown_answer, "time", SimpleNamespace(monotonic=lambda: 100.0))
    out, err = shown(text, opened=opened)
    assert out == f"{answer}\n"
    assert "Thinking 0 s" in err
    assert err.endswith("\x1b[K")


def test_a_tag_that_comes_as_a_surprise_begins_the_answer_on_a_line_of_its_own() -> None:
    text = "Hm.\n</think>\n\nYes."
    assert [each.is_thinking for each in split_thinking(text)] == [True, False]
    assert shown(text)[0].endswith("\nYes.\n")


def test_what_only_a_closing_tag_shows_to_be_thinking_stays_in_a_line_of_its_own() -> None:
    assert shown("Hm. </think>\n\nSo.")[0] == "Hm. \nSo.\n"
