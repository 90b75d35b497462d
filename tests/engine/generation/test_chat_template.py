"""The publisher's program in its sandbox: what it may do, and that it ends."""

import itertools
from datetime import datetime
from types import SimpleNamespace

import pytest

from engine.api.errors import EngineError, ErrorKind
from engine.generation import chat_template
from engine.generation.chat_template import ChatTemplate, TemplateStopped

TODAY = datetime(2026, 3, 1)
MESSAGES = [{"role": "user", "content": "Hi"}]


def render(source: str, **options: bool) -> str:
    return ChatTemplate(source, {"bos_token": "<s>"}).render(MESSAGES, TODAY, options.get("generation_prompt", True))


def test_a_template_sees_messages_tokens_and_the_conversations_date() -> None:
    source = (
        "{{ bos_token }}{{ strftime_now('%d %b %Y') }}{% for m in messages %}[{{ m.role }}]{{ m['content'] }}"
        "{% endfor %}{% if add_generation_prompt %}>{% endif %}{{ messages | tojson }}"
    )
    assert render(source) == '<s>01 Mar 2026[user]Hi>[{"role": "user", "content": "Hi"}]'


def test_generation_blocks_and_loop_controls_are_accepted() -> None:
    body = "{% if i == 2 %}{% break %}{% endif %}{% generation %}{{ i }}{% endgeneration %}"
    source = "{% for i in range(9) %}" + body + "{% endfor %}"
    assert render(source) == "01"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ 'A' * 2000000000 }}", "a repetition in the chat template is too long"),
        ("{{ 10 ** 10 ** 10 }}", "a power in the chat template is too large"),
        ("{{ '%999999999d' % 1 }}", "a padded format in the chat template is refused"),
        ("{{ lipsum.__globals__['os'] }}", "is unsafe"),
        ("{{ messages.append(1) }}", "is unsafe"),
        ("{{ ''.__class__.__mro__ }}", "is unsafe"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recursion"),
        ("{{ raise_exception('no system role') }}", "no system role"),
        ("{{ messages[7].content }}", "no element 7"),
        ("{% if %}", "Expected an expression"),
    ],
)
def test_a_hostile_or_broken_template_ends_in_one_sentence(source: str, reason: str) -> None:
    with pytest.raises(EngineError) as caught:
        render(source)
    assert caught.value.report.kind is ErrorKind.TEMPLATE_FAILED
    assert reason in caught.value.report.message
    assert caught.value.report.hint


@pytest.mark.timeout(60)  # it would run for years
def test_a_template_whose_reading_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.generation.chat_template.LIMIT_SECONDS", 0.02)
    with pytest.raises(TemplateStopped):
        ChatTemplate("{{ a + b }}{% if a == b %}{% endif %}" * 5_000, {})


def test_a_template_is_stopped_also_where_its_time_is_over_in_code_that_swallows_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[str] = []

    class Swallows(str):  # errors, as a collection of garbage does with those of whom it calls
        def __str__(self) -> str:
            try:
                written.append(self)
                return "".join(written)
            except Exception:
                return ""

    hours = itertools.count(step=3600.0)
    over = SimpleNamespace(monotonic=lambda: next(hours), thread_time=lambda: 9e9 if written else 0.0)
    template = ChatTemplate("{% for a in range(99) %}{{ bos_token }}{% endfor %}", {"bos_token": Swallows("<s>")})
    monkeypatch.setattr(chat_template, "time", over)
    with pytest.raises(TemplateStopped):
        template.render(MESSAGES, TODAY, True)
    assert len(written) == 1


def test_a_template_that_does_not_end_is_ended_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    loops = "".join(f"{{% for {name} in range(99999) %}}" for name in "abc") + "{% endfor %}" * 3
    endless, long = ChatTemplate(loops, {}), ChatTemplate("{% for a in range(9999) %}{% endfor %}all of it", {})
    looks: list[float] = []

    def look() -> float:
        looks.append(len(looks) * 0.1)
        return looks[-1]

    hours = itertools.count(step=3600.0)
    monkeypatch.setattr(chat_template, "time", SimpleNamespace(monotonic=lambda: next(hours), thread_time=look))
    with pytest.raises(EngineError) as caught:
        endless.render(MESSAGES, TODAY, True)
    assert caught.value.report.kind is ErrorKind.TEMPLATE_FAILED
    assert "longer than 2 seconds" in caught.value.report.message
    assert caught.value.report.hint
    assert looks[-1] == pytest.approx(2.1)
    of_others = SimpleNamespace(monotonic=lambda: next(hours), thread_time=lambda: 0.0)
    monkeypatch.setattr(chat_template, "time", of_others)  # the machine is busy with something else
    assert long.render(MESSAGES, TODAY, True) == "all of it"
