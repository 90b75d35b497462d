import msgspec
import pytest
from pytestqt.qtbot import QtBot

from app.controllers.models.fit_controller import AT_ONCE, FitController
from app.controllers.models.hub_controller import HubController
from app.controllers.models.recommendation_controller import RecommendationController
from app.models.checkpoint_list_model import CheckpointListModel
from app.models.hub_result_list_model import HubResultListModel
from app.models.hub_rows import HubQuery, Recommendation
from app.recommendations import Candidate
from app.settings.schema import Settings
from engine.api.checkpoint import CheckpointKind, LocalCheckpoint
from engine.api.commands import CheckConnection, Command, InspectCheckpoint, PlanCheckpoint, SearchCheckpoints
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import (
    CheckpointInspected,
    CheckpointPlanned,
    CheckpointsFound,
    CommandCancelled,
    CommandFailed,
    ConnectionChecked,
    HardwareDescribed,
)
from engine.api.hub import ConnectionStep, HubAccess, HubCheckpoint, HubDetails, HubSort
from engine.api.plan import Fit, PrecisionChoice
from tests.engine_scripts import HARDWARE, PLAN

ACCESS = HubAccess(endpoint="https://mirror.example", token="hf_secret")
ERROR = ErrorReport(kind=ErrorKind.NETWORK, message="The Hub could not be reached.", hint="Try again.")
FOUND = tuple(HubCheckpoint(hub_id=f"publisher/{name}") for name in ("one", "two", "three", "four", "five"))


class Hub:
    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.cancelled: list[str] = []
        self.results = HubResultListModel()
        self.local = CheckpointListModel()
        self.settings = Settings(precision=PrecisionChoice.INT8, context_tokens=512)
        submit, cancel = self.commands.append, self.cancelled.append
        self.hub = HubController(submit, cancel, lambda: ACCESS, lambda: self.settings, self.results, self.local)
        self.fits = FitController(submit, cancel, lambda: ACCESS, lambda: self.settings, self.results)
        self.hub.rows_shown.connect(self.fits.request)
        self.said: list[tuple[str, object]] = []
        for name in ("searching_changed", "found", "search_failed", "details_found", "details_failed", "plan_found",
                     "connection_checked"):  # fmt: skip
            getattr(self.hub, name).connect(lambda value, name=name: self.said.append((name, value)))

    def of(self, kind: type) -> list[Command]:
        return [command for command in self.commands if isinstance(command, kind)]

    def values(self, name: str) -> list[object]:
        return [value for said, value in self.said if said == name]

    def event(self, event: object) -> None:
        self.hub.on_event(event)
        self.fits.on_event(event)

    def found(self, results: tuple[HubCheckpoint, ...] = FOUND) -> None:
        self.event(CheckpointsFound(command_id=self.of(SearchCheckpoints)[-1].command_id, results=results))


@pytest.fixture
def desk(qtbot: QtBot) -> Hub:
    return Hub()


def test_a_search_carries_all_that_was_asked_for(desk: Hub) -> None:
    desk.hub.search(HubQuery("qwen", "Qwen", 10**9, 10**10, HubSort.LIKES))
    (command,) = desk.of(SearchCheckpoints)
    assert isinstance(command, SearchCheckpoints)
    assert (command.text, command.author, command.least_parameters, command.most_parameters, command.sort) == (
        "qwen", "Qwen", 10**9, 10**10, HubSort.LIKES,
    )  # fmt: skip
    assert command.access == ACCESS
    desk.found()
    assert [row.checkpoint.hub_id for row in desk.results.rows] == [each.hub_id for each in FOUND]
    assert desk.values("searching_changed") == [True, False]


def test_only_the_newest_search_counts(desk: Hub) -> None:
    desk.hub.search(HubQuery("old"))
    old = desk.commands[0].command_id
    desk.hub.search(HubQuery("new"))
    assert desk.cancelled == [old]
    desk.event(CheckpointsFound(command_id=old, results=FOUND))
    desk.event(CommandCancelled(command_id=old))
    assert desk.results.rows == ()
    assert desk.values("searching_changed") == [True, True]


