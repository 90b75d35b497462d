"""What one model has of its own: how it is loaded, its instructions, and how its answers are written."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.settings_controller import SettingsController
from app.settings.levels import for_model, own_of_model
from app.settings.model_tables import with_own
from app.settings.schema import Settings
from app.settings.validation import BadValue


@dataclass(frozen=True)
class OwnOfModel:
    """own: what is set for the model itself, by the settings' keys; settings: what counts where nothing is set."""

    reference: str
    own: dict[str, object]
    settings: Settings


class ModelSettingsController(QObject):
    """Changes the settings of the model that was in use when open() was called.

    Signals: changed(OwnOfModel), model_changed() when another model is in use.
    """

    changed = Signal(object)
    model_changed = Signal()

    def __init__(
        self, settings: SettingsController, reference: Callable[[], str], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._in_use = reference
        self._reference = ""

    def in_force(self) -> Settings:
        """Return the settings as they are for the model in use."""
        return for_model(self._settings.settings, self._in_use())

    def own_keys(self) -> frozenset[str]:
        """Return which of them are set for that model itself."""
        return frozenset(own_of_model(self._settings.settings, self._in_use()).own)

    def open(self) -> OwnOfModel:
        """Turn to the model in use, and stay with it whatever is loaded later; returns what counts for it."""
        self._reference = self._in_use()
        return self._known()

    @Slot(object)
    def change(self, change: tuple[str, object]) -> None:
        """Let the model have its own value: (key, value); None goes back to the settings'."""
        own = own_of_model(self._settings.settings, self._reference)
        try:
            self._settings.set_own_of_model(self._reference, with_own(own, *change))
        except BadValue:  # the control says so itself
            return
        self.changed.emit(self._known())

    @Slot(object)
    def reset(self, key: str) -> None:
        """Go back to what the settings say."""
        self.change((key, None))

    def _known(self) -> OwnOfModel:
        settings = self._settings.settings
        return OwnOfModel(self._reference, own_of_model(settings, self._reference).own, settings)
