from collections.abc import Iterator

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from app.controllers import notices
from app.controllers.models.checkpoint_controller import CheckpointController
from app.models.checkpoint_list_model import CheckpointListModel
from app.models.notice import Notice
from app.settings.model_settings import ModelSettings
from app.settings.schema import Settings
from app.worker.engine_state import EngineState, EngineStateChanged
from engine.api.checkpoint import CheckpointKind, LocalCheckpoint
from engine.api.commands import ListCheckpoints, LoadCheckpoint, UnloadCheckpoint
from engine.api.errors import ErrorKind, ErrorReport, Remedy
from engine.api.events import (
    CheckpointLoaded,
    CheckpointsListed,
    CheckpointUnloaded,
    CommandCancelled,
    CommandFailed,
    LoadPhase,
    LoadProgress,
)
from engine.api.plan import PrecisionChoice
from engine.api.warmth import GIB, TierBudgets
from tests.app.controllers.conftest import EngineDouble
from tests.engine_scripts import CHECKPOINTS, PLAN


class Models:
    def __init__(self) -> None:
        self.engine = EngineDouble()
        self.restarts = 0
        self.list = CheckpointListModel()
        self.settings = Settings(precision=PrecisionChoice.BF16, context_tokens=512)
        self.is_answering = False
        self.controller = CheckpointController(
            self.engine.commands.append,
            self.engine.cancelled.append,
            self._restart,
            self.list,
            lambda: self.settings,
            lambda: self.is_answering,
        )
        self.notices: dict[str, Notice] = {}
        self.plans: list[object] = []
        self.words: list[str] = []
        self.chosen: list[str] = []
        self.controller.notice_raised.connect(lambda notice: self.notices.__setitem__(notice.key, notice))
        self.controller.notice_cleared.connect(lambda key: self.notices.pop(key, None))
        self.controller.plan_changed.connect(self.plans.append)
        self.controller.loading_changed.connect(self.words.append)
        self.controller.checkpoint_chosen.connect(self.chosen.append)

    def _restart(self) -> None:
        self.restarts += 1

    def load(self, reference: str = "starter") -> LoadCheckpoint:
        self.controller.load(reference)
        command = self.engine.commands[-1]
        assert isinstance(command, LoadCheckpoint)
        return command

    def loaded(self, command_id: str) -> None:
        self.controller.on_event(CheckpointLoaded(command_id=command_id, plan=PLAN))

    def failed(self, command_id: str, kind: ErrorKind) -> None:
        error = ErrorReport(kind=kind, message="It failed.", hint="Do this.")
        self.controller.on_event(CommandFailed(command_id=command_id, error=error))

    def state(self, state: EngineState, message: str = "", *, loads_again: bool = False) -> None:
        self.controller.on_event(EngineStateChanged(state, message, reload_id="reload-1" if loads_again else ""))


@pytest.fixture
def models(qtbot: QtBot) -> Iterator[Models]:
    models = Models()
    yield models
    models.controller.deleteLater()


def test_a_load_is_told_from_start_to_end(models: Models) -> None:
    command = models.load("owner/name")
    assert (command.checkpoint, command.precision, command.context_tokens) == (
        "owner/name",
        PrecisionChoice.BF16,
        512,
    )
    progress = LoadProgress(
        command_id=command.command_id, phase=LoadPhase.LOADING, done=1_247_000_000, total=2_900_000_000
    )
    models.controller.on_event(progress)
    models.loaded(command.command_id)
    assert models.words == ["Starting the engine", "Loading the model: 43 % (1.2 of 2.9 GB)", ""]
    assert models.plans == [PLAN]
    assert models.chosen == ["owner/name"]
    assert len(models.engine.of(ListCheckpoints)) == 1


def test_a_load_that_waits_for_an_answer_says_so(models: Models) -> None:
    models.state(EngineState.READY)
    models.is_answering = True
    models.list.set_checkpoints([LocalCheckpoint("owner/name", "A model", CheckpointKind.HUB_CACHE, 1)])
    waiting = models.load("owner/name")
    assert models.words[-1] == "Loading A model after this answer", "the one that answers is another"
    progress = LoadProgress(command_id=waiting.command_id, phase=LoadPhase.LOADING, done=0, total=0)
    models.controller.on_event(progress)
    assert models.words[-1] == "Loading the model"
    models.is_answering = False
    models.load("another")
    assert models.words[-1] == "Loading the model"


