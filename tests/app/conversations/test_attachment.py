"""The name of an attachment is one line and looks like what it is, wherever it comes from."""

import msgspec
import pytest

from app.conversations.attachment import Attachment
from app.conversations.rows import attachments_blob, attachments_from


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


def test_long_texts_of_any_kind_are_kept_to_the_character() -> None:
    texts = ["", 'a "quoted" \\ line\n\t\0' * 20_000, "ü😀\u2028" * 100_000, "x" * 131_071 + "😀" + '"']
    kept = tuple(Attachment(name=f"{place}.txt", text=text, size_bytes=1) for place, text in enumerate(texts))
    assert attachments_from(bytes(attachments_blob(kept) or b"")) == kept
    broken = attachments_from(bytes(attachments_blob((Attachment(name="a", text="x\ud800", size_bytes=1),)) or b""))
    assert [each.text for each in broken] == ["x\ufffd"]
