"""The two looks of Hearth, light and dark: colours by role, the palette and the style sheet made from them."""

from dataclasses import asdict, dataclass
from string import Template

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from app.rendering.blocks import RenderTheme
from app.widgets.basics.assets import asset
from app.widgets.basics.fonts import CODE_FAMILY, TEXT_FAMILY, code_size_px, text_font
from app.widgets.basics.mirrored_style import MirroredStyle
from app.widgets.basics.mirroring import is_mirrored
from app.widgets.basics.restyling import Restyling

TEXT_COLUMN_PX = 760
RADIUS_LARGE_PX = 12  # bubbles and the composer
_STYLED = "hearth_has_style"
_GIVEN_DARK = "hearth_was_given_dark_colors"
RADIUS_PX = 8  # controls
DEFAULT_TEXT_SIZE_PX = 15


@dataclass(frozen=True, slots=True)
class SyntaxColors:
    """Colours of code, each readable on ``ThemeColors.code_background``."""

    keyword: str
    string: str
    number: str
    comment: str
    function: str
    type: str
    builtin: str
    operator: str
    inserted: str
    deleted: str


@dataclass(frozen=True, slots=True)
class ThemeColors:
    """Every colour by its role, as ``#rrggbb``."""

    page: str
    sidebar: str
    card: str  # what lies on the page: examples, models to choose, notices
    bubble: str
    raised: str  # menus, dialogs, the composer, input fields
    hover: str
    pressed: str
    text: str
    muted: str
    hairline: str
    outline: str  # edges of controls that must be seen (3:1)
    accent: str  # Send, the warm dot and the focus; nothing else
    accent_hover: str
    accent_pressed: str
    accent_text: str
    primary: str  # the main button of a dialog or page
    primary_hover: str
    primary_pressed: str
    primary_text: str
    code_background: str
    code_header: str
    selection: str
    selection_text: str
    match: str  # what a search found
    visited_match: str  # the found place where one is; 3:1 to the others and to the page
    visited_match_text: str
    memory_weights: str
    memory_conversation: str
    danger: str
    danger_background: str
    warning: str
    warning_background: str
    success: str
    disabled: str


@dataclass(frozen=True, slots=True)
class Theme:
    """One look: its colours and the size of text in logical pixels."""

    name: str
    dark: bool
    colors: ThemeColors
    syntax: SyntaxColors
    text_size_px: int = DEFAULT_TEXT_SIZE_PX

    @property
    def code_size_px(self) -> int:
        """Size of code beside this theme's text."""
        return code_size_px(self.text_size_px)

    @property
    def small_size_px(self) -> int:
        """Size of quiet lines: statistics, group titles, hints."""
        return max(11, self.text_size_px - 2)

    def with_text_size(self, text_size_px: int) -> "Theme":
        """Return the same look at another text size."""
        return Theme(self.name, self.dark, self.colors, self.syntax, text_size_px)

    def render_theme(self) -> RenderTheme:
        """Return what the Qt-free rendering needs to know."""
        colors = self.colors
        return RenderTheme(
            text=colors.text,
            muted=colors.muted,
            link=colors.text,
            hairline=colors.hairline,
            inline_code=colors.code_header,
            table_header=colors.code_background,
            text_size_px=self.text_size_px,
            code_size_px=self.code_size_px,
            code_family=CODE_FAMILY,
        )


LIGHT = Theme(
    name="light",
    dark=False,
    colors=ThemeColors(
        page="#fffdfb",
        sidebar="#f7f3ef",
        card="#f7f3ef",
        bubble="#f3ede7",
        raised="#ffffff",
        hover="#efe9e2",
        pressed="#e6ded5",
        text="#26201b",
        muted="#685f57",
        hairline="#e8e1da",
        outline="#958a80",
        accent="#c2410c",
        accent_hover="#ad390a",
        accent_pressed="#983108",
        accent_text="#ffffff",
        primary="#26201b",
        primary_hover="#413931",
        primary_pressed="#574d44",
        primary_text="#fffdfb",
        code_background="#f7f3ef",
        code_header="#f0eae4",
        selection="#cbdcee",
        selection_text="#26201b",
        match="#f7e3a1",
        visited_match="#6b5200",
        visited_match_text="#ffffff",
        memory_weights="#22384a",
        memory_conversation="#5f87a3",
        danger="#b3261e",
        danger_background="#fdecea",
        warning="#7d5200",
        warning_background="#fdf3dc",
        success="#2e6b3a",
        disabled="#a39a91",
    ),
    syntax=SyntaxColors(
        keyword="#9b2a66",
        string="#3d6b20",
        number="#7443ad",
        comment="#6f665e",
        function="#1f5aa6",
        type="#0d6868",
        builtin="#7d5200",
        operator="#574e46",
        inserted="#2e6b3a",
        deleted="#b3261e",
    ),
)

DARK = Theme(
    name="dark",
    dark=True,
    colors=ThemeColors(
        page="#1d1916",
        sidebar="#171411",
        card="#28231e",
        bubble="#2d2722",
        raised="#27221d",
        hover="#2f2924",
        pressed="#3a332c",
        text="#ece6e0",
        muted="#a99f95",
        hairline="#38312b",
        outline="#7d7268",
        accent="#f08246",
        accent_hover="#f59460",
        accent_pressed="#e07238",
        accent_text="#22120a",
        primary="#ece6e0",
        primary_hover="#ffffff",
        primary_pressed="#cdc5bc",
        primary_text="#1d1916",
        code_background="#161310",
        code_header="#2a241f",
        selection="#34506b",
        selection_text="#f5f9fd",
        match="#5a4a16",
        visited_match="#f0cf5c",
        visited_match_text="#22190a",
        memory_weights="#bfd2e0",
        memory_conversation="#50748f",
        danger="#f2837a",
        danger_background="#3d211e",
        warning="#e3b45c",
        warning_background="#372b15",
        success="#84c98f",
        disabled="#71675e",
    ),
    syntax=SyntaxColors(
        keyword="#ee9cc4",
        string="#a5c97f",
        number="#c8a8ee",
        comment="#978c81",
        function="#8bb9f0",
        type="#79cbc4",
        builtin="#e3b45c",
        operator="#c9bfb5",
        inserted="#84c98f",
        deleted="#f2837a",
    ),
)


