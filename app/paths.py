"""Where Hearth keeps its files; nothing is created by looking."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from app.language import tr
from engine.api.codec import clean_text

_APPLICATION = "hearth"


class FolderUnusable(Exception):
    """A folder that Hearth needs can't be made or written to."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder = folder
        shown = clean_text(str(folder))
        self.message = tr("Hearth can't use the folder {folder} ({reason}).").format(folder=shown, reason=reason)
        self.hint = tr("Make the folder writable, or set HEARTH_HOME to another one.")
        super().__init__(f"{self.message} {self.hint}")


@dataclass(frozen=True)
class Paths:
    """The four folders, and the files in them that more than one room knows."""

    data: Path
    config: Path
    cache: Path
    logs: Path

    @property
    def database(self) -> Path:
        """All conversations; its backups lie in a folder beside it."""
        return self.data / "conversations.db"

    @property
    def settings_file(self) -> Path:
        """What the user chose."""
        return self.config / "settings.json"

    @property
    def window_state_file(self) -> Path:
        """Where the window was and what it showed."""
        return self.config / "window.json"

    @property
    def tokens_file(self) -> Path:
        """For which addresses the keyring holds a token; never a token itself."""
        return self.config / "tokens.json"

    @property
    def downloads_file(self) -> Path:
        """The downloads that were under way when Hearth closed."""
        return self.data / "downloads.json"

    @property
    def app_log(self) -> Path:
        """What the window and the terminal report; never texts of conversations."""
        return self.logs / "hearth.log"

    @property
    def engine_log(self) -> Path:
        """What the engine process and its libraries print."""
        return self.logs / "engine.log"

    def make_folders(self) -> None:
        """Create what is missing, readable by this user only; raises FolderUnusable."""
        for problem in self.unusable_folders():
            raise problem

    def unusable_folders(self) -> list[FolderUnusable]:
        """Create what is missing, and return what can't be had."""
        problems: list[FolderUnusable] = []
        for folder in (self.data, self.config, self.cache, self.logs):
            if not _is_readable(folder):
                problems.append(FolderUnusable(folder, tr("its name is no valid text")))
                continue
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                problems.append(FolderUnusable(folder, error.strerror or str(error)))
                continue
            if not os.access(folder, os.W_OK | os.X_OK):
                problems.append(FolderUnusable(folder, tr("it can't be written to")))
        return problems


def _is_readable(folder: Path) -> bool:
    """Return whether the folder's name is UTF-8: the libraries that read models take no other."""
    try:
        os.fsencode(folder).decode("utf-8")
    except UnicodeError:
        return False
    return True


def locate(environment: Mapping[str, str] = os.environ) -> Paths:
    """Return the folders: all under HEARTH_HOME if that is set, else where this system keeps such things."""
    home = environment.get("HEARTH_HOME", "").strip()
    if home:
        root = Path(home).expanduser().absolute()
        return Paths(data=root / "data", config=root / "config", cache=root / "cache", logs=root / "logs")
    return Paths(
        data=platformdirs.user_data_path(_APPLICATION, appauthor=False),
        config=platformdirs.user_config_path(_APPLICATION, appauthor=False),
        cache=platformdirs.user_cache_path(_APPLICATION, appauthor=False),
        logs=platformdirs.user_log_path(_APPLICATION, appauthor=False),
    )
