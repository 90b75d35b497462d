"""What can go wrong with a file that is read or written: one sentence, and what to do."""

from collections.abc import Mapping

from app.language import tr


class ExchangeError(Exception):
    """The file or the disk failed, not the program; nothing is half written, and what was imported is whole.

    message and hint are marked texts; values stand for the names in them. So they cross to another process as they
    are, and are translated where they are shown.
    """

    def __init__(self, message: str, hint: str = "", values: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.values = dict(values or {})

    def __str__(self) -> str:
        return self.sentence()

    def sentence(self) -> str:
        """Return message and hint as one line in the user's language."""
        return " ".join(tr(part).format(**self.values) for part in (self.message, self.hint) if part)


class UnknownFormat(ExchangeError):
    """There is nothing wrong with the file, but it holds no conversations that are known here."""
