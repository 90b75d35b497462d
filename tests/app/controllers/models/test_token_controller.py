from pathlib import Path

import keyring
import pytest
from pytestqt.qtbot import QtBot

from app.access_token import AccessTokens
from app.controllers.models.token_controller import TokenController
from app.models.token_state import TokenState
from app.settings.schema import Settings
from tests.app.keyrings import LockedKeyring, MemoryKeyring, WaitingKeyring

TOKEN = "hf_abcdefghijklmnopqrstuvwxyz"


class Desk:
    def __init__(self, file: Path) -> None:
        self.settings = Settings()
        self.tokens = AccessTokens(file, {})
        self.controller = TokenController(self.tokens, lambda: self.settings)
        self.states: list[TokenState] = []
        self.controller.state_changed.connect(self.states.append)


@pytest.fixture
def desk(tmp_path: Path, qtbot: QtBot, backend: MemoryKeyring) -> Desk:
    return Desk(tmp_path / "tokens.json")


def refreshed(desk: Desk, qtbot: QtBot) -> TokenState:
    with qtbot.waitSignal(desk.controller.state_changed):
        desk.controller.refresh()
    return desk.controller.state


def given(desk: Desk, qtbot: QtBot, token: str, keeps: bool) -> TokenState:
    with qtbot.waitSignal(desk.controller.state_changed):
        desk.controller.give((token, keeps))
    return desk.controller.state


def test_a_kept_token_is_used_and_found_again(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    assert not refreshed(desk, qtbot).has_token
    with qtbot.waitSignal(desk.controller.token_changed):
        desk.controller.give((f" {TOKEN}\n", True))
    qtbot.waitUntil(lambda: desk.controller.state.is_kept)
    assert desk.controller.access().token == TOKEN
    again = Desk(tmp_path / "tokens.json")
    state = refreshed(again, qtbot)
    assert (state.has_token, state.is_kept, state.error) == (True, True, "")
    assert again.controller.access().token == TOKEN


def test_without_keeping_it_is_there_until_the_end(
    desk: Desk, qtbot: QtBot, tmp_path: Path, backend: MemoryKeyring
) -> None:
    refreshed(desk, qtbot)
    state = given(desk, qtbot, TOKEN, False)
    assert (state.has_token, state.is_kept) == (True, False)
    assert desk.controller.access().token == TOKEN
    assert backend.passwords == {}
    assert not refreshed(Desk(tmp_path / "tokens.json"), qtbot).has_token


def test_a_keyring_that_fails_leaves_the_token_for_now_and_says_so(desk: Desk, qtbot: QtBot) -> None:
    refreshed(desk, qtbot)
    keyring.set_keyring(LockedKeyring())
    state = given(desk, qtbot, TOKEN, True)
    assert (state.has_token, state.is_kept) == (True, False)
    assert state.error == "The keyring is locked. The token is used until Hearth closes."
    assert desk.controller.access().token == TOKEN


@pytest.mark.parametrize("token", ["", "  ", "two words", "hf_ä", "line\nbreak"])
def test_what_can_be_no_token_is_refused(desk: Desk, qtbot: QtBot, token: str, backend: MemoryKeyring) -> None:
    refreshed(desk, qtbot)
    assert "no access token" in given(desk, qtbot, token, True).error
    assert desk.controller.access().token == ""
    assert backend.passwords == {}


def test_a_removed_token_is_gone_everywhere(desk: Desk, qtbot: QtBot, backend: MemoryKeyring) -> None:
    refreshed(desk, qtbot)
    given(desk, qtbot, TOKEN, True)
    with qtbot.waitSignal(desk.controller.state_changed):
        desk.controller.remove()
    assert (desk.controller.access().token, backend.passwords) == ("", {})
    assert not desk.controller.state.has_token


def test_another_address_gets_no_token_of_the_first(desk: Desk, qtbot: QtBot) -> None:
    refreshed(desk, qtbot)
    given(desk, qtbot, TOKEN, True)
    desk.settings = Settings(hub_endpoint="https://mirror.example")
    assert desk.controller.access().token == ""
    assert not refreshed(desk, qtbot).has_token
    desk.settings = Settings()
    assert refreshed(desk, qtbot).has_token


def test_the_keyring_is_asked_once_for_an_address(desk: Desk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may ask for a password each time, and settings change often."""
    asked: list[str] = []
    find = desk.tokens.token_for

    def token_for(endpoint: str) -> str:
        asked.append(endpoint)
        return find(endpoint)

    monkeypatch.setattr(desk.tokens, "token_for", token_for)
    refreshed(desk, qtbot)
    desk.settings = Settings(text_size_px=20)
    desk.controller.refresh()
    desk.settings = Settings(hub_endpoint="https://mirror.example")
    refreshed(desk, qtbot)
    assert len(asked) == 2


def test_a_keyring_that_waits_for_a_password_stops_nothing(desk: Desk, qtbot: QtBot) -> None:
    refreshed(desk, qtbot)
    given(desk, qtbot, TOKEN, True)
    waiting = WaitingKeyring()
    keyring.set_keyring(waiting)
    desk.settings = Settings(hub_endpoint="https://mirror.example")
    desk.tokens._remember(frozenset({"https://huggingface.co", "https://mirror.example"}))
    desk.controller.refresh()
    assert desk.controller.access().token == ""
    assert not waiting.has_answered
    with qtbot.waitSignal(desk.controller.state_changed):
        waiting.released.set()


def test_whether_a_token_could_be_kept_is_asked_when_it_is_to_be_shown(
    desk: Desk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def no_keyring() -> str:
        asked.append("keyring")
        return "This computer has no keyring."

    monkeypatch.setattr("app.controllers.models.token_controller.why_no_keyring", no_keyring)
    assert refreshed(desk, qtbot).no_keyring == ""
    assert asked == []
    desk.controller.describe()
    qtbot.waitUntil(lambda: desk.controller.state.no_keyring == "This computer has no keyring.")
    assert given(desk, qtbot, TOKEN, False).no_keyring == "This computer has no keyring."
    assert desk.controller.access().token == TOKEN
