"""The switch for thinking: what is in force, level over level, and what a choice does to the conversation."""

from collections.abc import Callable

import msgspec
import pytest

from app.controllers.conversations.conversation_settings_controller import ConversationSettingsController
from app.controllers.conversations.thinking_controller import ThinkingController
from app.models.thinking_switch import ThinkingSwitch
from engine.api.plan import Plan
from engine.api.sampling import Sampling, ThinkingChoice
from tests.app.controllers.conftest import Desk
from tests.engine_scripts import PLAN

OFF, ON, LOW, MEDIUM, HIGH = ThinkingChoice
SWITCH = msgspec.structs.replace(PLAN, thinking_choices=(OFF, ON), thinking_by_default=ON)
LEVELS = msgspec.structs.replace(PLAN, thinking_choices=(LOW, MEDIUM, HIGH), thinking_by_default=MEDIUM)


class Switch:
    def __init__(self, desk: Desk, plan: Plan | None = SWITCH) -> None:
        self.desk = desk
        self.own = ConversationSettingsController(desk.conversations, desk.requests, lambda: desk.settings)
        self.controller = ThinkingController(self.own)
        self.told: list[ThinkingSwitch | None] = []
        self.controller.switch_changed.connect(self.told.append)
        self.controller.set_plan(plan)
        self.own.tell()

    @property
    def chosen(self) -> ThinkingChoice | None:
        assert self.controller.switch is not None
        return self.controller.switch.chosen

    def set_for_all(self, choice: ThinkingChoice) -> None:
        self.desk.settings = msgspec.structs.replace(self.desk.settings, thinking=choice)
        self.own.tell()


def test_a_choice_is_the_conversations_own_and_kept(desk: Desk, reopened: Callable[[], Desk]) -> None:
    desk.open_shop()
    switch = Switch(desk)
    assert switch.chosen is ON
    desk.talk("Hello", "Hi")
    switch.controller.choose(OFF)
    assert switch.chosen is OFF
    desk.talk("And?", "Well")
    assert [command.sampling.thinking for command in desk.engine.generates] == [None, OFF]
    shown = desk.conversations.current_id
    desk.conversations.new()
    assert switch.chosen is ON
    desk.talk("Hello", "Hi")
    assert desk.engine.generates[-1].sampling.thinking is None
    desk.settle()
    again = reopened()
    again.open_shop(shown)
    assert Switch(again).chosen is OFF


@pytest.mark.parametrize("is_private", [False, True])
def test_what_was_chosen_before_the_first_message_counts_for_it(desk: Desk, is_private: bool) -> None:
    desk.open_shop()
    switch = Switch(desk)
    if is_private:
        desk.conversations.new_private()
    switch.controller.choose(OFF)
    assert desk.send("Hello").sampling.thinking is OFF
    assert switch.chosen is OFF


def test_there_and_back_leaves_nothing_behind(desk: Desk) -> None:
    desk.open_shop()
    switch = Switch(desk)
    desk.talk("Hello", "Hi")
    switch.controller.choose(OFF)
    switch.controller.choose(ON)
    desk.settle()
    assert desk.record(desk.conversations.current_id or "").sampling is None


def test_leaving_it_to_the_model_leaves_nothing_behind(desk: Desk) -> None:
    desk.open_shop()
    switch = Switch(desk, msgspec.structs.replace(LEVELS, thinking_by_default=None))
    desk.talk("Hello", "Hi")
    switch.controller.choose(HIGH)
    assert switch.chosen is HIGH
    switch.controller.choose(None)
    assert switch.chosen is None
    desk.settle()
    assert desk.record(desk.conversations.current_id or "").sampling is None


def test_it_stands_over_the_settings_and_beside_other_own_values(desk: Desk) -> None:
    desk.open_shop()
    switch = Switch(desk)
    switch.set_for_all(OFF)
    assert switch.chosen is OFF
    switch.own.change(("seed", 7))
    switch.controller.choose(ON)
    assert switch.chosen is ON
    assert desk.send("Hello").sampling == Sampling(temperature=0.0, seed=7, thinking=ON)


def test_what_the_model_does_not_know_counts_as_nothing(desk: Desk) -> None:
    desk.open_shop()
    switch = Switch(desk, LEVELS)
    switch.set_for_all(OFF)
    assert switch.chosen is MEDIUM
    switch.controller.choose(HIGH)
    assert switch.chosen is HIGH
    switch.controller.set_plan(SWITCH)
    assert switch.chosen is ON, "HIGH is not known, and stands over the settings' OFF"


def test_without_a_switch_or_a_model_there_is_none(desk: Desk) -> None:
    desk.open_shop()
    switch = Switch(desk)
    switch.controller.set_plan(PLAN)
    switch.controller.set_plan(None)
    assert switch.told == [ThinkingSwitch((OFF, ON), ON, ON), None]
    assert desk.send("Hello").sampling.thinking is None


def test_a_choice_while_an_answer_is_written_is_for_the_next(desk: Desk) -> None:
    desk.open_shop()
    switch = Switch(desk)
    running = desk.send("Hello")
    switch.controller.choose(OFF)
    assert running.sampling.thinking is None
    desk.finish(running, "Hi", 1)
    desk.settle()
    assert desk.send("And?").sampling.thinking is OFF
