"""Code gets colours that fit its characters, within bounds."""

import pytest

from app.rendering import highlight as module
from app.rendering.highlight import MAXIMUM_CHARACTERS, MAXIMUM_LINE_CHARACTERS, Span, highlight
from app.rendering.languages import language_name


def lines_of(code: str, language: str) -> list[list[Span]]:
    """Return the spans of each line, without the pauses between them."""
    return [spans for spans in highlight(code, language) if spans is not None]


def styles(code: str, language: str) -> list[tuple[str, str]]:
    """Return (characters, style) of every span, read back through UTF-16 as Qt will."""
    found = []
    for line, spans in zip(code.split("\n"), lines_of(code, language), strict=False):
        units = line.encode("utf-16-le", "surrogatepass")
        for span in spans:
            piece = units[2 * span.start : 2 * (span.start + span.length)]
            found.append((piece.decode("utf-16-le", "surrogatepass"), span.style))
    return found


def test_python() -> None:
    found = styles("def f(x):\n    return 'a', 12  # note", "python")
    for expected in (("def", "keyword"), ("f", "function"), ("12", "number"), ("# note", "comment")):
        assert expected in found


def test_one_list_of_spans_for_each_line_also_inside_long_tokens() -> None:
    code = '"""one\ntwo\n\nthree"""\nx = 1\n'
    lines = lines_of(code, "python")
    assert len(lines) >= 5
    assert lines[1] == [Span(0, 3, "string")]
    assert lines[2] == []


def test_spans_count_as_qt_counts() -> None:
    assert ("'🔥'", "string") in styles("x = '🔥' + '漢'", "js")
    assert ("'漢'", "string") in styles("x = '🔥' + '漢'", "js")


def test_blank_lines_at_the_start_shift_nothing() -> None:
    assert lines_of("\n\nimport os", "python")[2][0] == Span(0, 6, "keyword")


@pytest.mark.parametrize("language", ["", "klingon", "text", "../../etc", "python\n"])
def test_unknown_languages_are_left_plain(language: str) -> None:
    assert list(highlight("def f(): pass", language)) == []


def test_every_allowed_language_has_a_lexer() -> None:
    for language in module._LANGUAGES:
        assert module._lexer(language) is not None, language


def test_too_much_code_is_left_plain() -> None:
    assert list(highlight("x = 1\n" * MAXIMUM_CHARACTERS, "python")) == []
    assert list(highlight("x" * (MAXIMUM_LINE_CHARACTERS + 1), "python")) == []


SLOW_PIECES = ["", "/*", "<!--", "'", '"', "((((", "[[[[", "a" * 295 + "!", " " * 295 + "x", "a " * 149, "${", "\\",
               "<a "]  # fmt: skip
LANGUAGES = ["bash", "c", "cpp", "css", "go", "html", "java", "js", "json", "markdown", "perl", "php", "python", "ruby",
             "rust", "sql", "swift", "tex", "ts", "xml", "yaml"]  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.timeout(60)  # seconds at most; a lexer that takes quadratic time before its first line takes minutes
def test_the_first_line_is_coloured_whatever_follows(language: str) -> None:
    for piece in SLOW_PIECES:
        code = (piece + "\n") * (MAXIMUM_CHARACTERS // (len(piece) + 1))
        assert any(spans is not None for spans in highlight(code, language)), piece


def test_within_a_line_the_caller_may_pause_after_each_word() -> None:
    line = list(highlight("first second third;\nfourth;", "java"))[:6]
    assert line[0] is None, "not even the first word waits for its line"
    assert line.count(None) >= 5


def test_names_of_languages() -> None:
    assert language_name("py") == "Python"
    assert language_name("C++") == "C++"
    assert language_name("") == "Code"
    assert language_name("Brainfuck") == "Brainfuck"
