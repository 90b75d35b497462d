"""What waits for its turn in the shown conversation, as it is listed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WaitingItem:
    """is_written: it has a text of the user's that can be taken back; another version of an answer has none.

    attached: names of the files that go with that text.
    """

    words: str
    is_written: bool = True
    attached: tuple[str, ...] = ()