def test_a_failed_load_offers_another_model(models: Models) -> None:
    models.failed(models.load().command_id, ErrorKind.CHECKPOINT_NOT_FOUND)
    assert models.words[-1] == ""
    notice = models.notices[notices.MODEL_KEY]
    assert (notice.text, notice.action_key) == ("It failed. Do this.", notices.CHOOSE_MODEL)
    models.load("another")
    assert models.notices == {}


def test_another_choice_gives_the_running_load_up(models: Models) -> None:
    first = models.load("first")
    second = models.load("second")
    assert models.engine.cancelled == [first.command_id]
    models.controller.on_event(CommandCancelled(command_id=first.command_id))
    assert models.words[-1] != ""
    models.loaded(second.command_id)
    assert models.chosen == ["second"]
    assert models.controller.plan == PLAN


def test_the_plan_is_gone_from_the_moment_another_model_is_loaded(models: Models) -> None:
    models.loaded(models.load().command_id)
    models.load("another")
    assert models.plans == [PLAN, None]


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_load_that_fails_early_leaves_the_model_from_before(models: Models, cancelled: bool) -> None:
    models.loaded(models.load("good").command_id)
    wrong = models.load("broken").command_id
    models.controller.on_event(LoadProgress(command_id=wrong, phase=LoadPhase.IMPORTING, done=0, total=0))
    if cancelled:
        models.controller.on_event(CommandCancelled(command_id=wrong))
    else:
        models.failed(wrong, ErrorKind.CHECKPOINT_NOT_FOUND)
    assert models.plans == [PLAN, None, PLAN]
    models.controller.reload()
    command = models.engine.commands[-1]
    assert isinstance(command, LoadCheckpoint)
    assert command.checkpoint == "good"


def test_a_load_that_fails_late_or_with_the_engine_leaves_none(models: Models) -> None:
    models.loaded(models.load("good").command_id)
    late = models.load("large").command_id
    models.controller.on_event(LoadProgress(command_id=late, phase=LoadPhase.LOADING, done=0, total=0))
    models.failed(late, ErrorKind.OUT_OF_MEMORY)
    assert models.controller.plan is None
    models.loaded(models.load("good").command_id)
    models.failed(models.load("large").command_id, ErrorKind.ENGINE_DIED)
    assert models.controller.plan is None


def test_unload(models: Models) -> None:
    models.loaded(models.load().command_id)
    models.controller.unload()
    (command,) = models.engine.of(UnloadCheckpoint)
    models.controller.on_event(CheckpointUnloaded(command_id=command.command_id))
    assert models.controller.plan is None


def test_unload_while_loading_gives_the_load_up(models: Models) -> None:
    command = models.load()
    models.controller.unload()
    assert models.engine.cancelled == [command.command_id]
    models.controller.on_event(CommandCancelled(command_id=command.command_id))
    assert models.words[-1] == ""
    assert models.engine.of(UnloadCheckpoint) == []


def test_a_load_that_is_being_stopped_says_so_until_another_is_wanted(models: Models) -> None:
    command = models.load("large")
    models.controller.stop_loading()
    progress = LoadProgress(command_id=command.command_id, phase=LoadPhase.LOADING, done=1, total=2)
    models.controller.on_event(progress)
    assert models.words[-1] == "Stopping"
    models.controller.provide()
    again = newest_load(models)
    assert again.checkpoint == "large", "what is being stopped brings none"
    models.controller.on_event(msgspec.structs.replace(progress, command_id=again.command_id))
    assert models.words[-1].startswith("Loading the model: 50 %")


