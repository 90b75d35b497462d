"""What the composer shows of a file that goes with the message: being read, or read with its size in words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.conversations.attachment import Attachment
from app.language import grouped, joined, tr

_BYTES_PER_TOKEN = 4
_ICONS = (
    ("text/csv", "file-spreadsheet"),
    ("spreadsheet", "file-spreadsheet"),
    ("presentation", "presentation"),
    ("text/x-code", "file-code"),
    ("application/json", "file-code"),
    ("text/html", "file-code"),
    ("application/pdf", "file-type"),
)


@dataclass(frozen=True)
class AttachmentItem:
    """One chip; attachment is None while the file is being read."""

    key: str
    name: str
    attachment: Attachment | None = None

    @property
    def title(self) -> str:
        """What is read aloud and shown in the tooltip."""
        if self.attachment is None:
            return tr("Reading {name} …").format(name=self.name)
        return title_of(self.attachment)


def picture_words() -> str:
    """Return why a picture from the clipboard can't be attached."""
    return tr("Models here read text only, so a picture can't be attached.")


def icon_of(attachment: Attachment) -> str:
    """Return the name of the icon for its kind."""
    if attachment.is_pasted:
        return "clipboard-paste"
    return next((icon for part, icon in _ICONS if part in attachment.media_type), "file-text")


def size_of(attachment: Attachment) -> str:
    """Return how much it is, e.g. "12 pages · 31,400 characters"."""
    characters = len(attachment.text)
    length = tr("1 character") if characters == 1 else tr("{count} characters").format(count=grouped(characters))
    pages = _pages_of(attachment)
    return joined((pages, length))


def title_of(attachment: Attachment) -> str:
    """Return name, size, and what the text lacks."""
    return "\n".join(part for part in (joined((attachment.name, size_of(attachment)), ", "), attachment.note) if part)


def too_long(attachments: Sequence[Attachment], window_tokens: int) -> str:
    """Return that these alone are more than the model can hold, "" if they aren't.

    By how much is not said: this is guessed by their length, and the meter of the window says what was counted.
    """
    tokens = sum(each.text_bytes for each in attachments) // _BYTES_PER_TOKEN
    if not attachments or tokens <= window_tokens:
        return ""
    if len(attachments) == 1:
        words = tr(
            "{name} is too long for the model, which can hold {window} tokens. Attach a part of it, or load the model "
            "with a larger context."
        )
    else:
        words = tr(
            "The attachments are too long for the model, which can hold {window} tokens. Remove some, or load the "
            "model with a larger context."
        )
    return words.format(name=attachments[0].name, window=grouped(window_tokens))


def _pages_of(attachment: Attachment) -> str:
    count, kind = attachment.pages, attachment.media_type
    if not count:
        return ""
    if "presentation" in kind:
        words = tr("1 slide") if count == 1 else tr("{count} slides")
    elif "spreadsheet" in kind:
        words = tr("1 sheet") if count == 1 else tr("{count} sheets")
    else:
        words = tr("1 page") if count == 1 else tr("{count} pages")
    return words.format(count=grouped(count))
