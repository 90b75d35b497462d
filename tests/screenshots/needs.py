"""For people who need it otherwise: large text, and a palette that the desktop forces on every program."""

from PySide6.QtGui import QColor, QPalette

from app.settings.schema import PAGES
from app.widgets.settings.settings_dialog import SettingsDialog
from tests.engine_scripts import Script
from tests.screenshots.frame import open_settings_at
from tests.screenshots.studio import Studio

_LARGEST_TEXT_PX = 32
_FORCED = {
    QPalette.ColorRole.Window: "#000000", QPalette.ColorRole.WindowText: "#ffff00",
    QPalette.ColorRole.Base: "#000000", QPalette.ColorRole.Text: "#ffff00",
    QPalette.ColorRole.Button: "#000000", QPalette.ColorRole.ButtonText: "#00ff00",
    QPalette.ColorRole.Highlight: "#ffffff", QPalette.ColorRole.HighlightedText: "#000000",
}  # fmt: skip


def draw(studio: Studio) -> None:
    """Draw them."""
    before = QPalette(studio.application.palette())
    forced = QPalette(before)
    for role, color in _FORCED.items():
        forced.setColor(role, QColor(color))
    studio.application.setPalette(forced)
    _draw_main(studio, "forced-palette")
    studio.application.setPalette(before)
    studio.begin()
    _draw_main(studio, "large-text", _LARGEST_TEXT_PX)


def _draw_main(studio: Studio, name: str, text_size_px: int = 0) -> None:
    studio.open(Script(context_window=8192))
    if text_size_px:
        studio.hearth.settings.change(("text_size_px", text_size_px))
    studio.draw_sizes(f"{name}-empty")
    studio.window.open_requested.emit(studio.known["conversation"])
    studio.wait(lambda: studio.hearth.transcript_model.rowCount() == 2, 10)
    studio.wait_for_formulas()
    studio.draw_sizes(f"{name}-conversation")
    studio.draw_dialog(f"{name}-settings", SettingsDialog, lambda: open_settings_at(studio, PAGES[0]))
    studio.close()
