import msgspec
import pytest
from pytestqt.qtbot import QtBot

from app.controllers.models.plan_controller import STALE_SECONDS, PlanController
from app.models.checkpoint_list_model import CheckpointListModel
from app.models.plan_words import ModelFit
from app.settings.model_settings import ModelSettings
from app.settings.schema import Settings
from app.worker.engine_state import EngineState, EngineStateChanged
from engine.api.checkpoint import CheckpointKind, LocalCheckpoint
from engine.api.commands import PlanCheckpoint
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import CheckpointPlanned, CommandCancelled, CommandFailed
from engine.api.plan import PrecisionChoice
from tests.app.controllers.conftest import EngineDouble
from tests.engine_scripts import HARDWARE, PLAN

CHECKPOINTS = tuple(
    LocalCheckpoint(reference, reference.title(), CheckpointKind.FOLDER, 10**9) for reference in ("one", "two", "three")
)


class Plans:
    def __init__(self) -> None:
        self.engine = EngineDouble()
        self.list = CheckpointListModel()
        self.list.set_checkpoints(CHECKPOINTS)
        self.settings = Settings(precision=PrecisionChoice.INT8, context_tokens=512)
        self.time = 1000.0
        self.controller = PlanController(
            self.engine.commands.append, self.list, lambda: self.settings, now=lambda: self.time
        )
        self.found: list[ModelFit] = []
        self.controller.fit_found.connect(self.found.append)

    @property
    def asked(self) -> list[str]:
        return [command.checkpoint for command in self.commands]

    @property
    def commands(self) -> list[PlanCheckpoint]:
        return [command for command in self.engine.commands if isinstance(command, PlanCheckpoint)]

    def answer(self) -> None:
        last = self.commands[-1]
        plan = msgspec.structs.replace(PLAN, checkpoint=last.checkpoint)
        self.controller.on_event(CheckpointPlanned(command_id=last.command_id, plan=plan, hardware=HARDWARE))

    def fail(self, kind: ErrorKind) -> None:
        error = ErrorReport(kind=kind, message="It wants to run code.", hint="Choose another.")
        self.controller.on_event(CommandFailed(command_id=self.commands[-1].command_id, error=error))


@pytest.fixture
def plans(qtbot: QtBot) -> Plans:
    return Plans()


def test_models_are_asked_for_one_by_one_under_the_settings_and_never_on_the_hub(plans: Plans) -> None:
    assert plans.asked == []
    plans.controller.request()
    assert plans.asked == ["one"]
    assert (plans.commands[0].precision, plans.commands[0].context_tokens) == (PrecisionChoice.INT8, 512)
    assert not plans.commands[0].ask_hub
    plans.answer()
    assert plans.asked == ["one", "two"]
    plans.answer()
    plans.answer()
    assert [(fit.reference, fit.label) for fit in plans.found] == [
        ("one", "Fits (BF16)"), ("two", "Fits (BF16)"), ("three", "Fits (BF16)"),
    ]  # fmt: skip
    assert plans.asked == ["one", "two", "three"]


def test_what_is_known_is_told_at_once_and_asked_again_when_it_is_old(plans: Plans) -> None:
    plans.controller.request()
    for _ in CHECKPOINTS:
        plans.answer()
    plans.found.clear()
    plans.controller.request()
    assert len(plans.found) == len(CHECKPOINTS)
    assert len(plans.asked) == len(CHECKPOINTS)
    plans.time += STALE_SECONDS + 1
    plans.controller.request()
    assert plans.asked[-1] == "one"
    assert len(plans.asked) == len(CHECKPOINTS) + 1


def test_what_is_being_asked_is_not_asked_again(plans: Plans) -> None:
    plans.controller.request()
    plans.controller.request()
    plans.answer()
    assert plans.asked == ["one", "two"]


def test_a_model_is_planned_under_its_own_settings(plans: Plans) -> None:
    plans.settings = msgspec.structs.replace(plans.settings, models={"two": ModelSettings(context_tokens=1024)})
    plans.controller.request()
    plans.answer()
    assert [command.context_tokens for command in plans.commands] == [512, 1024]


def test_other_settings_or_files_are_another_question(plans: Plans) -> None:
    plans.controller.request()
    for _ in CHECKPOINTS:
        plans.answer()
    plans.found.clear()
    plans.settings = msgspec.structs.replace(plans.settings, precision=PrecisionChoice.BF16)
    plans.controller.request()
    assert plans.found == []
    assert plans.commands[-1].precision is PrecisionChoice.BF16
    plans.settings = msgspec.structs.replace(plans.settings, precision=PrecisionChoice.INT4)
    plans.answer()
    assert plans.found == [], "an answer to the settings from before is not shown under the new ones"
    plans.list.set_checkpoints([msgspec.structs.replace(CHECKPOINTS[0], revision="new")])
    plans.controller.request()
    plans.answer()
    assert plans.asked[-1] == "one"
    assert plans.found == []
    plans.answer()
    assert [fit.reference for fit in plans.found] == ["one"]


def test_a_model_that_cannot_be_used_says_why_once(plans: Plans) -> None:
    plans.controller.request()
    plans.fail(ErrorKind.CHECKPOINT_UNSAFE)
    assert plans.found == [ModelFit("one", "Can't be used", "It wants to run code. Choose another.")]
    assert plans.asked == ["one", "two"]


@pytest.mark.parametrize("kind", [ErrorKind.ENGINE_DIED, ErrorKind.DEVICE_LOST])
def test_a_lost_engine_is_nothing_about_the_model(plans: Plans, kind: ErrorKind) -> None:
    plans.controller.request()
    plans.fail(kind)
    assert plans.found == []
    assert plans.asked == ["one"]
    plans.controller.request()
    assert plans.asked == ["one", "one"]


def test_a_failed_engine_is_not_asked(plans: Plans) -> None:
    plans.controller.on_event(EngineStateChanged(EngineState.FAILED, "It failed."))
    plans.controller.request()
    assert plans.asked == []
    plans.controller.on_event(EngineStateChanged(EngineState.READY, ""))
    plans.controller.request()
    plans.controller.on_event(CommandCancelled(command_id=plans.commands[-1].command_id))
    assert plans.asked == ["one", "two"]
    assert plans.found == []


def test_what_is_not_there_to_the_end_is_not_planned(plans: Plans) -> None:
    part = msgspec.structs.replace(CHECKPOINTS[0], missing_bytes=5)
    plans.list.set_checkpoints((part, CHECKPOINTS[1]))
    plans.controller.request()
    plans.answer()
    assert plans.asked == ["two"]