def test_a_failed_search_is_told_and_keeps_the_list(desk: Hub) -> None:
    desk.hub.search(HubQuery("a"))
    desk.found()
    desk.hub.search(HubQuery("b"))
    desk.event(CommandFailed(command_id=desk.of(SearchCheckpoints)[-1].command_id, error=ERROR))
    assert desk.values("search_failed") == [None, None, ERROR]
    assert len(desk.results.rows) == len(FOUND)
    assert desk.values("searching_changed")[-1] is False


def test_a_search_that_went_with_its_engine_is_no_longer_waited_for(desk: Hub) -> None:
    desk.hub.search(HubQuery("a"))
    desk.event(CommandCancelled(command_id=desk.commands[-1].command_id))
    assert desk.values("searching_changed") == [True, False]


def test_each_result_gets_its_fit_a_few_at_a_time(desk: Hub) -> None:
    desk.hub.search(HubQuery("a"))
    desk.found((*FOUND, HubCheckpoint(hub_id="publisher/unusable", unusable="It needs code.")))
    plans = desk.of(PlanCheckpoint)
    assert len(plans) == AT_ONCE
    for command in plans:
        assert isinstance(command, PlanCheckpoint)
        assert (command.ask_hub, command.reads_headers, command.access, command.precision) == (
            True, False, ACCESS, PrecisionChoice.INT8,
        )  # fmt: skip
    for place in range(len(FOUND)):
        command_id = desk.of(PlanCheckpoint)[place].command_id
        desk.event(CheckpointPlanned(command_id=command_id, plan=PLAN, hardware=HARDWARE) if place % 2 == 0
                   else CommandFailed(command_id=command_id, error=ERROR))  # fmt: skip
    labels = [row.fit.label if row.fit else None for row in desk.results.rows]
    assert labels == ["Fits (BF16)", "Not known yet", "Fits (BF16)", "Not known yet", "Fits (BF16)", None]
    assert len(desk.of(PlanCheckpoint)) == len(FOUND)


def test_another_search_gives_up_the_plans_of_the_one_before(desk: Hub) -> None:
    desk.hub.search(HubQuery("a"))
    desk.found()
    asked = [command.command_id for command in desk.of(PlanCheckpoint)]
    desk.hub.search(HubQuery("b"))
    desk.found(FOUND[:1])
    assert set(asked) <= set(desk.cancelled)
    desk.event(CheckpointPlanned(command_id=asked[1], plan=PLAN, hardware=HARDWARE))
    assert [row.checkpoint.hub_id for row in desk.results.rows] == [FOUND[0].hub_id]


def test_details_come_with_a_plan_and_only_the_newest_count(desk: Hub) -> None:
    desk.hub.inspect(("publisher/one", ""))
    first = [command.command_id for command in desk.commands]
    desk.hub.inspect(("publisher/two", "v2"))
    assert desk.cancelled == first
    inspect, plan = desk.commands[-2:]
    assert isinstance(inspect, InspectCheckpoint)
    assert isinstance(plan, PlanCheckpoint)
    assert (inspect.revision, plan.revision, plan.ask_hub, plan.reads_headers) == ("v2", "v2", True, True)
    details = HubDetails(checkpoint=FOUND[1])
    desk.event(CheckpointInspected(command_id=first[0], details=HubDetails(checkpoint=FOUND[0])))
    desk.event(CheckpointInspected(command_id=inspect.command_id, details=details))
    desk.event(CommandFailed(command_id=plan.command_id, error=ERROR))
    assert desk.values("details_found") == [details]
    assert desk.values("plan_found") == [("publisher/one", None), ("publisher/two", None), ("publisher/two", ERROR)]
    desk.hub.inspect_again()
    desk.event(CommandFailed(command_id=desk.of(InspectCheckpoint)[-1].command_id, error=ERROR))
    assert desk.values("details_failed") == [("publisher/two", ERROR)]


