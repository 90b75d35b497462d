"""Has the model loaded that somebody wants an answer from; it stays loaded, as if it had been chosen in the menu."""

from enum import Enum, auto

from PySide6.QtCore import QObject, Signal

from app.controllers import notices
from app.controllers.chat.jobs import Job, Regenerate
from engine.api.plan import Plan


class Admission(Enum):
    """Whether a job may begin, waits for its model, or can't have it."""

    GO = auto()
    WAIT = auto()
    GIVEN_UP = auto()


class ModelSwitch(QObject):
    """Tries a load once for each job. Signals: load_requested(reference), notice_raised(Notice)."""

    load_requested = Signal(object)
    notice_raised = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tried: Job | None = None
        self._is_stopped = False

    def load_for(self, job: Job) -> bool:
        """Have the job's own model loaded; False if any model will do, or that was tried before."""
        reference = job.checkpoint if isinstance(job, Regenerate) else ""
        if not reference or self.tried is job:
            return False
        self.tried = job
        self._is_stopped = False
        self.load_requested.emit(reference)
        return True

    def admit(self, job: Job, plan: Plan) -> Admission:
        """Say whether a job may begin with the model of that plan; one that waits is still in the queue."""
        if not isinstance(job, Regenerate) or not job.checkpoint:
            return Admission.GO
        if plan.checkpoint == job.checkpoint:
            if self.tried is job:
                self.notice_raised.emit(notices.switched_notice(plan))
            self.tried = None
            return Admission.GO
        return Admission.WAIT if self.tried is not job else Admission.GIVEN_UP

    def stop(self) -> None:
        """Know that the user has stopped the load: nothing need be said about it."""
        self._is_stopped = True

    def give_up(self, job: Job) -> None:
        """Say that the job's model can't be had; the answers from before stay as they are."""
        self.tried = None
        if isinstance(job, Regenerate) and not self._is_stopped:
            self.notice_raised.emit(notices.not_switched_notice(job.message_id, job.checkpoint))
