"""What one step of a chat template may make: gigabytes in one call can't be stopped, so they are counted before."""

from datetime import datetime

import pytest

from engine.api.errors import EngineError, ErrorKind
from engine.generation import chat_template
from engine.generation.chat_template import ChatTemplate


def render(source: str) -> str:
    return ChatTemplate(source, {}).render([{"role": "user", "content": "Hi"}], datetime(2026, 3, 1), True)


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'x' | center(3000000000) }}", "{{ 'x'.center(3000000000) }}", "{{ 'x'.ljust(3000000000) | length }}",
        "{{ 'x'.rjust(3000000000) | length }}", "{{ 'x'.zfill(3000000000) | length }}",
        "{{ ['x'] | map('center', 3000000000) | list | length }}", "{{ 'x'.encode().ljust(3000000000) | length }}",
        "{{ '%999999999d' | format(3) | length }}", "{{ '%*d' | format(999999999, 3) | length }}",
        "{{ '{0:>999999999}'.format(3) | length }}", "{{ '{0:>{1}}'.format(3, 999999999) | length }}",
        "{{ '{x:>999999999}'.format_map({'x': 3}) | length }}", "{{ ('\t' * 10000).expandtabs(1000000) | length }}",
        "{{ ('a\n' * 10000) | indent(1000000) | length }}", "{{ ('a' * 10000).translate({97: 'b' * 10000}) | length }}",
        "{{ ('a' * 10000) | replace('a', 'b' * 10000) | length }}",
        "{{ ('a' * 10000).replace('a', 'b' * 10000) | length }}", "{{ range(99999) | join('x' * 9999) | length }}",
        "{{ ('x' * 10000).join(['a' * 10000] * 10000) | length }}", "{{ [1] | batch(500000000, 'x') | list | length }}",
        "{{ [1] | slice(500000000) | list | length }}", "{{ 1 | round(999999999) }}",
        "{{ (7).to_bytes(3000000000) | length }}",
        "{{ messages | tojson(indent=999999999) | length }}", "{{ (('a' * 10000) * 10000) | length }}",
        "{% set n = namespace(x=9) %}{% for i in range(60) %}{% set n.x = n.x * n.x %}{% endfor %}",
        "{% set n = namespace(x='a' * 9999) %}{% for i in range(40) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "{% set n = namespace(x=[1]) %}{% for i in range(40) %}{% set n.x = n.x + n.x %}{% endfor %}",
    ],
)  # fmt: skip
@pytest.mark.timeout(60)  # some would fill the memory
def test_nothing_huge_is_made(source: str) -> None:
    with pytest.raises(EngineError) as caught:
        render(source)
    assert caught.value.report.kind is ErrorKind.TEMPLATE_FAILED
    assert "chat template" in caught.value.report.message


@pytest.mark.parametrize(
    "body", ["{% set n.x = n.x ~ n.x %}", "{% set b %}{{ n.x }}{{ n.x }}{% endset %}{% set n.x = b %}"]
)
def test_what_doubles_in_a_loop_ends_where_the_process_has_grown(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_template, "LIMIT_BYTES", 64 * 2**20)
    with pytest.raises(EngineError, match="takes too much memory"):
        render(
            "{% set n = namespace(x='a' * 9999) %}{% for i in range(17) %}" + body + "{% endfor %}{{ n.x | length }}"
        )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ 'a' | center(3) }}{{ 'b'.ljust(2) }}{{ '7'.zfill(2) }}", " a b 07"),
        ("{{ '{:02d}'.format(3) }}{{ '{}-{x}'.format('a', x='b') }}", "03a-b"),
        ("{{ ['a', 'b'] | join(', ') }}{{ '+'.join(['c', 'd']) }}", "a, bc+d"),
        ("{{ [{'n': 'a'}, {'n': 'b'}] | join('-', attribute='n') }}", "a-b"),
        ("{{ 'a b' | replace(' ', '_') }}{{ 'a b'.replace(' ', '') }}", "a_bab"),
        ("{{ ('a' * 9000).find('b', 15000) }}{{ 'ab' | truncate(50000) }}{{ 2.5 | round(1) }}", "-1ab2.5"),
        ("{{ 'a\nb' | indent(2) }}{{ ['x'] | map('upper') | first }}", "a\n  bX"),
        ("{{ messages | tojson(indent=1) }}", '[\n {\n  "role": "user",\n  "content": "Hi"\n }\n]'),
    ],
)
def test_what_templates_do_is_left_as_it_is(source: str, expected: str) -> None:
    assert render(source) == expected
