"""What can be done with a message: by its menu, by keys, from the menu bar; and that the keyboard is never lost."""

import msgspec
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QContextMenuEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from app.conversations.records import MessageState
from app.models.message_wish import MessageWish, Wish
from app.models.transcript_model import TranscriptEntry
from app.widgets.basics.mirrored_style import Menu
from app.widgets.transcript.assistant_message import AssistantMessage
from app.widgets.transcript.message_actions import Act, message_actions, offer_of
from app.widgets.transcript.message_widget import MessageWidget
from engine.api.checkpoint import CheckpointKind, LocalCheckpoint
from tests.app.widgets.conftest import Shown
from tests.app.widgets.demo_conversation import PLAN, answer, conversations, entries, user

ALT = Qt.KeyboardModifier.AltModifier
OTHER = LocalCheckpoint(reference="other/model", name="Other & more", kind=CheckpointKind.FOLDER, size_bytes=1)


@pytest.fixture
def talk(shown: Shown) -> Shown:
    """A conversation of two turns; the last answer is the second of three versions."""
    shown.checkpoints.set_checkpoints([OTHER])
    shown.transcript.set_entries(
        [
            *entries([user(1, "One"), answer(2, "First"), user(3, "Two")]),
            TranscriptEntry(answer(4, "Second"), version=2, versions=3),
        ]
    )
    shown.conversations.set_conversations(conversations())
    shown.window.show_conversation(conversations()[0])
    shown.window.set_plan(PLAN)
    shown.window.activateWindow()
    shown.window.page.transcript.wished.connect(lambda wish: shown.asked.append(("wished", wish)))
    QApplication.processEvents()
    return shown


def row(talk: Shown, place: int) -> MessageWidget:
    return talk.window.page.transcript.view.reveal(place)


def focus(talk: Shown, place: int) -> MessageWidget:
    widget = row(talk, place)
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    assert QApplication.focusWidget() is widget
    return widget


def words(menu: QMenu, *, enabled: bool = False) -> list[str]:
    actions = [each for each in menu.actions() if not each.isSeparator() and (each.isEnabled() or not enabled)]
    return [each.text().replace("&", "").split("\t")[0] for each in actions]


def chosen(menu: QMenu, text: str) -> None:
    next(each for each in menu.actions() if each.text().replace("&", "").startswith(text)).trigger()


def test_an_answers_menu_holds_all_that_can_be_done_with_it(talk: Shown) -> None:
    menu = row(talk, 3).make_menu()
    assert words(menu) == words(menu, enabled=True)
    assert [each.split("…")[0] for each in words(menu)] == [
        "Copy message",
        "Edit",
        "Answer again",
        "Answer again with",
        "Continue the answer",
        "Branch into a new conversation",
        "Previous version",
        "Next version",
        "About this answer",
        "Show the exact prompt",
        "Delete",
    ]
    menu.close()


def test_a_questions_menu_leaves_out_what_only_answers_have(talk: Shown) -> None:
    menu = row(talk, 2).make_menu()
    assert not {"Continue the answer", "About this answer", "Next version"} & set(words(menu))
    menu.close()


@pytest.mark.parametrize(
    ("text", "signal", "value"),
    [
        ("Answer again", "regenerate_requested", "a4"),
        ("Continue", "continue_requested", "a4"),
        ("Branch", "branch_requested", "a4"),
        ("Previous", "version_requested", ("a4", -1)),
        ("Next", "version_requested", ("a4", 1)),
        ("Show the exact prompt", "wished", MessageWish(Wish.SHOW_PROMPT, "a4")),
        ("Delete", "wished", MessageWish(Wish.DELETE, "a4")),
    ],
)
def test_each_entry_asks_for_its_own(talk: Shown, text: str, signal: str, value: object) -> None:
    menu = row(talk, 3).make_menu()
    chosen(menu, text)
    assert talk.asked_for(signal) == [value]
    menu.close()


