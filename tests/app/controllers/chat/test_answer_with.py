"""Another version of an answer by another model: loaded for it, waiting behind what runs, given up where it fails."""

import msgspec
import pytest

from app.controllers import notices
from tests.app.controllers.conftest import Desk
from tests.engine_scripts import PLAN

OTHER = msgspec.structs.replace(PLAN, checkpoint="other/model", name="Other")


class Loads:
    """What was asked to be loaded; the test says how that went on, as the CheckpointController does."""

    def __init__(self, desk: Desk) -> None:
        self.asked: list[str] = []
        self._desk = desk
        desk.chat.switch.load_requested.connect(self._begin)

    def _begin(self, reference: str) -> None:
        self.asked.append(reference)
        self._desk.chat.set_plan(None)
        self._desk.chat.set_loading("Loading the model")

    def end(self, plan: object) -> None:
        self._desk.chat.set_plan(plan)  # type: ignore[arg-type]
        self._desk.chat.set_loading("")
        self._desk.settle()


@pytest.fixture
def loads(desk: Desk) -> Loads:
    desk.open_shop()
    return Loads(desk)


def test_another_model_is_loaded_and_answers_beside_the_first(desk: Desk, loads: Loads) -> None:
    _, answer_id = desk.talk("One", "First")
    desk.chat.answer_with((answer_id, OTHER.checkpoint))
    assert loads.asked == [OTHER.checkpoint]
    assert desk.busy
    loads.end(OTHER)
    desk.finish(desk.next_generate(1), "Other's", 3)
    desk.settle()
    assert desk.texts() == ["One", "Other's"]
    assert desk.shown()[-1].model == "Other"
    assert desk.transcript.entry(1).versions == 2
    assert "Other is loaded now" in desk.notices[notices.MODEL_KEY].text


def test_the_loaded_model_answers_at_once(desk: Desk, loads: Loads) -> None:
    _, answer_id = desk.talk("One", "First")
    desk.chat.answer_with((answer_id, PLAN.checkpoint))
    desk.next_generate(1)
    assert loads.asked == []
    assert desk.notices == {}


def test_it_waits_behind_a_running_answer_elsewhere(desk: Desk, loads: Loads) -> None:
    _, answer_id = desk.talk("One", "First")
    first = desk.conversations.current_id
    desk.conversations.new()
    running = desk.send("Other conversation")
    assert first is not None
    desk.conversations.open(first)
    desk.settle()
    desk.chat.answer_with((answer_id, OTHER.checkpoint))
    assert loads.asked == []
    desk.finish(running, "Done", 1)
    assert loads.asked == [OTHER.checkpoint]
    loads.end(OTHER)
    desk.next_generate(2)


def test_where_it_cant_be_loaded_the_answer_stays_and_can_be_tried_again(desk: Desk, loads: Loads) -> None:
    _, answer_id = desk.talk("One", "First")
    desk.chat.answer_with((answer_id, OTHER.checkpoint))
    loads.end(PLAN)
    assert desk.texts() == ["One", "First"]
    assert not desk.busy
    assert desk.queue == ()
    notice = desk.notices[notices.ANSWER_KEY]
    assert "could not be loaded" in notice.text
    desk.chat.on_notice_action(notice.action_key)
    assert loads.asked == [OTHER.checkpoint] * 2


def test_without_any_model_left_nothing_waits_for_ever(desk: Desk, loads: Loads) -> None:
    _, answer_id = desk.talk("One", "First")
    desk.chat.answer_with((answer_id, OTHER.checkpoint))
    loads.end(None)
    assert not desk.busy
    assert desk.chat.is_idle
    assert notices.ANSWER_KEY in desk.notices


def test_stop_gives_the_load_up_without_a_word(desk: Desk, loads: Loads) -> None:
    _, answer_id = desk.talk("One", "First")
    stops: list[bool] = []
    desk.chat.load_stop_requested.connect(lambda: stops.append(True))
    desk.chat.answer_with((answer_id, OTHER.checkpoint))
    desk.chat.stop()
    loads.end(PLAN)
    assert stops == [True]
    assert desk.chat.is_idle
    assert desk.notices == {}
    assert desk.texts() == ["One", "First"]


def test_without_a_model_the_wanted_one_is_loaded_and_no_other(desk: Desk, loads: Loads) -> None:
    _, answer_id = desk.talk("One", "First")
    desk.chat.set_plan(None)
    desk.chat.answer_with((answer_id, OTHER.checkpoint))
    assert loads.asked == [OTHER.checkpoint]
    assert desk.models_needed == 0


def test_what_was_asked_meanwhile_goes_on_with_the_model_of_before(desk: Desk, loads: Loads) -> None:
    _, answer_id = desk.talk("One", "First")
    desk.chat.answer_with((answer_id, OTHER.checkpoint))
    desk.chat.send("Next")
    loads.end(PLAN)
    assert desk.next_generate(1).messages[-1].content == "Next"