def theme_for(preference: str, text_size_px: int = DEFAULT_TEXT_SIZE_PX) -> Theme:
    """Return the theme for "light", "dark" or "system" (any other word counts as "system")."""
    dark = preference == "dark" or (preference != "light" and system_is_dark())
    return (DARK if dark else LIGHT).with_text_size(text_size_px)


def system_is_dark() -> bool:
    """Tell whether the desktop asks for dark windows, in words or else by the colours it gives them.

    Connect ``QGuiApplication.styleHints().colorSchemeChanged`` to follow a change.
    """
    scheme = QGuiApplication.styleHints().colorScheme()
    return _given_dark_colors() if scheme == Qt.ColorScheme.Unknown else scheme == Qt.ColorScheme.Dark


def _given_dark_colors() -> bool:
    """Tell whether the palette was dark before ours took its place, which hides the desktop's for good."""
    application = QGuiApplication.instance()
    if application is None:
        return False
    given = application.property(_GIVEN_DARK)
    if given is None:
        colors = QGuiApplication.palette()
        ground, ink = colors.color(QPalette.ColorRole.Window), colors.color(QPalette.ColorRole.WindowText)
        given = ground.lightness() < ink.lightness()
        application.setProperty(_GIVEN_DARK, given)
    return bool(given)


def apply_theme(application: QApplication, theme: Theme) -> None:
    """Give the whole application this look: style, palette, font and style sheet."""
    _given_dark_colors()  # looked at as long as they are there
    font = text_font(min(theme.text_size_px, 16) - 1)
    if application.styleSheet() and application.property(_STYLED) == is_mirrored():
        Restyling.of(application).exchange(palette(theme), font, stylesheet(theme))
        return
    application.setStyleSheet("")
    # The one style that follows palette and style sheet alike on every system.
    application.setStyle(MirroredStyle() if is_mirrored() else "Fusion")
    application.setProperty(_STYLED, is_mirrored())
    application.setPalette(palette(theme))
    application.setFont(font)
    application.setStyleSheet(stylesheet(theme))


def give_look(theme: Theme) -> None:
    """Give the application that runs, if it has windows, this look."""
    application = QApplication.instance()
    if isinstance(application, QApplication):
        apply_theme(application, theme)


def stylesheet(theme: Theme) -> str:
    """Return the Qt style sheet of all shared controls (the template is assets/themes/hearth.qss)."""
    template = Template(asset("themes", "hearth.qss").read_text(encoding="utf-8"))
    heading_px = min(theme.text_size_px, 16)  # of controls, which don't grow with the text of conversations
    control_px = heading_px - 1
    small_px = min(theme.small_size_px, control_px - 1)
    return template.substitute(
        asdict(theme.colors),
        pictures=asset("themes", theme.name).as_posix(),
        radius=RADIUS_PX,
        radius_large=RADIUS_LARGE_PX,
        text_px=theme.text_size_px,
        heading_px=heading_px,
        control_px=control_px,
        small_px=small_px,
        small_code_px=code_size_px(small_px),
        code_px=theme.code_size_px,
        text_family=TEXT_FAMILY,
        code_family=CODE_FAMILY,
    )


def palette(theme: Theme) -> QPalette:
    """Return the palette for what a style sheet does not reach (native painting, text documents, placeholders)."""
    colors = theme.colors
    roles = {
        QPalette.ColorRole.Window: colors.page,
        QPalette.ColorRole.WindowText: colors.text,
        QPalette.ColorRole.Base: colors.raised,
        QPalette.ColorRole.AlternateBase: colors.sidebar,
        QPalette.ColorRole.Text: colors.text,
        QPalette.ColorRole.Button: colors.raised,
        QPalette.ColorRole.ButtonText: colors.text,
        QPalette.ColorRole.BrightText: colors.accent_text,
        QPalette.ColorRole.Highlight: colors.selection,
        QPalette.ColorRole.HighlightedText: colors.selection_text,
        QPalette.ColorRole.ToolTipBase: colors.raised,
        QPalette.ColorRole.ToolTipText: colors.text,
        QPalette.ColorRole.PlaceholderText: colors.muted,
        QPalette.ColorRole.Link: colors.text,
        QPalette.ColorRole.LinkVisited: colors.text,
        QPalette.ColorRole.Accent: colors.accent,
        QPalette.ColorRole.Light: colors.hover,
        QPalette.ColorRole.Midlight: colors.hairline,
        QPalette.ColorRole.Mid: colors.hairline,
        QPalette.ColorRole.Dark: colors.outline,
        QPalette.ColorRole.Shadow: colors.hairline,
    }
    result = QPalette()
    for role, color in roles.items():
        result.setColor(role, QColor(color))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, role, QColor(colors.disabled))
    return result


def contrast(first: str, second: str) -> float:
    """Return the WCAG 2.2 contrast ratio (1 to 21) of two ``#rrggbb`` colours."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