def test_the_engines_own_reload_can_be_stopped(models: Models) -> None:
    models.loaded(models.load().command_id)
    models.state(EngineState.RESTARTING, loads_again=True)
    models.controller.unload()
    assert models.engine.cancelled == ["reload-1"]
    assert models.words[-1] == "Stopping"
    models.controller.on_event(CommandCancelled(command_id="reload-1"))
    assert models.words[-1] == ""
    assert models.controller.plan is None
    assert models.engine.of(UnloadCheckpoint) == []


def test_a_stop_lasts_until_all_that_loads_has_ended(models: Models) -> None:
    models.loaded(models.load("starter").command_id)
    models.state(EngineState.RESTARTING, loads_again=True)
    wanted = models.load("other").command_id
    models.controller.stop_loading()
    models.controller.on_event(CommandCancelled(command_id=wanted))
    assert models.words[-1] == "Stopping"
    models.controller.on_event(CommandCancelled(command_id="reload-1"))
    assert models.words[-1] == ""


def test_a_stop_is_not_meant_for_what_the_next_engine_loads(models: Models) -> None:
    models.loaded(models.load("starter").command_id)
    stopped = models.load("other").command_id
    models.controller.stop_loading()
    models.state(EngineState.STARTING, loads_again=True)
    models.controller.on_event(CommandCancelled(command_id=stopped))
    models.controller.on_event(LoadProgress(command_id="reload-1", phase=LoadPhase.LOADING, done=1, total=2))
    assert models.words[-1].startswith("Loading the model: 50 %")


def test_a_model_that_went_with_its_engine_does_not_come_back_by_a_load_that_was_given_up(models: Models) -> None:
    models.loaded(models.load("starter").command_id)
    wanted = models.load("other").command_id
    models.state(EngineState.STARTING, loads_again=True)  # with other settings, in place of the one that runs
    models.controller.on_event(CommandCancelled(command_id=wanted))
    assert models.controller.plan is None


def test_reload_takes_the_settings_of_now(models: Models) -> None:
    models.loaded(models.load("mine").command_id)
    models.settings = Settings(precision=PrecisionChoice.FP32)
    models.controller.reload()
    command = models.engine.commands[-1]
    assert isinstance(command, LoadCheckpoint)
    assert (command.checkpoint, command.precision) == ("mine", PrecisionChoice.FP32)


def test_what_a_model_has_of_its_own_goes_before_the_settings(models: Models) -> None:
    own = ModelSettings(precision=PrecisionChoice.INT8)
    models.settings = Settings(precision=PrecisionChoice.FP32, models={"mine": own})
    assert models.load("mine").precision is PrecisionChoice.INT8
    assert models.load("another").precision is PrecisionChoice.FP32


def test_the_settings_say_how_much_memory_conversations_may_take(models: Models) -> None:
    models.settings = Settings(warm_ram_gib=0.0, warm_disk_gib=2.0)
    assert models.load().budgets == TierBudgets(ram_bytes=0, disk_bytes=2 * GIB)
    assert models.load("another").budgets.device_bytes is None


def test_the_draft_model_of_the_settings_goes_with_every_other_model(models: Models) -> None:
    assert models.load().draft == ""
    models.settings = Settings(draft_checkpoint="small")
    assert models.load("large").draft == "small"
    assert models.load("small").draft == "", "a model is no draft model of its own"


def test_the_model_is_compiled_if_the_settings_say_so(models: Models) -> None:
    assert not models.load().compiles
    models.settings = Settings(compile_model=True)
    assert models.load().compiles


def test_the_list_is_filled(models: Models) -> None:
    models.controller.refresh()
    models.controller.on_event(CheckpointsListed(command_id="any", checkpoints=CHECKPOINTS))
    assert models.list.rowCount() == len(CHECKPOINTS)


def test_a_dead_engine_is_told_until_its_model_is_back(models: Models) -> None:
    models.state(EngineState.READY)
    models.loaded(models.load().command_id)
    models.state(EngineState.RESTARTING, "The engine stopped. It is being started again.", loads_again=True)
    assert models.controller.plan is None
    assert models.words[-1] == "Starting the engine again"
    models.state(EngineState.READY)
    assert models.notices[notices.ENGINE_KEY].text.startswith("The engine stopped")
    models.loaded("reload-1")
    assert models.controller.plan == PLAN
    assert models.words[-1] == ""
    assert models.notices == {}
    assert models.chosen == ["starter"], "the engine's own reload is no choice of the user"


