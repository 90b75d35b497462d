"""The two shipped families: Inter for text, JetBrains Mono for code, both with the system's fonts behind them."""

from PySide6.QtGui import QFont, QFontDatabase

from app.widgets.basics.assets import asset

TEXT_FAMILY = "Inter"
CODE_FAMILY = "JetBrains Mono"
CODE_SCALE = 0.87  # JetBrains Mono is that much taller than Inter at the same pixel size

_FILES = (
    "Inter-Regular.otf",
    "Inter-Italic.otf",
    "Inter-Medium.otf",
    "Inter-SemiBold.otf",
    "Inter-Bold.otf",
    "JetBrainsMono-Regular.ttf",
    "JetBrainsMono-Italic.ttf",
    "JetBrainsMono-Bold.ttf",
)


def load_fonts() -> list[str]:
    """Register the shipped fonts with the running QApplication; return those missing or refused (normally none).

    The system's fonts stand in for them.
    """
    return [name for name in _FILES if not _is_loaded(name)]


def text_font(size_px: int, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """Return Inter at ``size_px`` logical pixels; the system's sans serif stands in for glyphs Inter lacks."""
    return _font([TEXT_FAMILY, "sans-serif"], QFont.StyleHint.SansSerif, size_px, weight)


def code_font(size_px: int) -> QFont:
    """Return JetBrains Mono at ``size_px`` logical pixels."""
    font = _font([CODE_FAMILY, "monospace"], QFont.StyleHint.Monospace, size_px, QFont.Weight.Normal)
    font.setFixedPitch(True)
    return font


def code_size_px(text_size_px: int) -> int:
    """Return the code size that looks level with text of ``text_size_px``."""
    return max(9, round(text_size_px * CODE_SCALE))


def _is_loaded(name: str) -> bool:
    try:
        return QFontDatabase.addApplicationFont(str(asset("fonts", name))) >= 0
    except FileNotFoundError:
        return False


def _font(families: list[str], hint: QFont.StyleHint, size_px: int, weight: QFont.Weight) -> QFont:
    font = QFont(families)
    font.setStyleHint(hint)
    font.setPixelSize(size_px)
    font.setFeature(QFont.Tag("calt"), 0)  # no ligatures: "->" and "--" stay the characters that they are
    font.setWeight(weight)
    return font
