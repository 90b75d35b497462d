"""The publisher's program in its sandbox: what it may do, and that it ends."""

import time
from datetime import datetime

import pytest

from engine.api.errors import EngineError, ErrorKind
from engine.generation.chat_template import ChatTemplate

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
    "source",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}" + "{% endfor %}" * 3,
        "{{ 'A' * 2000000000 }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ lipsum.__globals__['os'] }}",
        "{{ messages.append(1) }}",
        "{{ ''.__class__.__mro__ }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ raise_exception('no system role') }}",
        "{{ messages[7].content }}",
        "{% if %}",
    ],
)
def test_a_hostile_or_broken_template_ends_in_one_sentence(source: str) -> None:
    started = time.monotonic()
    with pytest.raises(EngineError) as caught:
        render(source)
    assert caught.value.report.kind is ErrorKind.TEMPLATE_FAILED
    assert caught.value.report.hint
    assert time.monotonic() - started < 10