def test_an_engine_that_died_while_loading_is_ready_without_a_model(models: Models) -> None:
    models.failed(models.load().command_id, ErrorKind.ENGINE_DIED)
    models.state(EngineState.RESTARTING, "The engine stopped.")
    models.state(EngineState.READY)
    assert models.words[-1] == ""
    assert models.notices[notices.MODEL_KEY].action == "Load again"
    models.controller.on_notice_action(notices.LOAD_MODEL)
    assert len(models.engine.of(LoadCheckpoint)) == 2


def test_a_reload_that_fails_is_told(models: Models) -> None:
    models.loaded(models.load().command_id)
    models.state(EngineState.RESTARTING, loads_again=True)
    models.state(EngineState.READY)
    models.failed("reload-1", ErrorKind.OUT_OF_MEMORY)
    assert models.words[-1] == ""
    assert notices.MODEL_KEY in models.notices


def test_a_model_is_provided_once(models: Models) -> None:
    models.controller.provide()
    models.controller.provide()
    [first] = models.engine.of(LoadCheckpoint)
    models.loaded(first.command_id)
    models.controller.provide()
    models.state(EngineState.RESTARTING, loads_again=True)
    models.controller.provide()
    models.state(EngineState.READY)
    models.controller.provide()
    assert models.engine.of(LoadCheckpoint) == [first]
    models.failed("reload-1", ErrorKind.ENGINE_DIED)
    models.state(EngineState.RESTARTING)
    models.controller.provide()
    models.state(EngineState.READY)
    models.controller.provide()
    assert len(models.engine.of(LoadCheckpoint)) == 2, "the engine that starts again brings none by itself"


def test_the_end_of_the_reload_is_not_that_of_the_load_behind_it(models: Models) -> None:
    models.loaded(models.load("starter").command_id)
    models.state(EngineState.RESTARTING, loads_again=True)
    wanted = models.load("other").command_id
    models.failed("reload-1", ErrorKind.OUT_OF_MEMORY)
    assert models.words[-1] != ""
    assert models.notices.keys() == {notices.ENGINE_KEY}
    models.loaded(wanted)
    assert models.controller.plan == PLAN
    assert models.words[-1] == ""


def test_the_reloaded_model_stays_until_what_is_wanted_instead_begins(models: Models) -> None:
    models.loaded(models.load("starter").command_id)
    models.state(EngineState.RESTARTING, loads_again=True)
    wanted = models.load("other").command_id
    models.loaded("reload-1")
    assert models.controller.plan is None
    models.failed(wanted, ErrorKind.CHECKPOINT_NOT_FOUND)
    assert models.controller.plan == PLAN
    models.controller.reload()
    assert newest_load(models).checkpoint == "starter"


def test_the_model_from_before_comes_back_when_another_killed_the_engine(models: Models) -> None:
    models.loaded(models.load("starter").command_id)
    models.failed(models.load("large").command_id, ErrorKind.ENGINE_DIED)
    models.state(EngineState.RESTARTING, loads_again=True)
    models.state(EngineState.READY)
    assert models.words[-1] != "", "the model from before is on its way"
    models.loaded("reload-1")
    models.controller.on_notice_action(models.notices[notices.MODEL_KEY].action_key)
    assert newest_load(models).checkpoint == "large"
    models.failed(newest_load(models).command_id, ErrorKind.ENGINE_DIED)
    models.state(EngineState.RESTARTING, loads_again=True)
    models.loaded("reload-2")
    models.controller.reload()
    assert newest_load(models).checkpoint == "starter"
    models.loaded(newest_load(models).command_id)
    models.controller.on_notice_action(notices.LOAD_MODEL)
    assert newest_load(models).checkpoint == "starter", "the one that is not here was given up for it"


