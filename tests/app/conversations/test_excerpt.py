"""Where something was found: in answers as they are seen, without Markdown's signs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.conversations.excerpt import HIT_END, HIT_START, marks, snippet
from app.conversations.folding import folded

SIGNS = st.sampled_from([*"*_`$#>|~[]()\\-\n <", "**", "```", "\n\n", "](http://x/y)", "word", "needle", "word "])
FENCED = "```python\nneedle = 2 * 3 * 4  # *not* **bold**\n```"
TABLE = "| Tool | Use |\n|------|:---:|\n| needle | sewing |"


def shown(text: str, words: str = "needle") -> str:
    """Return the excerpt of an answer, what was found in brackets."""
    found = snippet(text, words.split(), is_markdown=True)
    return found.replace(HIT_START, "[").replace(HIT_END, "]")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("The **needle** is *thin*, __not__ _thick_.", "The [needle] is thin, not thick."),
        ("a ***needle*** and ~~a pin~~", "a [needle] and a pin"),
        ("un**needle**able", "un[needle]able"),
        ("**The long needle** here", "The long [needle] here"),
        ("**bold with *needle* in it**", "bold with [needle] in it"),
        ("Use `needle * 2 * 3` or ``a`b``", "Use [needle] * 2 * 3 or a`b"),
        ("# A needle\n\n- [x] one\n- two\n> three", "A [needle] one two three"),
        ("needle\n\n---\n\nthread", "[needle] thread"),
        ("Sure:\n" + FENCED + "\n**Done**", "Sure: [needle] = 2 * 3 * 4 # *not* **bold** Done"),
        (TABLE, "Tool Use [needle] sewing"),
        ("See [the needle](https://a.b/c_d_(e)) ![eye](x.png).", "See the [needle] eye."),
        (
            "Its area $\\pi r_1 * r_2$ and a needle cost $5 or $6.",
            "Its area \\pi r_1 * r_2 and a [needle] cost $5 or $6.",
        ),
        ("$$\nE = mc^2\n$$\nneedle \\(x\\)", "E = mc^2 [needle] x"),
        ("needle: 2 \\* 3, snake_case_name, 2 * 3 * 4", "[needle]: 2 * 3, snake_case_name, 2 * 3 * 4"),
        ("<think>\nA needle?\n</think>\nYes", "A [needle]? Yes"),
        ("a[0] needle (b) <b>c</b> a | b", "a[0] [needle] (b) <b>c</b> a | b"),
    ],
)
def test_an_answer_is_shown_without_its_signs(text: str, seen: str) -> None:
    assert shown(text) == seen


def test_an_address_that_was_looked_for_is_shown() -> None:
    assert shown("See [this](https://a.b/needle) **now**") == "See this](https://a.b/[needle]) now"


def test_what_a_user_wrote_is_shown_as_written() -> None:
    assert snippet("**bold**", ["bold"]) == f"**{HIT_START}bold{HIT_END}**"


def test_a_long_answer_is_shown_around_the_words() -> None:
    text = "```\n" + "code * " * 300 + "\n```\n" + "**word** " * 500 + "**needle** " + "*word* " * 500
    seen = shown(text)
    assert seen.startswith("…word word")
    assert seen.endswith("…")
    assert "[needle]" in seen
    assert "*" not in seen
    assert len(seen) < 150


@given(st.lists(SIGNS, max_size=60).map("".join))
def test_all_that_is_found_nearby_is_marked(text: str) -> None:
    found = marks(folded(text), ["needle"])
    seen = shown(text)
    assert bool(found) == ("[needle" in seen)
