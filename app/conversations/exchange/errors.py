"""What can go wrong with a file that is read or written: one sentence, and what to do."""


class ExchangeError(Exception):
    """The file or the disk failed, not the program; nothing is half written, and what was imported is whole."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def sentence(self) -> str:
        """Return message and hint as one line."""
        return f"{self.message} {self.hint}".strip()