def test_another_model_is_chosen_in_a_submenu_by_its_name(talk: Shown) -> None:
    menu = row(talk, 3).make_menu()
    again = next(each for each in menu.actions() if each.menu() is not None)
    models = again.menu()
    assert isinstance(models, QMenu)
    assert [each.text() for each in models.actions()] == ["Other && more"]
    models.actions()[0].trigger()
    assert talk.asked_for("wished") == [MessageWish(Wish.ANSWER_WITH, "a4", "other/model")]
    menu.close()


def test_while_an_answer_is_written_only_what_needs_no_engine_can_be_done(talk: Shown) -> None:
    talk.window.set_busy(True)
    menu = row(talk, 1).make_menu()
    assert "Copy message" in words(menu, enabled=True)
    assert not {"Edit", "Answer again", "Answer again with", "Delete"} & set(words(menu, enabled=True))
    menu.close()
    growing = TranscriptEntry(msgspec.structs.replace(answer(9, "Half"), state=MessageState.STREAMING))
    allowed = [act for act in Act if offer_of(act, growing, is_busy=True, has_models=True).is_enabled]
    assert allowed == [Act.COPY]


def test_the_menu_opens_by_mouse_and_by_the_menu_key(talk: Shown) -> None:
    widget = focus(talk, 1)
    for reason in (QContextMenuEvent.Reason.Mouse, QContextMenuEvent.Reason.Keyboard):
        event = QContextMenuEvent(reason, QPoint(5, 5), widget.mapToGlobal(QPoint(5, 5)))
        QApplication.sendEvent(widget, event)
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        assert "Delete" in words(menu)
        menu.close()


def test_a_button_opens_the_menu_too(qtbot: QtBot, talk: Shown) -> None:
    widget = row(talk, 1)
    qtbot.mouseClick(widget.more_button, Qt.MouseButton.LeftButton)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    menu.close()


def test_others_put_the_same_actions_into_their_menus(talk: Shown) -> None:
    menu = Menu(talk.window)
    added = message_actions(menu, row(talk, 3))
    assert [each.text() for each in added] == [each.text() for each in menu.actions() if not each.isSeparator()]
    chosen(menu, "Copy")
    assert QGuiApplication.clipboard().text() == "Second"


def test_keys_act_on_the_focused_message(qtbot: QtBot, talk: Shown) -> None:
    widget = focus(talk, 3)
    qtbot.keyClick(widget, Qt.Key.Key_Left, ALT)
    qtbot.keyClick(widget, Qt.Key.Key_Right, ALT)
    qtbot.keyClick(widget, Qt.Key.Key_Delete)
    assert talk.asked_for("version_requested") == [("a4", -1), ("a4", 1)]
    assert talk.asked_for("wished") == [MessageWish(Wish.DELETE, "a4")]
    qtbot.keyClick(widget, Qt.Key.Key_F2)
    assert widget.editor is not None


def test_the_menu_bar_acts_on_the_focused_message_else_on_the_last(talk: Shown) -> None:
    actions = talk.window.actions_by_name
    actions.copy_message.trigger()
    assert QGuiApplication.clipboard().text() == "Second"
    assert actions.next_version.isEnabled()
    focus(talk, 1)
    assert not actions.next_version.isEnabled()
    actions.copy_message.trigger()
    assert QGuiApplication.clipboard().text() == "First"
    actions.delete_message.trigger()
    assert talk.asked_for("wished") == [MessageWish(Wish.DELETE, "a2")]
    talk.window.page.composer.take_focus()
    actions.delete_message.trigger()
    assert talk.asked_for("wished")[-1] == MessageWish(Wish.DELETE, "a4")


