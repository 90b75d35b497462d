"""Text made to do harm: nothing runs, nothing is fetched, nothing takes long, nothing is lost."""

import re

import pytest

from app.rendering.blocks import Block, RenderTheme
from app.rendering.markdown import MarkdownStream, render
from tests.work import work_of

THEME = RenderTheme("#111111", "#666666", "#222222", "#dddddd", "#eeeeee", "#f0f0f0")
COUNTED = 8_000  # characters of a text whose work is counted call by call


def html_of(text: str, streaming: bool = False) -> str:
    return "".join(block.html for block in render(text, THEME, streaming))


ATTACKS = [
    "![x](http://127.0.0.1:9/steal?secret)",
    "![x](file:///etc/passwd)",
    "![x](\\\\host\\share\\x.png)",
    "![x](//host/share/x.png)",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java&#10;script:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](file:///etc/passwd)",
    "[x](data:text/html;base64,AAAA)",
    "[x](vbscript:x)",
    "[x](ms-msdt:/id)",
    "[x](\\\\host\\share)",
    "[x](//host/share)",
    "[x](https://bank.example@evil.example/)",
    "[x](https:evil)",
    "[x][1]\n\n[1]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "<file:///etc/passwd>",
    "<img src=x onerror=alert(1)>",
    "<a href='https://evil.example'>x</a>",
    "<style>*{background:url(http://evil.example)}</style>",
    "<table background='http://evil.example'>",
    "<!-- x --><script>alert(1)</script>",
    "[x](https://ok.example \"onmouseover='x'\")",
    '`<img src="file:///etc/passwd">`',
    "| <img src=x> | ![y](http://evil.example) |\n|---|---|\n| <b> | [z](file:///x) |",
    '$x" onerror="alert(1)$ and \\(<img src="file:///etc/passwd">\\)',
    "$<img src='formula:x'>$",
    '# <img src=x> ![y](http://evil.example/"><img src=z>)',
]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_but_known_tags_and_safe_links(attack: str, streaming: bool) -> None:
    html = html_of(f"before {attack} after", streaming) + html_of(attack, streaming)
    html = re.sub(r'<img src="formula:[A-Za-z0-9_.~%-]+"/>', "", html)  # the mark of a formula, its source encoded
    tags = {tag.lower() for tag in re.findall(r"<\s*/?\s*([a-zA-Z!][\w-]*)", html)}
    assert tags <= {"p", "b", "i", "s", "a", "span", "br", "h1", "ul", "ol", "li", "table", "tr", "th", "td", "hr"}
    for attributes in re.findall(r"<(?:\w+)\s([^>]*)>", html):
        for name in re.findall(r'([\w-]+)="', attributes):
            assert name in {"style", "href", "start", "type", "cellspacing", "cellpadding", "align", "dir"}
    for target in re.findall(r'href="([^"]*)"', html):
        assert re.match(r"https?://|mailto:", target)
        assert "@evil" not in target
    assert "url(" not in re.sub(r">[^<]*<", "><", html)


def test_an_image_is_its_words() -> None:
    (block,) = render("![a *secret* plan](http://evil.example/x.png)", THEME)
    assert block.text == "[image: a secret plan]"
    assert "evil" not in block.html


SLOW = {
    "quotes": "> " * 500 + "deepest",
    "lists": "".join("  " * depth + "- x\n" for depth in range(500)),
    "lists on one line": "- " * 5000 + "deepest",
    "table": "|a|b|\n|-|-|\n" + "|x|y|\n" * 10_000,
    "one line": "x" * 1_000_000,
    "a million characters": "word word word. " * 62_500,
    "many paragraphs": "a line of text\n\n" * 65_000,
    "brackets": "[" * 50_000,
    "images": "![[" * 10_000,
    "stars": "*a **a " * 5000,
    "backticks": " ".join("`" * count for count in range(1, 250)),
    "dollars": "$a " * 10_000,
    "formulas": "\\(" * 10_000,
    "whole formulas": "$x^2$ " * 10_000,
    "open formula": "$$\n" + "a &= b \\\\\n" * 10_000,
    "formula openers": "$$\n\n" * 10_000,
    "environments": "\\begin{align}\n" * 10_000,
    "braces": "$$" + "{" * 50_000 + "}" * 50_000 + "$$",
    "definitions": "[a]: b\n" * 10_000,
    "entities": "&#1;" * 10_000,
    "thoughts": "<think>\n" * 10_000,
    "fences": "```\n" * 10_000,
    "fences and thoughts": "```\n</think>\n" * 4000,
    "lazy quote": ">" + "a\n" * 20_000,
    "blanks": " " * 200_000 + "x",
    "newlines": "\n" * 200_000 + "x",
    "direction": "\u202e\u2067" * 20_000,
    "combining": "a" + "\u0301" * 50_000,
}


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.timeout(60)  # two seconds at most; one that takes quadratic time takes minutes
def test_every_text_is_rendered(name: str) -> None:
    assert render(SLOW[name], THEME)
    assert render(SLOW[name], THEME, streaming=True)


@pytest.mark.parametrize("name", SLOW)
def test_a_text_twice_as_long_takes_twice_the_work(name: str) -> None:
    text = SLOW[name][:COUNTED]
    half = work_of(lambda: render(text[: len(text) // 2], THEME)).total()
    whole = work_of(lambda: render(text, THEME)).total()
    assert whole <= 2.2 * half + 40 * len(text)  # something begins only where there is enough of it


HUGE = {name: SLOW[name] for name in ("one line", "table", "lists")} | {"paragraphs": SLOW["many paragraphs"][:60_000]}


@pytest.mark.parametrize("name", HUGE)
def test_an_update_of_a_huge_text_costs_what_is_new(name: str) -> None:
    stream = MarkdownStream(THEME)
    text = HUGE[name]
    whole = work_of(lambda: stream.update(text, True)).total()
    for count in range(1, 6):
        grown = text + " and more" * count
        assert work_of(lambda grown=grown: stream.update(grown, True)).total() < whole / 10


def _text(blocks: list[Block]) -> str:
    return "\n".join(block.text for block in blocks)


@pytest.mark.parametrize(
    "name", ["quotes", "lists on one line", "one line", "a million characters", "table", "brackets"]
)
def test_nothing_is_lost(name: str) -> None:
    text = SLOW[name]
    shown = _text(render(text, THEME))
    for character in "xdw[":
        assert shown.count(character) == text.count(character)


def test_what_is_nested_too_deep_is_shown_as_plain_text() -> None:
    (block,) = render("> " * 500 + "deepest", THEME)
    assert block.text.endswith("> deepest")
    assert len(render("> " * 5 + "deep", THEME)[0].text) == len("deep")


def test_lone_surrogates_and_noncharacters_raise_nothing() -> None:
    text = "a \ud800 **b \udfff** `\uffff` \ufeff\n\n```\n\ud83d\n```"
    assert _text(render(text, THEME)).count("\ud800") == 1
