"""The switch in the composer: whether the model thinks before it answers, or how much, where it has a choice."""

from PySide6.QtCore import QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolButton, QWidget

from app.language import tr
from app.models.thinking_switch import ThinkingSwitch
from app.settings.schema import field_of
from app.widgets.basics.foreign_text import plain_tooltip, set_tooltip
from app.widgets.basics.icons import icon
from app.widgets.basics.mirrored_style import Menu
from app.widgets.basics.mirroring import turned
from app.widgets.basics.theme import Theme
from engine.api.sampling import ThinkingChoice

_HEIGHT_PX = 36
_ICON_PX = 16
_CHEVRON_PX = 14
_EDGE_PX = 8
_SLACK_PX = 6  # Qt leaves more behind the words than before the icon
_LARGEST_SHARE = 4  # of the composer's width, of which the text needs the most


class ThinkingButton(QToolButton):
    """Pressed or not where there is only on and off, else a menu. Without a switch there is no button.

    Signal chosen(ThinkingChoice | None: as the model does by itself).
    """

    chosen = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._room_px = 0
        self._choices: dict[ThinkingChoice | None, QAction] = {}
        self._menu = Menu(self)
        self._group = QActionGroup(self)
        self._group.setExclusionPolicy(QActionGroup.ExclusionPolicy.ExclusiveOptional)  # nothing may be chosen yet
        self.setProperty("kind", "think")
        self.setFixedHeight(_HEIGHT_PX)
        self.setIconSize(QSize(_ICON_PX, _ICON_PX))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.clicked.connect(self._on_clicked)
        self._group.triggered.connect(self._on_triggered)
        self.hide()

    def show_switch(self, switch: ThinkingSwitch | None) -> None:
        """Show what is in force, or nothing."""
        if switch is not None:
            if switch.offered != tuple(self._choices):  # else it may be one of these that was just chosen
                self._take(switch)
            words = "" if switch.is_on_or_off else choice_words(switch.chosen)
            text = tr("Think: {choice}").format(choice=words) if words else tr("Think")
            self.setText(f" {text}")  # Qt leaves nothing between the icon and them
            name = tr("Think before answering") if switch.is_on_or_off else tr("Thinking")
            self.setAccessibleName(tr("Thinking: {choice}").format(choice=words) if words else name)
            self._explain(words)
            self.setChecked(switch.is_on_or_off and switch.chosen is ThinkingChoice.ON)
            for choice, action in self._choices.items():
                action.setChecked(choice is switch.chosen)
                action.setText(_entry_words(choice, switch.usual))
        self.setVisible(switch is not None)
        self.set_theme(self._theme)

    def set_room(self, composer_px: int) -> None:
        """Be only an icon where the composer is narrow."""
        self._room_px = composer_px
        self._fit()

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme or text size."""
        self._theme = theme
        colors = theme.colors
        self.setIcon(icon("brain", colors.text if self.isChecked() else colors.muted, colors.disabled))
        self._fit()

    def sizeHint(self) -> QSize:
        """Return room for the words, and for the sign of a menu behind them."""
        if self.toolButtonStyle() is Qt.ToolButtonStyle.ToolButtonIconOnly:
            return QSize(_HEIGHT_PX, _HEIGHT_PX)
        chevron_px = 0 if self.isCheckable() else _CHEVRON_PX
        return QSize(super().sizeHint().width() - _SLACK_PX + chevron_px, _HEIGHT_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the button, and that it opens a menu."""
        super().paintEvent(event)
        if self.isCheckable() or self.toolButtonStyle() is Qt.ToolButtonStyle.ToolButtonIconOnly:
            return
        place = QRect(self.width() - _EDGE_PX - _CHEVRON_PX, (_HEIGHT_PX - _CHEVRON_PX) // 2, _CHEVRON_PX, _CHEVRON_PX)
        with QPainter(self) as painter:
            place = turned(place, self.rect(), self.layoutDirection())
            icon("chevron-down", self._theme.colors.muted).paint(painter, place)

    def _explain(self, words: str) -> None:
        """Say what it is for, and which level is in force: a narrow composer shows no words."""
        sentence = tr("Let the model think before it answers, which takes longer and helps with hard questions.")
        set_tooltip(self, sentence)
        if words:
            self.setToolTip(plain_tooltip(f"{self.accessibleName()}\n{sentence}"))

    def _take(self, switch: ThinkingSwitch) -> None:
        """Be what these choices need."""
        self._menu.clear()
        self._choices = {choice: self._menu.addAction("") for choice in switch.offered}
        for action in self._choices.values():
            action.setCheckable(True)
            self._group.addAction(action)
        self.setCheckable(switch.is_on_or_off)
        self.setMenu(None if switch.is_on_or_off else self._menu)  # type: ignore[arg-type]  # Qt takes it: no menu

    def _fit(self) -> None:
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        if self._room_px and self.sizeHint().width() * _LARGEST_SHARE > self._room_px:
            self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        self.setFixedWidth(self.sizeHint().width())

    @Slot(bool)
    def _on_clicked(self, checked: bool) -> None:
        if self.isCheckable():
            self.chosen.emit(ThinkingChoice.ON if checked else ThinkingChoice.OFF)

    @Slot(QAction)
    def _on_triggered(self, chosen: QAction) -> None:
        chosen.setChecked(True)  # chosen once more, it would be none
        self.chosen.emit(next(choice for choice, action in self._choices.items() if action is chosen))


def choice_words(choice: ThinkingChoice | None) -> str:
    """Return how a choice is called in the settings, or the first word of how none is."""
    if choice is None:
        return tr("Auto")
    return tr(next(each.label for each in field_of("thinking").choices if each.value == choice))


def _entry_words(choice: ThinkingChoice | None, usual: ThinkingChoice | None) -> str:
    if choice is None:
        return tr(field_of("thinking").unset_label)
    return tr("{choice} (default)").format(choice=choice_words(choice)) if choice is usual else choice_words(choice)
