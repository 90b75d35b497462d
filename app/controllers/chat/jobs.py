"""What the user asked the model for and what still waits for its turn; pure."""

from dataclasses import dataclass

from app.conversations.attachment import Attachment
from app.language import tr


@dataclass(frozen=True)
class Ask:
    """A new message at the end of the branch that is shown when its turn comes."""

    conversation_id: str
    text: str
    attachments: tuple[Attachment, ...] = ()

    @property
    def label(self) -> str:
        """What the queue shows."""
        return self.text or ", ".join(each.name for each in self.attachments)


@dataclass(frozen=True)
class Edit:
    """Another version of a user's message, and an answer to it; without attachments it keeps those it has."""

    conversation_id: str
    message_id: str
    text: str
    attachments: tuple[Attachment, ...] | None = None

    @property
    def label(self) -> str:
        """What the queue shows."""
        return self.text or ", ".join(each.name for each in self.attachments or ())


@dataclass(frozen=True)
class Regenerate:
    """Another version of an answer (or an answer to a user's message); checkpoint: by that model, "": by any."""

    conversation_id: str
    message_id: str
    checkpoint: str = ""

    @property
    def label(self) -> str:
        """What the queue shows."""
        return tr("Another version of an answer")


@dataclass(frozen=True)
class Continue:
    """More of an answer that ended early."""

    conversation_id: str
    message_id: str

    @property
    def label(self) -> str:
        """What the queue shows."""
        return tr("The rest of an answer")


Job = Ask | Edit | Regenerate | Continue


def attached_names(job: Job) -> tuple[str, ...]:
    """Return the names of the files that go with a job's text; without a text its label says them."""
    attachments = job.attachments if isinstance(job, Ask | Edit) and job.text else ()
    return tuple(each.name for each in attachments or ())


class JobQueue:
    """Jobs of all conversations in the order they were asked for."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._held_ids: set[str] = set()
        self._unsaved_ids: set[str] = set()

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def first(self) -> Job | None:
        """The first job that may begin."""
        waiting = self._held_ids | self._unsaved_ids
        return next((job for job in self._jobs if job.conversation_id not in waiting), None)

    @property
    def has_unsaved(self) -> bool:
        """Whether something waits until it can be saved."""
        return any(self.is_unsaved(job.conversation_id) for job in self._jobs)

    def is_unsaved(self, conversation_id: str | None) -> bool:
        """Return whether what waits in a conversation could not be saved: others go on, private ones above all."""
        return conversation_id in self._unsaved_ids

    def leave_unsaved(self, conversation_id: str) -> None:
        """Let what waits in a conversation stay where it is until saving is tried again."""
        self._unsaved_ids.add(conversation_id)

    def save_again(self) -> None:
        """Let everything be tried again that could not be saved."""
        self._unsaved_ids.clear()

    def hold(self, conversation_id: str) -> None:
        """Let what waits in a conversation stay where it is until something is asked there again."""
        self._held_ids.add(conversation_id)

    def is_held(self, conversation_id: str | None) -> bool:
        """Return whether what waits in a conversation stays where it is."""
        return conversation_id in self._held_ids

    def release_all(self) -> None:
        """Let everything go on that was held."""
        self._held_ids.clear()

    def add(self, job: Job) -> None:
        """Put a job at the end."""
        self._jobs.append(job)
        self._held_ids.discard(job.conversation_id)

    def put_back(self, job: Job) -> None:
        """Put a job at the front again."""
        self._jobs.insert(0, job)

    def move_to_front(self, job: Job) -> None:
        """Let a waiting job be the next one."""
        self._jobs = [job, *(each for each in self._jobs if each is not job)]
        self._held_ids.discard(job.conversation_id)

    def take(self) -> Job | None:
        """Remove and return the first job that may begin, None if there is none."""
        job = self.first
        if job is not None:
            self.drop(job)
        return job

    def of(self, conversation_id: str | None) -> list[Job]:
        """Return the waiting jobs of one conversation."""
        return [job for job in self._jobs if job.conversation_id == conversation_id]

    def conversation_ids(self) -> set[str]:
        """Return the conversations in which something waits."""
        return {job.conversation_id for job in self._jobs}

    def remove(self, conversation_id: str, index: int) -> Job | None:
        """Remove and return a conversation's job by its place among that conversation's jobs; None if it has gone."""
        waiting = self.of(conversation_id)
        if not 0 <= index < len(waiting):
            return None
        job = waiting[index]
        self._jobs = [each for each in self._jobs if each is not job]
        return job

    def drop(self, job: Job) -> None:
        """Remove this very job."""
        self._jobs = [each for each in self._jobs if each is not job]

    def remove_all(self, conversation_id: str) -> None:
        """Remove every job of a conversation."""
        self._jobs = [job for job in self._jobs if job.conversation_id != conversation_id]

    def texts(self, conversation_id: str) -> tuple[str, ...]:
        """Return what the user has written in a conversation's waiting jobs."""
        return tuple(job.text for job in self.of(conversation_id) if isinstance(job, Ask | Edit))

    def attachments(self, conversation_id: str) -> tuple[Attachment, ...]:
        """Return what the user has attached to them."""
        waiting = [job for job in self.of(conversation_id) if isinstance(job, Ask | Edit)]
        return tuple(each for job in waiting for each in job.attachments or ())
