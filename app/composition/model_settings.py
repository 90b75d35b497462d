"""The part of the composition root that is about what one model has of its own."""

from PySide6.QtCore import QObject, Qt, Slot

from app.controllers.models.checkpoint_controller import CheckpointController
from app.controllers.models.model_settings_controller import ModelSettingsController, OwnOfModel
from app.controllers.settings_controller import SettingsController
from app.widgets.settings.model_settings_dialog import ModelSettingsDialog
from app.widgets.window.main_window import MainWindow


class ModelSettingsParts(QObject):
    """Builds and connects them."""

    def __init__(
        self, settings: SettingsController, checkpoints: CheckpointController, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._checkpoints = checkpoints
        self._dialog: ModelSettingsDialog | None = None
        self.own = ModelSettingsController(settings, lambda: checkpoints.reference, self)
        self.own.changed.connect(self._on_changed)
        checkpoints.plan_changed.connect(self.own.model_changed)

    @property
    def dialog(self) -> ModelSettingsDialog | None:
        """The settings of a model that are open now."""
        return self._dialog

    def connect_window(self, window: MainWindow) -> None:
        """Connect what the window wants and shows."""
        self._window = window
        window.actions_by_name.model_settings.triggered.connect(self.open)
        window.model_button.own_settings_requested.connect(self.open)

    @Slot()
    def open(self) -> None:
        """Open the settings of the model in use."""
        plan = self._checkpoints.plan
        if plan is None or self._dialog is not None:
            return
        known = self.own.open()
        dialog = self._dialog = ModelSettingsDialog(plan.name, known.settings, self._window)
        dialog.show_values(known.own)
        dialog.changed.connect(self.own.change)
        dialog.reset_requested.connect(self.own.reset)
        dialog.reload_requested.connect(self._checkpoints.reload)
        dialog.finished.connect(self._on_closed)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    @Slot(object)
    def _on_changed(self, known: OwnOfModel) -> None:
        if self._dialog is not None:
            self._dialog.show_values(known.own)

    @Slot()
    def _on_closed(self) -> None:
        self._dialog = None
        self._window.page.composer.take_focus()
