"""Only http, https and mailto may be clicked."""

import pytest

from app.rendering.links import MAXIMUM_URL_CHARACTERS, safe_url


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://example.com:8080/a?b=c&d#e",
        "HTTPS://EXAMPLE.COM/",
        "mailto:someone@example.com?subject=hi",
        "http://[::1]/x",
        "https://xn--bcher-kva.example/",
    ],
)
def test_safe(url: str) -> None:
    assert safe_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "/etc/passwd",
        "#part",
        "file:///etc/passwd",
        "file://host/share",
        "//host/share",
        "\\\\host\\share",
        "javascript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "vscode://file/x",
        "https://",
        "https:///path",
        "https:example.com",
        "http://[broken",
        "https://bank.example@evil.example/",
        "https://bank.example\\@evil.example/",
        "https://exam\u202eple.com",
        "https://exam\u200bple.com",
        "mailto:",
        "mailto:nobody",
        "https://example.com/" + "a" * MAXIMUM_URL_CHARACTERS,
    ],
)
def test_unsafe(url: str) -> None:
    assert safe_url(url) is None