def test_who_waited_for_the_model_may_want_another_at_once(models: Models) -> None:
    models.controller.plan_changed.connect(lambda plan: plan is PLAN and models.controller.load("other"))
    models.loaded(models.load("starter").command_id)
    assert models.words[-1] != ""
    wanted = models.engine.of(LoadCheckpoint)[-1]
    assert models.chosen == ["starter"]
    other = msgspec.structs.replace(PLAN, checkpoint="other")
    models.controller.on_event(CheckpointLoaded(command_id=wanted.command_id, plan=other))
    assert models.controller.plan == other
    assert models.words[-1] == ""


def test_an_engine_that_is_given_up_can_be_started_by_hand(models: Models) -> None:
    models.load()
    models.state(EngineState.FAILED, "The engine stopped three times.")
    assert models.words[-1] == ""
    models.controller.on_notice_action(models.notices[notices.ENGINE_KEY].action_key)
    assert models.restarts == 1
    assert notices.ENGINE_KEY not in models.notices
    models.state(EngineState.RESTARTING)
    brought = newest_load(models).command_id
    models.loaded(brought)
    models.controller.unload()
    models.controller.on_event(CheckpointUnloaded(command_id=models.engine.commands[-1].command_id))
    models.state(EngineState.RESTARTING)
    assert models.engine.of(LoadCheckpoint)[-1].command_id == brought, "nobody has asked for a model again"


def test_a_model_that_is_wanted_brings_the_engine_that_was_given_up(models: Models) -> None:
    models.state(EngineState.FAILED, "The engine stopped three times.")
    models.load("other")
    assert models.restarts == 1


# Remedies

EIGHT_BIT = Remedy(label="Load in INT8", precision=PrecisionChoice.INT8)
SMALLER = Remedy(label="Use 4,096 tokens of context", context_tokens=4096)
ON_CPU = Remedy(label="Use the CPU", device="cpu")


def choices(models: Models, key: str = notices.MODEL_KEY) -> dict[str, str]:
    return {choice.label: choice.key for choice in models.notices[key].choices}


def ran_out(models: Models, command_id: str, *remedies: Remedy) -> None:
    error = ErrorReport(kind=ErrorKind.OUT_OF_MEMORY, message="3 GiB needed, 1 GiB free.", remedies=remedies)
    models.controller.on_event(CommandFailed(command_id=command_id, error=error))


def newest_load(models: Models) -> LoadCheckpoint:
    command = models.engine.commands[-1]
    assert isinstance(command, LoadCheckpoint)
    return command


def test_a_remedy_loads_the_model_that_failed_with_just_that_changed(models: Models) -> None:
    ran_out(models, models.load("large").command_id, EIGHT_BIT, SMALLER, ON_CPU)
    assert models.notices[notices.MODEL_KEY].action_key == notices.CHOOSE_MODEL
    models.controller.on_notice_action(choices(models)["Use the CPU"])
    command = newest_load(models)
    assert command == LoadCheckpoint(
        command_id=command.command_id,
        checkpoint="large",
        precision=PrecisionChoice.BF16,
        context_tokens=512,
        device="cpu",
    )
    models.loaded(command.command_id)
    assert models.notices[notices.MODEL_KEY].text == (
        "Scripted model is loaded in BF16 on Scripted processor, 2,048 tokens."
    )


def test_what_a_disk_refused_is_tried_again_and_not_the_model_from_before(models: Models) -> None:
    models.loaded(models.load("small").command_id)
    models.failed(models.load("large").command_id, ErrorKind.DISK)
    assert models.notices[notices.MODEL_KEY].action_key == notices.CHOOSE_MODEL
    models.controller.on_notice_action(choices(models)["Load again"])
    assert newest_load(models).checkpoint == "large"


def test_a_model_loads_without_the_draft_model_that_does_not_suit_it(models: Models) -> None:
    models.settings = Settings(draft_checkpoint="small")
    without = Remedy(label="Load without a draft model", draft="")
    ran_out(models, models.load("large").command_id, without)
    models.controller.on_notice_action(choices(models)[without.label])
    assert (newest_load(models).checkpoint, newest_load(models).draft) == ("large", "")