def test_the_menu_bar_lists_the_models_for_another_answer(talk: Shown) -> None:
    menu = talk.window.actions_by_name.menus["regenerate_with"]
    assert menu.menuAction().isEnabled()
    menu.aboutToShow.emit()
    menu.actions()[0].trigger()
    assert talk.asked_for("wished") == [MessageWish(Wish.ANSWER_WITH, "a4", "other/model")]
    talk.window.set_busy(True)
    assert not menu.menuAction().isEnabled()
    talk.window.set_busy(False)
    assert menu.menuAction().isEnabled()
    talk.checkpoints.set_checkpoints([])
    assert not menu.menuAction().isEnabled()


def test_an_answer_is_rewritten_in_its_place(qtbot: QtBot, talk: Shown) -> None:
    widget = focus(talk, 1)
    assert isinstance(widget, AssistantMessage)
    widget.perform(Act.EDIT)
    assert widget.editor is not None
    assert not widget.body.isVisible()
    field = widget.editor.editor
    assert field.hasFocus()
    assert field.text == "First"
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.keyClicks(field, "more")
    assert talk.asked_for("wished") == []
    qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert talk.asked_for("wished") == [MessageWish(Wish.REWRITE, "a2", "First\nmore")]
    assert talk.asked_for("edit_requested") == []
    assert widget.editor is None
    assert widget.body.isVisible()


def test_escape_leaves_an_answer_as_it_was(qtbot: QtBot, talk: Shown) -> None:
    widget = focus(talk, 1)
    widget.perform(Act.EDIT)
    assert widget.editor is not None
    qtbot.keyClick(widget.editor.editor, Qt.Key.Key_Escape)
    assert widget.editor is None
    assert talk.asked_for("wished") == []
    assert QApplication.focusWidget() is widget


# The keyboard is never lost


def test_when_the_focused_message_goes_the_keyboard_is_at_the_one_above(qtbot: QtBot, talk: Shown) -> None:
    focus(talk, 3)
    talk.transcript.set_entries(entries([user(1, "One"), answer(2, "First"), user(3, "Two")]))
    qtbot.waitUntil(lambda: QApplication.focusWidget() is row(talk, 2))


def test_when_a_version_is_switched_the_keyboard_stays_at_its_arrow(qtbot: QtBot, talk: Shown) -> None:
    widget = row(talk, 3)
    widget.versions.previous_button.setFocus(Qt.FocusReason.TabFocusReason)
    start = entries([user(1, "One"), answer(2, "First"), user(3, "Two")])
    second = TranscriptEntry(answer(5, "Other"), version=2, versions=3)
    talk.transcript.set_entries([*start, second])
    expected = lambda: row(talk, 3).versions.previous_button  # noqa: E731
    qtbot.waitUntil(lambda: QApplication.focusWidget() is expected())


def test_when_the_first_message_is_switched_the_keyboard_stays_there(qtbot: QtBot, talk: Shown) -> None:
    focus(talk, 0)
    talk.transcript.set_entries([TranscriptEntry(user(7, "Another"), version=2, versions=2)])
    qtbot.waitUntil(lambda: QApplication.focusWidget() is row(talk, 0))


def test_an_empty_page_gives_the_keyboard_to_the_composer(qtbot: QtBot, talk: Shown) -> None:
    focus(talk, 0)
    talk.transcript.clear()
    qtbot.waitUntil(lambda: talk.window.page.composer.isAncestorOf(QApplication.focusWidget()))


def test_who_has_the_keyboard_elsewhere_keeps_it(qtbot: QtBot, talk: Shown) -> None:
    focus(talk, 3)
    talk.transcript.set_entries(entries([user(1, "One")]))
    talk.window.page.composer.take_focus()
    qtbot.wait(20)
    assert talk.window.page.composer.isAncestorOf(QApplication.focusWidget())


def test_the_ring_around_a_question_goes_all_around_it(talk: Shown) -> None:
    question = talk.window.page.transcript.view.reveal(0)
    question.setFocus()
    picture = question.grab().toImage()
    ring = QColor(question.row_style.theme.colors.accent)
    drawn = [picture.pixelColor(x, 0) for x in range(16, picture.width() - 16)]
    assert all(each == ring for each in drawn), "the bubble must not cover it"
