"""Which part of the window, and which action, leads to what: every connection inside the window in one list."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from app.language import tr
from app.models.notice import Notice, Severity
from app.widgets.actions.action_table import ROWS
from app.widgets.actions.edit_actions import EditActions
from app.widgets.transcript.message_arrows import MessageArrows
from app.widgets.window.conversation_actions import ConversationActions
from app.widgets.window.enter_key import EnterKey
from app.widgets.window.focus_in_sight import FocusInSight
from app.widgets.window.focus_keeper import FocusKeeper
from app.widgets.window.quit_key import QuitKey
from app.widgets.window.spoken_focus import SpokenFocus
from app.widgets.window.window_movement import WindowMovement

if TYPE_CHECKING:
    from app.widgets.window.main_window import MainWindow


def connect_parts(window: "MainWindow") -> None:
    """Let what the user does in a part of the window become the window's intent."""
    window.sidebar.new_requested.connect(window.begin_new)
    window.sidebar.open_requested.connect(window.open_conversation)
    window.sidebar.rename_requested.connect(window.rename_requested)
    window.sidebar.delete_requested.connect(window.delete_requested)
    window.sidebar.list.left.connect(window.page.composer.take_focus)
    window.sidebar_button.clicked.connect(window.actions_by_name.sidebar.toggle)
    window.settings_button.clicked.connect(window.open_settings)
    window.model_button.load_requested.connect(window.load_requested)
    window.model_button.fits_requested.connect(window.fits_requested)
    window.model_button.reload_requested.connect(window.reload_requested)
    window.model_button.unload_requested.connect(window.unload_requested)
    window.page.send_requested.connect(window.send_requested)
    window.page.regenerate_requested.connect(window.regenerate_requested)
    window.page.continue_requested.connect(window.continue_requested)
    window.page.edit_requested.connect(window.edit_requested)
    window.page.branch_requested.connect(window.branch_from)
    window.page.rows_changed.connect(window.show_state)
    window.page.transcript.version_requested.connect(window.version_requested)
    window.page.transcript.link_activated.connect(window.ask_about_link)
    window.page.notices.action_requested.connect(window.notice_action_requested)
    window.page.composer.stop_requested.connect(window.stop_requested)
    window.page.composer.draft_changed.connect(window.draft_changed)
    window.page.composer.queue_removed.connect(window.queue_removed)
    window.page.composer.queue_edit_requested.connect(window.queue_edit_requested)
    window.download_indicator.clicked.connect(window.pages.show_downloads)
    window.model_button.models_requested.connect(window.show_models)
    window.pages.page_changed.connect(window.arrange)
    window.pages.fits_requested.connect(window.fits_requested)
    window.pages.open_with(window.dialogs)
    window.dialogs.setting_changed.connect(window.settings_changed)
    window.dialogs.setting_reset_requested.connect(window.setting_reset_requested)
    window.dialogs.reload_requested.connect(window.reload_requested)
    window.dialogs.restart_requested.connect(window.restart_requested)
    QGuiApplication.styleHints().colorSchemeChanged.connect(window.follow_color_scheme)


def connect_actions(window: "MainWindow") -> None:
    """Let each action of the menus do what it says."""
    actions = window.actions_by_name
    for row in ROWS.values():
        if row.is_in_chat:  # connected first, so that it is there when the action is done
            actions.by_name[row.name].triggered.connect(window.pages.bring_conversation)
    for action in (actions.rename, actions.new_folder):  # names are edited in the list: no first start shows that
        action.triggered.connect(window.pages.end_first_start)
    actions.new.triggered.connect(window.begin_new)
    actions.new_private.triggered.connect(window.begin_new_private)
    actions.rename.triggered.connect(window.rename_shown)
    window.page.rename_requested.connect(window.rename_shown)
    actions.delete.triggered.connect(window.delete_shown)
    actions.settings.triggered.connect(window.open_settings)
    actions.quit.triggered.connect(window.close)
    actions.copy_answer.triggered.connect(window.page.copy_last_answer)
    actions.copy_markdown.triggered.connect(window.page.transcript.copy_markdown)
    actions.find.triggered.connect(window.page.finder.open)
    actions.find_next.triggered.connect(window.page.finder.go_on)
    actions.find_previous.triggered.connect(window.page.finder.go_back)
    actions.regenerate.triggered.connect(window.page.regenerate_last)
    actions.edit_last.triggered.connect(window.page.edit_last)
    actions.branch.triggered.connect(window.page.branch_last)
    actions.stop.triggered.connect(window.stop_requested)
    actions.choose_model.triggered.connect(window.choose_model)
    actions.open_folder.triggered.connect(window.model_button.choose_folder)
    actions.open_file.triggered.connect(window.model_button.choose_file)
    actions.reload.triggered.connect(window.reload_requested)
    actions.unload.triggered.connect(window.unload_requested)
    actions.sidebar.toggled.connect(window.arrange)
    actions.newest.triggered.connect(window.page.transcript.follow)
    actions.memory.triggered.connect(window.dialogs.open_memory)
    actions.keys.triggered.connect(lambda: window.dialogs.open_keys(actions.shortcuts))
    window.dialogs.keys_requested.connect(actions.keys.trigger)
    actions.about.triggered.connect(window.dialogs.open_about)
    actions.licences.triggered.connect(window.dialogs.open_licences)
    actions.report.triggered.connect(lambda: window.dialogs.open_report())
    actions.theme_chosen.connect(window.settings_changed)
    actions.when_full_chosen.connect(window.when_full_requested)
    actions.models.triggered.connect(window.show_models)
    edit = EditActions(actions, window)
    edit.undo_requested.connect(window.page.notices.undo_newest)
    WindowMovement(window)
    ConversationActions(window)
    EnterKey(window)
    QuitKey(actions.quit, window)
    FocusInSight(window)
    MessageArrows(window)
    FocusKeeper(window, window.page.composer.take_focus)
    SpokenFocus(window)
    actions.shortcuts.problems_found.connect(lambda problems: window.show_notice(_key_notice(problems)))
    actions.shortcuts.explain(window.sidebar.new_button, "new", tr("Begin a new conversation"))
    actions.shortcuts.explain(window.sidebar_button, "sidebar", tr("Sidebar"))
    actions.shortcuts.explain(window.settings_button, "settings", tr("Settings"))
    actions.shortcuts.changed.connect(lambda: window.model_button.set_key(actions.shortcuts.key_text("choose_model")))


def _key_notice(problems: Sequence[str]) -> Notice:
    return Notice(key="keys", text=" ".join(problems), severity=Severity.WARNING)