def test_one_remedy_after_the_other_adds_up(models: Models) -> None:
    ran_out(models, models.load("large").command_id, EIGHT_BIT)
    models.controller.on_notice_action(choices(models)["Load in INT8"])
    ran_out(models, newest_load(models).command_id, SMALLER)
    models.controller.on_notice_action(choices(models)["Use 4,096 tokens of context"])
    command = newest_load(models)
    assert (command.checkpoint, command.precision, command.context_tokens) == ("large", PrecisionChoice.INT8, 4096)
    models.loaded(command.command_id)
    models.controller.reload()
    assert newest_load(models).precision is PrecisionChoice.BF16, "the settings hold again when loaded by hand"


def test_a_failed_choice_of_another_model_leaves_the_remedies_to_that_one(models: Models) -> None:
    models.loaded(models.load("small").command_id)
    ran_out(models, models.load("large").command_id, EIGHT_BIT)
    assert models.controller.plan == PLAN, "the small one still answers"
    models.controller.on_notice_action(choices(models)["Load in INT8"])
    assert newest_load(models).checkpoint == "large"


def test_after_a_remedy_the_answer_can_go_on(models: Models) -> None:
    models.loaded(models.load("large").command_id)
    choice = notices.RemedyChoice(EIGHT_BIT, answer_id="a", answer_has_text=True)
    models.controller.on_notice_action(notices._choice_of(choice).key)
    command = newest_load(models)
    assert (command.checkpoint, command.precision) == ("large", PrecisionChoice.INT8)
    models.loaded(command.command_id)
    notice = models.notices[notices.ANSWER_KEY]
    assert (notice.action, notice.action_key) == ("Continue", f"{notices.CONTINUE}a")


# A lost card


def lost(models: Models, command_id: str) -> None:
    error = ErrorReport(kind=ErrorKind.DEVICE_LOST, message="The graphics card stopped working for Hearth.")
    models.controller.on_event(CommandFailed(command_id=command_id, error=error))
    models.state(EngineState.RESTARTING)
    models.state(EngineState.READY)


@pytest.mark.parametrize(("system", "hint"), [("linux", "nvidia_uvm"), ("win32", "Restart the computer")])
def test_a_card_that_stays_away_is_told_with_what_brings_it_back(
    models: Models, monkeypatch: pytest.MonkeyPatch, system: str, hint: str
) -> None:
    monkeypatch.setattr("app.controllers.notices.sys.platform", system)
    models.loaded(models.load("large").command_id)
    lost(models, "some answer")
    models.loaded("reload-1")
    notice = models.notices[notices.MODEL_KEY]
    assert "answers on the CPU now" in notice.text
    assert hint in notice.text
    models.controller.on_notice_action(notice.action_key)
    assert newest_load(models).device == "auto"


def test_a_reload_without_the_card_offers_the_cpu(models: Models) -> None:
    models.loaded(models.load("large").command_id)
    lost(models, "some answer")
    models.failed("reload-1", ErrorKind.INVALID_COMMAND)
    assert models.notices[notices.MODEL_KEY].action_key == notices.LOAD_MODEL
    models.controller.on_notice_action(choices(models)["Use the CPU"])
    command = newest_load(models)
    assert (command.checkpoint, command.device) == ("large", "cpu")
    models.loaded(command.command_id)
    assert "can't be reached" not in models.notices[notices.MODEL_KEY].text, "it was chosen"


def test_a_card_lost_while_loading_offers_to_load_again_or_the_cpu(models: Models) -> None:
    lost(models, models.load("large").command_id)
    notice = models.notices[notices.MODEL_KEY]
    assert (notice.action, [choice.label for choice in notice.choices]) == ("Load again", ["Use the CPU"])


def test_a_card_that_came_back_is_no_matter_any_more(models: Models) -> None:
    models.loaded(models.load("large").command_id)
    lost(models, "some answer")
    card = msgspec.structs.replace(PLAN, device="cuda:0")
    models.controller.on_event(CheckpointLoaded(command_id="reload-1", plan=card))
    assert notices.MODEL_KEY not in models.notices
    models.failed(models.load("other").command_id, ErrorKind.CHECKPOINT_NOT_FOUND)
    assert models.notices[notices.MODEL_KEY].choices == ()
