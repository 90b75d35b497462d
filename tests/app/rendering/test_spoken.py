"""What a listener is told of an answer: headings, links, cells, quotations, pictures and formulas as what they are."""

import pytest

from app.rendering.markdown import render
from app.rendering.spoken import spoken
from tests.app.rendering.test_markdown import THEME


def said(markdown: str) -> str:
    return spoken(render(markdown, THEME))


@pytest.mark.parametrize(
    ("markdown", "words"),
    [
        ("Just *words* with `code`.", "Just words with code."),
        ("## A **bold** title", "Heading 2: A bold title"),
        ("> One\n>\n> Two", "Quotation: One\nQuotation: Two"),
        ("A [link](https://example.org/deep/path?x=1).", "A link (link to example.org)."),
        (
            "https://example.org/deep is [here](https://a.example)",
            "https://example.org/deep is here (link to a.example)",
        ),
        ("[example.org](https://example.org/a)", "example.org (link)"),
        ("[me](mailto:me@example.org)", "me (link to me@example.org)"),
        ("[no link](javascript:alert(1))", "no link"),
        ("![A cat](https://example.org/cat.png)", "[image: A cat]"),
        ("The root $\\sqrt{x}$ of it", "The root formula \\sqrt{x} of it"),
        ("$$\\sum_k k$$", "Formula: \\sum_k k"),
        ("- one\n- # Two\n- [ ] three", "• one\n• Heading 1: Two\n☐ three"),
        ("```python\nx = 1\n```", "Python:\nx = 1"),
        ("<think>Hidden</think>Said", "Said"),
    ],
)
def test_what_is_said(markdown: str, words: str) -> None:
    assert said(markdown) == words


def test_each_cell_of_a_table_is_said_with_the_name_of_its_column() -> None:
    table = "| name | [site](https://a.example) | |\n|---|---|---|\n| Ann | $x$ | 1 |\n| Bo |\n"
    assert said(f"Before\n\n{table}\nAfter").splitlines() == [
        "Before",
        "Table with columns: 3, rows: 2",
        "name: Ann; site (link to a.example): formula x; 1",
        "name: Bo; site (link to a.example): ; ",
        "End of the table",
        "After",
    ]


def test_what_is_shown_and_copied_has_no_word_of_it() -> None:
    (block,) = render("# Title", THEME)
    assert (block.text, block.spoken) == ("Title", "Heading 1: Title")
    assert "Heading" not in block.html
    assert render("Plain words", THEME)[0].spoken == ""
