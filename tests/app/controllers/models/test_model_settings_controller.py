"""Settings of one model: saved, in force while that model is used, and below what a conversation sets itself."""

from pathlib import Path

import msgspec
from pytestqt.qtbot import QtBot

from app.controllers.conversations.conversation_settings_controller import ConversationSettingsController, OwnSettings
from app.controllers.models.model_settings_controller import ModelSettingsController
from app.controllers.settings_controller import SettingsController
from app.settings.file import load
from app.settings.model_settings import ModelSettings
from app.settings.schema import Settings
from tests.app.controllers.conftest import Desk


class Office:
    """The settings in a file, and which model is in use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reference = "org/a"
        self.settings = SettingsController(path)
        self.own = ModelSettingsController(self.settings, lambda: self.reference)
        self.own.open()


def test_own_values_hold_for_that_model_only_and_are_saved(qtbot: QtBot, tmp_path: Path) -> None:
    office = Office(tmp_path / "settings.json")
    office.settings.change(("temperature", 0.7))
    office.own.change(("temperature", 0.2))
    office.own.change(("system_prompt", "You are A."))
    office.own.change(("temperature", 99.0))
    assert office.own.in_force().temperature == 0.2
    assert office.own.own_keys() == {"temperature", "system_prompt"}
    office.reference = "org/b"
    assert office.own.in_force() == office.settings.settings
    assert office.own.own_keys() == frozenset()
    assert office.settings.finish()
    kept = load(office.path)[0]
    assert kept.models == {"org/a": ModelSettings(temperature=0.2, system_prompt="You are A.")}


def test_what_is_open_stays_with_its_model_while_another_is_loaded(qtbot: QtBot, tmp_path: Path) -> None:
    office = Office(tmp_path / "settings.json")
    told: list[dict[str, object]] = []
    office.own.changed.connect(lambda known: told.append(known.own))
    office.reference = "org/b"
    office.own.change(("seed", 7))
    assert told == [{"seed": 7}]
    assert office.settings.settings.models == {"org/a": ModelSettings(seed=7)}


def test_reset_goes_back_to_the_settings_and_leaves_nothing(qtbot: QtBot, tmp_path: Path) -> None:
    office = Office(tmp_path / "settings.json")
    office.own.change(("seed", 7))
    office.own.reset("seed")
    assert office.settings.settings == Settings()
    assert office.settings.finish()
    assert office.path.read_text().strip() == "{}"


def test_a_conversation_says_whether_it_follows_the_model(desk: Desk, tmp_path: Path) -> None:
    office = Office(tmp_path / "settings.json")
    office.own.change(("system_prompt", "You are A."))
    office.own.change(("temperature", 0.2))
    known: list[OwnSettings] = []
    form = ConversationSettingsController(
        desk.conversations, desk.requests, office.own.in_force, by_model=office.own.own_keys
    )
    form.changed.connect(known.append)
    desk.settings = office.own.in_force()
    desk.open_shop()
    form.tell()
    assert known[-1].own == {}
    assert known[-1].by_model == {"system_prompt", "temperature"}
    assert known[-1].settings.temperature == 0.2
    assert desk.send("Hello").messages[0].content == "You are A."
    form.change(("system_prompt", "You are mine."))
    desk.settings = msgspec.structs.replace(desk.settings, system_prompt="You are A, still.")
    form.tell()
    assert known[-1].own == {"system_prompt": "You are mine."}
