"""The name of an attachment is one line and looks like what it is, wherever it comes from."""

import msgspec
import pytest

from app.conversations.attachment import Attachment


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("notes.txt", "notes.txt"),
        ("evil\u202egpj.exe", "evil gpj.exe"),
        ("\u2066a\u2069.md", "a .md"),
        ("one\nline\u2028only\0.txt", "one line only .txt"),
        ("  two   spaces ", "two spaces"),
        ("ünïcödé 日本語 🎉.md", "ünïcödé 日本語 🎉.md"),
        ("عربي.txt", "عربي.txt"),
    ],
)
def test_a_name_is_one_line_that_turns_nothing_around(name: str, shown: str) -> None:
    made = Attachment(name=name, text="x", size_bytes=1)
    assert made.name == shown
    stored = msgspec.json.encode({"name": name, "text": "x", "size_bytes": 1})
    assert msgspec.json.decode(stored, type=Attachment) == made
