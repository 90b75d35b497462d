"""Which models of the list that comes with Hearth suit this computer: planned by the engine, without the network."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.submitting import Submit
from app.conversations.records import new_id
from app.models.hardware_words import hardware_words
from app.models.hub_rows import HubRow, Recommendation
from app.models.plan_words import fit_of
from app.recommendations import Candidate, ranked
from app.settings.schema import Settings
from engine.api.commands import DescribeHardware, PlanCheckpoint
from engine.api.events import CheckpointPlanned, CommandCancelled, CommandFailed, HardwareDescribed
from engine.api.hub import HubCheckpoint
from engine.api.plan import Plan


class RecommendationController(QObject):
    """Signals: hardware_described(text), recommended(tuple[Recommendation, ...], the best one first), rows_changed().

    One plan at a time is with the engine, so that an answer waits for no more.
    """

    hardware_described = Signal(object)
    recommended = Signal(object)
    rows_changed = Signal()

    def __init__(
        self,
        submit: Submit,
        candidates: tuple[Candidate, ...],
        settings: Callable[[], Settings],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._submit = submit
        self._candidates = candidates
        self._settings = settings
        self._hardware_id = ""
        self._plan_id = ""
        self._waiting: list[Candidate] = []
        self._asked: Candidate | None = None
        self._plans: dict[str, Plan] = {}
        self.found: tuple[Recommendation, ...] = ()

    @Slot()
    def request(self) -> None:
        """Find out, unless that is known or being found out."""
        if self._hardware_id:
            return
        self._hardware_id = new_id()
        self._submit(DescribeHardware(command_id=self._hardware_id))
        self._waiting = list(self._candidates)
        self.rows_changed.emit()
        self._ask_next()

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Take an event of the engine."""
        match event:
            case HardwareDescribed(command_id=self._hardware_id, hardware=hardware):
                self.hardware_described.emit(hardware_words(hardware))
            case CheckpointPlanned(command_id=self._plan_id, plan=plan):
                if self._asked is not None:
                    self._plans[self._asked.hub_id] = plan
                self._ask_next()
            case CommandFailed(command_id=self._plan_id) | CommandCancelled(command_id=self._plan_id):
                self._ask_next()

    def _ask_next(self) -> None:
        self._asked = self._waiting.pop(0) if self._waiting else None
        if self._asked is None:
            self._plan_id = ""
            self._tell()
            return
        self._plan_id = new_id()
        settings = self._settings()
        self._submit(
            PlanCheckpoint(
                command_id=self._plan_id,
                checkpoint=self._asked.hub_id,
                precision=settings.precision,
                context_tokens=settings.context_tokens,
            )
        )

    def _tell(self) -> None:
        found = enumerate(ranked(self._candidates, self._plans))
        self.found = tuple(_recommendation(each, self._plans[each.hub_id], place == 0) for place, each in found)
        self.recommended.emit(self.found)
        self.rows_changed.emit()

    def rows(self) -> tuple[HubRow, ...]:
        """Return what was found as rows of the models page; the whole list while no plan is known."""
        if not self._plans:
            return tuple(HubRow(_checkpoint(each)) for each in self._candidates)
        candidates = {each.hub_id: each for each in self._candidates}
        return tuple(
            HubRow(_checkpoint(candidates[each.hub_id]), each.fit, is_recommended=each.is_best) for each in self.found
        )


def _recommendation(candidate: Candidate, plan: Plan, is_best: bool) -> Recommendation:
    return Recommendation(
        hub_id=candidate.hub_id,
        title=candidate.title,
        words=candidate.words,
        download_bytes=candidate.download_bytes,
        license=candidate.license,
        fit=fit_of(plan),
        is_best=is_best,
    )


def _checkpoint(candidate: Candidate) -> HubCheckpoint:
    return HubCheckpoint(
        hub_id=candidate.hub_id,
        parameters=candidate.parameters,
        download_bytes=candidate.download_bytes,
        context_tokens=candidate.context_tokens,
        license=candidate.license,
    )
