"""Instructions and sampling of one conversation: over those of the settings, kept, and taken back."""

from collections.abc import Callable

import msgspec

from app.controllers.conversations.conversation_settings_controller import ConversationSettingsController, OwnSettings
from app.settings.schema import Settings, overlaid
from engine.api.message import Role
from engine.api.sampling import Sampling
from tests.app.controllers.conftest import Desk


class Form:
    def __init__(self, desk: Desk) -> None:
        self.controller = ConversationSettingsController(desk.conversations, desk.requests, lambda: desk.settings)
        self.known = OwnSettings({}, Settings())
        self.controller.changed.connect(lambda known: setattr(self, "known", known))


def test_own_values_stand_over_the_settings() -> None:
    base = Sampling(temperature=0.5, top_k=3)
    assert overlaid(base, None) == base
    assert overlaid(base, Sampling(temperature=0.0, seed=7)) == Sampling(temperature=0.0, top_k=3, seed=7)


def test_instructions_before_the_first_message_count_for_that_conversation_only(desk: Desk) -> None:
    desk.open_shop()
    form = Form(desk)
    desk.settings = msgspec.structs.replace(desk.settings, system_prompt="Be kind.")
    form.controller.change(("system_prompt", "Speak like a pirate."))
    form.controller.change(("temperature", 1.5))
    assert form.known.own == {"system_prompt": "Speak like a pirate.", "temperature": 1.5}
    command = desk.send("Hello")
    assert command.messages[0].content == "Speak like a pirate."
    assert command.sampling == Sampling(temperature=1.5)
    desk.finish(command, "Arr", 1)
    desk.settle()
    desk.conversations.new()
    assert form.known.own == {}
    assert desk.send("Hello").messages[0].content == "Be kind."


def test_no_instructions_at_all_can_be_chosen_too(desk: Desk) -> None:
    desk.open_shop()
    form = Form(desk)
    desk.settings = msgspec.structs.replace(desk.settings, system_prompt="Be kind.")
    form.controller.change(("system_prompt", ""))
    assert form.known.own == {"system_prompt": ""}
    assert desk.send("Hello").messages[0].role is Role.USER


def test_they_outlive_a_restart_and_can_be_reset(desk: Desk, reopened: Callable[[], Desk]) -> None:
    desk.open_shop()
    form = Form(desk)
    desk.talk("Hello", "Hi")
    form.controller.change(("seed", 7))
    form.controller.change(("system_prompt", "Be brief."))
    desk.settle()
    again = reopened()
    form = Form(again)
    again.open_shop(desk.conversations.current_id)
    assert form.known.own == {"seed": 7, "system_prompt": "Be brief."}
    assert again.send("And?").sampling == Sampling(temperature=0.0, seed=7)
    form.controller.reset("seed")
    form.controller.reset("system_prompt")
    again.settle()
    assert form.known.own == {}
    record = again.record(again.conversations.current_id or "")
    assert (record.sampling, record.system_prompt) == (None, "")


def test_what_can_not_be_a_value_changes_nothing(desk: Desk) -> None:
    desk.open_shop()
    form = Form(desk)
    form.controller.change(("temperature", 99.0))
    assert form.known.own == {}
