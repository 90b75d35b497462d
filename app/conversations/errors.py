"""What can go wrong with the disk below the conversations: one sentence each, and what to do. The caller may retry."""


class StoreError(Exception):
    """The world failed, not the program; nothing that was acknowledged is lost."""

    def __init__(self, message: str, hint: str = "", details: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def sentence(self) -> str:
        """Return message and hint as one line."""
        return f"{self.message} {self.hint}".strip()


class DiskFull(StoreError):
    """No space left for the conversation."""


class StoreReadOnly(StoreError):
    """The folder or the file can't be written to."""


class StorageFailed(StoreError):
    """The disk reported an error."""


class StoreBusy(StoreError):
    """Another process kept the database for too long."""


class StoreDamaged(StoreError):
    """The file is no sound database any more."""


class NewerDatabase(StoreError):
    """Written by a newer Hearth; left untouched."""


class ConversationGone(StoreError):
    """A message belongs to a conversation that was deleted for good."""


class StoreClosed(StoreError):
    """Asked after the end."""
