"""The Conversation menu's entries about one message: the one that the keyboard is at, else the last one."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from app.widgets.access.announcing import CopyAnnouncement
from app.widgets.transcript.message_actions import NOTHING, Act, fill_models, offer_of
from app.widgets.transcript.message_focus import MessageFocus

if TYPE_CHECKING:
    from app.widgets.window.main_window import MainWindow

_NAMES = {
    "copy_message": Act.COPY,
    "edit_message": Act.EDIT,
    "continue_answer": Act.CONTINUE,
    "previous_version": Act.PREVIOUS,
    "next_version": Act.NEXT,
    "about_answer": Act.DETAILS,
    "show_prompt": Act.PROMPT,
    "delete_message": Act.DELETE,
}
_OF_VERSIONS = (Act.PREVIOUS, Act.NEXT)


class ConversationActions(QObject):
    """Keeps the menu's entries in line with that message."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        CopyAnnouncement(window)
        self._focus = MessageFocus(window.page.transcript, self)
        self._checkpoints = window.model_button.checkpoints
        actions = window.actions_by_name
        for name in _NAMES:
            actions.by_name[name].triggered.connect(self._on_triggered)
        self._models_menu = actions.menus["regenerate_with"]
        self._models_menu.aboutToShow.connect(self._on_models_about_to_show)
        model = window.page.transcript.model
        for changed in (model.modelReset, model.rowsInserted, model.rowsRemoved, model.dataChanged):
            changed.connect(self._refresh)
        self._focus.left.connect(window.page.composer.take_focus)
        self._focus.changed.connect(self._refresh)
        actions.state_shown.connect(self._refresh)
        self._checkpoints.modelReset.connect(self._on_models_changed)
        self._on_models_changed()

    @Slot()
    def _on_models_changed(self) -> None:
        models = tuple(self._checkpoints.usable())
        self._window.page.transcript.set_models(models)
        self._refresh()

    @Slot()
    def _on_triggered(self) -> None:
        action = self.sender()
        act = _NAMES[action.objectName()] if action is not None else None
        target = self._focus.target(of_versions=act in _OF_VERSIONS)
        if act is not None and target is not None:
            target.perform(act)

    @Slot()
    def _refresh(self) -> None:
        entry, is_busy = self._focus.entry(), self._window.page.transcript.is_busy
        actions = self._window.actions_by_name.by_name
        of_versions = self._focus.entry(of_versions=True)
        for name, act in _NAMES.items():
            meant = of_versions if act in _OF_VERSIONS else entry
            offer = offer_of(act, meant, is_busy=is_busy, has_models=True) if meant is not None else NOTHING
            actions[name].setEnabled(offer.is_shown and offer.is_enabled)
        again = offer_of(Act.REGENERATE, entry, is_busy=is_busy, has_models=True) if entry is not None else NOTHING
        self._models_menu.menuAction().setEnabled(again.is_enabled and bool(self._checkpoints.usable()))

    @Slot()
    def _on_models_about_to_show(self) -> None:
        self._models_menu.clear()
        fill_models(self._models_menu, self._checkpoints.usable(), self._answer_with)

    def _answer_with(self, reference: str) -> None:
        self._window.pages.bring_conversation()
        target = self._focus.target()
        if target is not None:
            target.perform(Act.REGENERATE_WITH, reference)
