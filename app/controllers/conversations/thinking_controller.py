"""Whether the model thinks before it answers in the shown conversation: what is in force, and the user's choice."""

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.conversations.conversation_settings_controller import ConversationSettingsController, OwnSettings
from app.models.thinking_switch import ThinkingSwitch, switch_of
from app.settings.schema import sampling_from
from engine.api.plan import Plan
from engine.api.sampling import Sampling, ThinkingChoice

THINKING = "thinking"


class ThinkingController(QObject):
    """Signal switch_changed(ThinkingSwitch | None: no model is loaded, or it has no switch)."""

    switch_changed = Signal(object)

    def __init__(self, own: ConversationSettingsController, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._own = own
        self._plan: Plan | None = None
        self._known: OwnSettings | None = None
        self.switch: ThinkingSwitch | None = None
        own.changed.connect(self._on_own_changed)

    @Slot(object)
    def set_plan(self, plan: Plan | None) -> None:
        """Know the model whose switch it is; None while there is none."""
        self._plan = plan
        self._tell()

    @Slot(object)
    def choose(self, choice: ThinkingChoice | None) -> None:
        """Let the next answers of the shown conversation be written so; an answer that is being written goes on."""
        if self._known is None:
            return
        if choice is None or (self.switch is not None and self.switch.usual is choice):
            self._own.reset(THINKING)  # a switch that is turned there and back leaves nothing behind
        else:
            self._own.change((THINKING, choice))

    @Slot(object)
    def _on_own_changed(self, known: OwnSettings) -> None:
        self._known = known
        self._tell()

    def _tell(self) -> None:
        switch: ThinkingSwitch | None = None
        if self._known is not None:
            own = Sampling(thinking=self._known.thinking)
            switch = switch_of(self._plan, sampling_from(self._known.settings), own)
        if switch != self.switch:
            self.switch = switch
            self.switch_changed.emit(switch)
