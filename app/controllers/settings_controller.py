"""The settings in force: changed one at a time, checked, written on a thread."""

from functools import partial
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.models.notice import Notice, Severity
from app.settings.file import SettingsNotSaved, load, save
from app.settings.file_writer import FileWriter
from app.settings.model_settings import ModelSettings
from app.settings.schema import Settings
from app.settings.validation import BadValue, default_of, with_value
from engine.api.codec import clean_text

SETTINGS_KEY = "settings"
FILE_KEY = "settings file"  # of what was found at the start: it stays while settings change, as by a model's load


class SettingsController(QObject):
    """Owns the settings file. Signals: settings_changed(Settings), notice_raised(Notice), notice_cleared(key)."""

    settings_changed = Signal(object)
    notice_raised = Signal(object)
    notice_cleared = Signal(object)
    _save_failed = Signal(object, str)  # from the writer's thread

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self._writer = FileWriter()
        self._save_failed.connect(self._on_save_failed, Qt.ConnectionType.QueuedConnection)
        self.settings, self._warnings = load(path)
        self._kept = self.settings  # what was read or written last; the writer's thread has it from here on

    def start(self) -> None:
        """Tell what the file holds, and what in it could not be used."""
        self.settings_changed.emit(self.settings)
        if self._warnings:
            self.notice_raised.emit(Notice(key=FILE_KEY, text=" ".join(self._warnings), severity=Severity.WARNING))

    def finish(self) -> bool:
        """Wait until all is written; return whether it is."""
        return self._writer.finish()

    @Slot(object)
    def change(self, change: tuple[str, object]) -> None:
        """Give one setting another value: (key, value). A value that it can't have is told and changes nothing."""
        try:
            changed = with_value(self.settings, *change)
        except BadValue as error:
            self.notice_raised.emit(Notice(key=SETTINGS_KEY, text=str(error), severity=Severity.WARNING))
            return
        self.notice_cleared.emit(SETTINGS_KEY)
        self._take(changed)

    @Slot(object)
    def reset(self, key: str) -> None:
        """Give one setting its usual value."""
        self.change((key, default_of(key)))

    def set_own_of_model(self, reference: str, own: ModelSettings) -> None:
        """Let a model have these settings of its own."""
        others = {each: kept for each, kept in self.settings.models.items() if each != reference}
        models = others if own == ModelSettings() else {**others, clean_text(reference): own}
        self._take(msgspec.structs.replace(self.settings, models=models))

    def _take(self, settings: Settings) -> None:
        if settings == self.settings:
            return
        self.settings = settings
        self.settings_changed.emit(settings)
        self._writer.write(self._path, partial(self._save, settings))

    def _save(self, settings: Settings) -> None:
        try:
            save(self._path, settings, self._kept)
            self._kept = settings
        except SettingsNotSaved as error:
            self._save_failed.emit(settings, str(error))

    @Slot(object, str)
    def _on_save_failed(self, settings: object, words: str) -> None:
        if settings is self.settings:  # later ones tell by themselves what became of them
            self.notice_raised.emit(Notice(key=SETTINGS_KEY, text=words, severity=Severity.ERROR))
