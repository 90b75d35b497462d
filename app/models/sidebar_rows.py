"""What stands in the sidebar, row by row: pinned conversations, folders, then the others by date. Pure."""

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.conversations.records import Conversation, Folder
from app.language import tr
from app.models.conversation_list_model import group_of

PINNED = "pinned"


@dataclass(frozen=True)
class Group:
    """The name above some conversations. count: how many belong to it, shown or not."""

    key: str
    title: str
    count: int
    folder: Folder | None = None

    @property
    def id(self) -> str:
        """The key, as conversations call theirs: thousands of rows are told apart by it at once."""
        return self.key

    @property
    def is_collapsed(self) -> bool:
        """Whether its conversations are hidden."""
        return self.folder is not None and self.folder.is_collapsed


Row = Group | Conversation


def sidebar_rows(conversations: Sequence[Conversation], folders: Sequence[Folder], today: date) -> list[Row]:
    """Return the rows for conversations that are given newest first; folders keep their order and stay if empty."""
    inside: dict[str, list[Conversation]] = {folder.id: [] for folder in folders}
    pinned: list[Conversation] = []
    loose: list[Conversation] = []
    for conversation in conversations:
        if conversation.is_pinned:
            pinned.append(conversation)
        else:
            inside.get(conversation.folder_id or "", loose).append(conversation)
    rows: list[Row] = [Group(PINNED, tr("Pinned"), len(pinned)), *pinned] if pinned else []
    for folder in folders:
        rows.append(Group(f"folder:{folder.id}", folder.name, len(inside[folder.id]), folder))
        rows += [] if folder.is_collapsed else inside[folder.id]
    for title, members in _by_date(loose, today):
        rows += [Group(f"date:{title}", title, len(members)), *members]
    return rows


def _by_date(conversations: Sequence[Conversation], today: date) -> Iterator[tuple[str, Sequence[Conversation]]]:
    """Yield each group's words with its conversations; looks at a few of thousands."""
    begin = 0
    while begin < len(conversations):
        newest = conversations[begin].updated_at
        oldest = _first_second(datetime.fromtimestamp(newest).date(), today)
        behind = bisect.bisect_right(conversations, -oldest, lo=begin, key=lambda each: -each.updated_at)
        yield group_of(newest, today), conversations[begin : max(behind, begin + 1)]
        begin = max(behind, begin + 1)


def _first_second(day: date, today: date) -> float:
    """Return when the group begins to which a day belongs, in seconds since the epoch."""
    age_days = (today - day).days
    if age_days <= 0:
        first = today
    elif age_days == 1:
        first = day
    elif age_days <= 7:
        first = today - timedelta(days=7)
    else:
        first = max(day.replace(day=1), date.min)
    return datetime(first.year, first.month, first.day).timestamp()