def test_rows_know_what_is_on_this_computer(desk: Hub) -> None:
    here = LocalCheckpoint("publisher/one", "one", CheckpointKind.HUB_CACHE, 1)
    half = LocalCheckpoint("publisher/two", "two", CheckpointKind.HUB_CACHE, 1, missing_bytes=5)
    desk.local.set_checkpoints([here, half])
    desk.hub.search(HubQuery("a"))
    desk.found(FOUND[:2])
    assert [row.is_local for row in desk.results.rows] == [True, False]
    desk.local.set_checkpoints([msgspec.structs.replace(half, missing_bytes=0)])
    assert [row.is_local for row in desk.results.rows] == [False, True]


def test_the_connection_is_checked(desk: Hub) -> None:
    desk.hub.check_connection()
    (command,) = desk.of(CheckConnection)
    steps = (ConnectionStep(name="Name", succeeded=True, words="Found."),)
    desk.event(ConnectionChecked(command_id=command.command_id, steps=steps))
    assert desk.values("connection_checked") == [None, steps]


CANDIDATES = tuple(
    Candidate(hub_id=f"p/{size}", title=f"{size}B", words="Good.", download_bytes=size, parameters=size * 10**9,
              license="mit")
    for size in (1, 8, 70)
)  # fmt: skip


def test_what_suits_this_computer_is_planned_without_the_network(qtbot: QtBot, desk: Hub) -> None:
    commands: list[Command] = []
    controller = RecommendationController(commands.append, CANDIDATES, lambda: desk.settings)
    told: list[tuple[Recommendation, ...]] = []
    words: list[str] = []
    controller.recommended.connect(told.append)
    controller.hardware_described.connect(words.append)
    controller.request()
    controller.request()
    controller.on_event(HardwareDescribed(command_id=commands[0].command_id, hardware=HARDWARE))
    assert words == ["Scripted processor, 16 GiB of main memory, no graphics card that Hearth can use"]
    for fit in (Fit.FITS, Fit.FITS, Fit.TOO_BIG):
        plan = commands[-1]
        assert isinstance(plan, PlanCheckpoint)
        assert not plan.ask_hub
        answer = msgspec.structs.replace(PLAN, checkpoint=plan.checkpoint, fit=fit)
        controller.on_event(CheckpointPlanned(command_id=plan.command_id, plan=answer, hardware=HARDWARE))
    assert [(each.hub_id, each.is_best) for each in told[0]] == [("p/8", True), ("p/1", False)]
    rows = controller.rows()
    assert [(row.checkpoint.hub_id, row.is_recommended) for row in rows] == [("p/8", True), ("p/1", False)]
    desk.hub.show_recommended(rows)
    assert len(desk.results.rows) == 2
    desk.hub.search(HubQuery("a"))
    desk.found(FOUND[:1])
    desk.hub.show_recommended(rows)
    assert [row.checkpoint for row in desk.results.rows] == [FOUND[0]]


def test_the_list_is_shown_before_anything_is_known_and_stays_where_nothing_can_be_planned(desk: Hub) -> None:
    commands: list[Command] = []
    controller = RecommendationController(commands.append, CANDIDATES, lambda: desk.settings)
    controller.rows_changed.connect(lambda: desk.hub.show_recommended(controller.rows()))
    controller.request()
    unknown = [("p/1", None), ("p/8", None), ("p/70", None)]
    assert [(row.checkpoint.hub_id, row.fit) for row in desk.results.rows] == unknown
    for _ in CANDIDATES:
        controller.on_event(CommandFailed(command_id=commands[-1].command_id, error=ERROR))
    assert controller.found == ()
    assert [(row.checkpoint.hub_id, row.fit) for row in desk.results.rows] == unknown
