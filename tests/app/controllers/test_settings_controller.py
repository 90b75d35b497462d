import errno
import os
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from app.controllers.settings_controller import SETTINGS_KEY, SettingsController
from app.models.notice import Notice
from app.settings.file import load
from app.settings.model_settings import ModelSettings
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
    assert controller.finish()
    assert load(path)[0].theme is Theme.DARK
    controller.reset("theme")
    assert controller.finish()
    assert load(path)[0] == Settings()
    assert notices == []


def test_what_is_changed_by_hand_meanwhile_stays_unless_it_is_changed_here_too(qtbot: QtBot, path: Path) -> None:
    path.write_text('{"seed": 1, "text_size_px": 20, "models": {"a": {"seed": 1}, "b": {"seed": 1}}}')
    controller = SettingsController(path)
    path.write_text('{"seed": 2, "theme": "dark", "text_size_px": 21, "models": {"a": {"seed": 2}, "c": {"seed": 2}}}')
    controller.change(("text_size_px", 22))
    assert controller.finish()
    controller.set_own_of_model("d", ModelSettings(seed=3))
    controller.reset("seed")
    assert controller.finish()
    found, _ = load(path)
    assert (found.theme, found.text_size_px, found.seed) == (Theme.DARK, 22, None)
    assert {model: own.seed for model, own in found.models.items()} == {"a": 2, "c": 2, "d": 3}


def test_a_bad_value_is_told_and_changes_nothing(qtbot: QtBot, path: Path) -> None:
    controller = SettingsController(path)
    settings, notices = listened(controller)
    controller.change(("temperature", 99.0))
    assert settings == []
    assert notices[0].key == SETTINGS_KEY
    assert "Temperature" in notices[0].text
    with qtbot.waitSignal(controller.notice_cleared, check_params_cb=lambda key: key == SETTINGS_KEY):
        controller.change(("temperature", 0.5))


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
    qtbot.waitUntil(lambda: bool(notices), timeout=30_000)
    assert "could not be saved" in notices[0].text


def test_a_disk_that_is_busy_keeps_nobody_waiting(qtbot: QtBot, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    is_free, synced = threading.Event(), []

    def wait_for_the_disk(file: int) -> None:
        is_free.wait(30.0)
        synced.append(file)

    monkeypatch.setattr(os, "fsync", wait_for_the_disk)
    controller = SettingsController(path)
    settings, notices = listened(controller)
    for size in (20, 21, 22, 23):
        controller.change(("text_size_px", size))
    assert [each.text_size_px for each in settings] == [20, 21, 22, 23]
    assert not path.exists()
    is_free.set()
    assert controller.finish()
    assert load(path)[0].text_size_px == 23
    assert len(synced) <= 2, "the first one, and the newest of those that waited"
    assert notices == []


def test_an_older_change_that_could_not_be_saved_is_not_told_when_a_newer_one_was(
    qtbot: QtBot, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    controller = SettingsController(path)
    _, notices = listened(controller)
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", refuse)
        controller.change(("text_size_px", 20))
        assert controller.finish()
    controller.change(("text_size_px", 21))
    assert controller.finish()
    QCoreApplication.processEvents()
    assert notices == []
    assert load(path)[0].text_size_px == 21


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
    assert controller.finish()
