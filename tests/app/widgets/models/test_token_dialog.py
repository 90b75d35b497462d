import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from app.models.token_state import TokenState
from app.widgets.basics.theme import Theme
from app.widgets.models.token_dialog import TokenDialog

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def dialog(qtbot: QtBot, theme: Theme) -> TokenDialog:
    """The open dialog."""
    widget = TokenDialog()
    qtbot.addWidget(widget)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def test_a_token_is_typed_unseen_and_given_once(qtbot: QtBot, dialog: TokenDialog) -> None:
    assert dialog.field.echoMode() is QLineEdit.EchoMode.Password
    assert not dialog.save_button.isEnabled()
    qtbot.keyClicks(dialog.field, " hf_abc ")
    with qtbot.waitSignal(dialog.token_given) as given:
        qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    assert given.args == [("hf_abc", True)]
    assert dialog.field.text() == ""


def test_it_can_be_shown_and_is_hidden_the_next_time(qtbot: QtBot, dialog: TokenDialog) -> None:
    qtbot.keyClicks(dialog.field, "hf_abc")
    dialog.shows.click()
    assert dialog.field.echoMode() is QLineEdit.EchoMode.Normal
    dialog.close()
    dialog.show()
    assert dialog.field.echoMode() is QLineEdit.EchoMode.Password
    assert dialog.field.text() == ""


def test_without_a_keyring_it_is_for_this_session(qtbot: QtBot, dialog: TokenDialog) -> None:
    dialog.show_state(TokenState("https://huggingface.co", no_keyring="There is no keyring on this computer."))
    assert not dialog.keeps.isEnabled()
    assert dialog.no_keyring.text() == "There is no keyring on this computer. The token is known until Hearth closes."
    qtbot.keyClicks(dialog.field, "hf_abc")
    with qtbot.waitSignal(dialog.token_given) as given:
        qtbot.mouseClick(dialog.save_button, LEFT)
    assert given.args == [("hf_abc", False)]


def test_a_keyring_that_comes_back_is_used_again(dialog: TokenDialog) -> None:
    dialog.show_state(TokenState("https://huggingface.co", no_keyring="There is none."))
    dialog.show_state(TokenState("https://huggingface.co"))
    assert dialog.keeps.isEnabled()
    assert dialog.keeps.isChecked()


def test_the_user_may_keep_it_out_of_the_keyring(qtbot: QtBot, dialog: TokenDialog) -> None:
    dialog.keeps.click()
    dialog.show_state(TokenState("https://huggingface.co"))
    assert not dialog.keeps.isChecked()


def test_a_known_token_can_be_removed(qtbot: QtBot, dialog: TokenDialog) -> None:
    assert not dialog.remove_button.isVisible()
    dialog.show_state(TokenState("https://huggingface.co", has_token=True, is_kept=True))
    assert "keyring" in dialog.account.text()
    with qtbot.waitSignal(dialog.token_removed):
        qtbot.mouseClick(dialog.remove_button, LEFT)


def test_it_says_where_tokens_are_made_and_where_they_go(qtbot: QtBot, dialog: TokenDialog) -> None:
    with qtbot.waitSignal(dialog.link_activated) as link:
        qtbot.mouseClick(dialog.page_button, LEFT)
    assert link.args == ["https://huggingface.co/settings/tokens"]
    dialog.show_state(TokenState("https://mirror.example"))
    with qtbot.waitSignal(dialog.link_activated) as link:
        qtbot.mouseClick(dialog.page_button, LEFT)
    assert link.args == ["https://mirror.example/settings/tokens"]
    assert "only to mirror.example," in dialog.address.text()


def test_it_closes_when_the_token_was_taken(qtbot: QtBot, dialog: TokenDialog) -> None:
    dialog.show_state(TokenState("https://huggingface.co", has_token=True))
    assert dialog.isVisible()
    for error in ("That is no access token.", ""):
        qtbot.keyClicks(dialog.field, "hf_abc")
        qtbot.mouseClick(dialog.save_button, LEFT)
        dialog.show_state(TokenState("https://huggingface.co", has_token=True, error=error))
        assert dialog.isVisible() is bool(error)


def test_what_went_wrong_is_said(dialog: TokenDialog) -> None:
    height = dialog.height()
    dialog.show_state(TokenState("https://huggingface.co", error="That is no access token."))
    assert dialog.error.text() == "That is no access token."
    assert dialog.height() > height
