from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.controllers.settings_controller import SETTINGS_KEY, SettingsController
from app.models.notice import Notice
from app.settings.file import load
from app.settings.schema import Settings, Theme


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.json"


def listened(controller: SettingsController) -> tuple[list[Settings], list[Notice]]:
    settings: list[Settings] = []
    notices: list[Notice] = []
    controller.settings_changed.connect(settings.append)
    controller.notice_raised.connect(notices.append)
    return settings, notices


def test_a_change_holds_at_once_and_is_saved(qtbot: QtBot, path: Path) -> None:
    controller = SettingsController(path)
    settings, notices = listened(controller)
    controller.change(("theme", "dark"))
    controller.change(("theme", "dark"))
    assert [each.theme for each in settings] == [Theme.DARK]
    assert load(path)[0].theme is Theme.DARK
    controller.reset("theme")
    assert load(path)[0] == Settings()
    assert notices == []


def test_a_bad_value_is_told_and_changes_nothing(qtbot: QtBot, path: Path) -> None:
    controller = SettingsController(path)
    settings, notices = listened(controller)
    controller.change(("temperature", 99.0))
    assert settings == []
    assert notices[0].key == SETTINGS_KEY
    assert "Temperature" in notices[0].text


def test_what_the_file_holds_and_what_of_it_is_unusable_is_told_at_the_start(qtbot: QtBot, path: Path) -> None:
    path.write_text('{"theme": "dark", "temperature": "hot"}', encoding="utf-8")
    controller = SettingsController(path)
    settings, notices = listened(controller)
    controller.start()
    assert settings[0].theme is Theme.DARK
    assert "Temperature" in notices[0].text


def test_a_setting_that_can_not_be_saved_still_holds(qtbot: QtBot, path: Path) -> None:
    controller = SettingsController(path / "in a file that is no folder")
    path.write_text("", encoding="utf-8")
    _, notices = listened(controller)
    controller.change(("theme", "dark"))
    assert controller.settings.theme is Theme.DARK
    assert "could not be saved" in notices[0].text


def test_what_was_found_at_the_start_is_not_taken_away_by_a_change(qtbot: QtBot, path: Path) -> None:
    path.write_text("{broken", encoding="utf-8")
    controller = SettingsController(path)
    _, notices = listened(controller)
    cleared: list[str] = []
    controller.notice_cleared.connect(cleared.append)
    controller.start()
    controller.change(("checkpoint", "starter"))  # as at the end of each load
    assert "usual ones" in notices[0].text
    assert notices[0].key not in cleared
