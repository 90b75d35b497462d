"""Top centre: which model answers, how it is loaded, and the menu of the models on this computer."""

import re
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QFileDialog, QSizePolicy, QWidget

from app.engine_words import said
from app.language import joined, mark, tr
from app.models.checkpoint_list_model import CheckpointListModel
from app.models.memory_picture import memory_picture
from app.models.plan_words import ModelFit
from app.models.warmth_words import token_words
from app.widgets.access.announcing import announce
from app.widgets.basics.focus_ring import paint_focus
from app.widgets.basics.fonts import text_font
from app.widgets.basics.foreign_text import plain_tooltip
from app.widgets.basics.icons import icon
from app.widgets.basics.key_words import key_words
from app.widgets.basics.mirroring import draw_line, turned
from app.widgets.basics.theme import RADIUS_PX, Theme
from app.widgets.picker.model_menu import ModelMenu, open_menu_of
from app.widgets.picker.plan_tooltip import plan_html, plan_line
from engine.api.checkpoint import LocalCheckpoint
from engine.api.hardware import Hardware
from engine.api.plan import Plan

_PERCENT = re.compile(r"(\d+) %")
_CHEVRON_PX = 16
_PADDING_PX = 12
_GAP_PX = 8
NO_MODEL = mark("Choose a model")


def plan_summary(plan: Plan) -> str:
    """Return the quiet part beside the name: precision and context window."""
    return joined((plan.precision.upper(), token_words(plan.context_window)))


def plan_reason(plan: Plan, hardware: Hardware | None) -> str:
    """Return why the model is loaded as it is, in a sentence or two, and why no graphics card is used if one is there.

    hardware is None as long as it is not known.
    """
    problem = hardware.gpu_problem if hardware is not None and plan.device == "cpu" else ""
    return " ".join(said(reason) for reason in (plan.precision_reason, plan.context_reason, problem) if reason)


class ModelButton(QAbstractButton):
    """Shows the loaded model, or the phase of a load; opens the model menu."""

    load_requested = Signal(object)  # reference: what `--model` takes
    fits_requested = Signal()  # the menu opens: show_fit() is wanted for each model
    memory_requested = Signal()  # the menu opens: show_hardware() is wanted
    reload_requested = Signal()
    unload_requested = Signal()
    own_settings_requested = Signal()  # of the model that is loaded
    models_requested = Signal()  # the page of models is wanted

    def __init__(self, model: CheckpointListModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._checkpoints = model
        self._theme = theme
        self._plan: Plan | None = None
        self._hardware: Hardware | None = None
        self._loading = ""
        self._key = key_words("Ctrl+L")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self.open_menu)
        self._describe()

    @property
    def name(self) -> str:
        """The strong part of what is shown."""
        if self._loading:
            return self._loading
        return self._plan.name if self._plan is not None else tr(NO_MODEL)

    @property
    def summary(self) -> str:
        """The quiet part of what is shown."""
        return plan_summary(self._plan) if self._plan is not None and not self._loading else ""

    def set_plan(self, plan: Plan | None) -> None:
        """Show how the model is loaded, None if none is."""
        before, self._plan = self._plan, plan
        self._describe()
        if (plan.checkpoint if plan else "") != (before.checkpoint if before else ""):
            announce(self, tr("{name} is loaded.").format(name=plan.name) if plan else tr("No model is loaded."))

    def set_loading(self, phase: str) -> None:
        """Show what a load is busy with, "" when it is over."""
        self._loading = phase
        self._describe()

    def set_key(self, key: str) -> None:
        """Know the key that opens the menu, "" for none."""
        self._key = key
        self._describe()

    @property
    def checkpoints(self) -> CheckpointListModel:
        """The models on this computer."""
        return self._checkpoints

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme
        self._describe()

    @Slot(object)
    def show_fit(self, fit: ModelFit) -> None:
        """Say in the open menu how well a model fits."""
        menu = open_menu_of(self)
        if menu is not None:
            menu.show_fit(fit)

    @Slot(object)
    def show_hardware(self, hardware: Hardware) -> None:
        """Know how full the memory is, and show it in the open menu."""
        self._hardware = hardware
        menu = open_menu_of(self)
        picture = memory_picture(self._plan, hardware) if self._plan is not None else None
        if menu is not None and self._plan is not None and picture is not None:
            menu.show_memory(picture, plan_reason(self._plan, hardware))

    @Slot()
    def open_menu(self) -> None:
        """Show the menu below the button, the first model ready to be chosen."""
        menu = self.build_menu()
        menu.keep_room_for_fits()
        left = (self.width() - menu.sizeHint().width()) // 2
        menu.popup(self.mapToGlobal(QPoint(max(0, left), self.height() + 4)))
        menu.select_first()
        self.fits_requested.emit()
        self.memory_requested.emit()

    def build_menu(self) -> ModelMenu:
        """Return the menu: models on this computer, a folder or file, reload and unload."""
        menu = ModelMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for checkpoint in self._checkpoints.usable():
            self._add_checkpoint(menu, checkpoint)
        menu.end_checkpoints()
        menu.addAction(icon("folder-open", self._theme.colors.muted), tr("Open a model's folder…"), self.choose_folder)
        menu.addAction(icon("file-text", self._theme.colors.muted), tr("Open a GGUF file…"), self.choose_file)
        menu.addSeparator()
        picture = memory_picture(self._plan, self._hardware) if self._plan is not None else None
        if self._plan is not None and picture is not None:
            menu.add_memory(picture, plan_reason(self._plan, self._hardware), self._theme)
        color = self._theme.colors.muted
        settings_action = menu.addAction(
            icon("sliders-horizontal", color), tr("Settings for this model"), self.own_settings_requested.emit
        )
        reload_action = menu.addAction(icon("refresh-cw", color), tr("Reload"), self.reload_requested.emit)
        unload_words = tr("Stop loading") if self._loading else tr("Unload")
        unload_action = menu.addAction(icon("power", color), unload_words, self.unload_requested.emit)
        has_model = self._plan is not None and not self._loading
        for action, is_possible in (
            (settings_action, has_model),
            (reload_action, has_model),
            (unload_action, has_model or bool(self._loading)),
        ):
            action.setEnabled(is_possible)
        menu.addSeparator()
        menu.addAction(icon("search", self._theme.colors.muted), tr("Find more models"), self.models_requested.emit)
        return menu

    @Slot()
    def choose_folder(self) -> None:
        """Let the user point at a folder with a model."""
        dialog = QFileDialog(self.window(), tr("Open a model's folder"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        self._open_dialog(dialog)

    @Slot()
    def choose_file(self) -> None:
        """Let the user point at a GGUF file."""
        dialog = QFileDialog(self.window(), tr("Open a GGUF file"), filter=tr("GGUF models (*.gguf)"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        self._open_dialog(dialog)

    def sizeHint(self) -> QSize:
        """Return room for name, summary and chevron."""
        name_width = QFontMetrics(self._name_font()).horizontalAdvance(self.name)
        summary_width = QFontMetrics(self._summary_font()).horizontalAdvance(self.summary)
        gap = _GAP_PX if self.summary else 0
        return QSize(name_width + gap + summary_width + _GAP_PX + _CHEVRON_PX + 2 * _PADDING_PX + 4, 36)

    def minimumSizeHint(self) -> QSize:
        """Return room for a short name."""
        return QSize(120, 36)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the background, the words and how far a load has come."""
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            colors = self._theme.colors
            if self.isDown() or self.underMouse():
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(colors.pressed if self.isDown() else colors.hover))
                painter.drawRoundedRect(self.rect(), RADIUS_PX, RADIUS_PX)
            if self.hasFocus():
                paint_focus(painter, self.rect(), self._theme)
            self._paint_words(painter)
            self._paint_progress(painter)

    def words_in(self, room: int) -> tuple[str, str]:
        """Return name and summary as there is room for: who answers is not cut for the sake of how."""
        metrics = QFontMetrics(self._name_font())
        summary_width = QFontMetrics(self._summary_font()).horizontalAdvance(self.summary)
        if metrics.horizontalAdvance(self.name) + _GAP_PX + summary_width <= room:
            return self.name, self.summary
        return metrics.elidedText(self.name, Qt.TextElideMode.ElideRight, room), ""

    def _paint_words(self, painter: QPainter) -> None:
        colors = self._theme.colors
        left, right = _PADDING_PX, self.width() - _PADDING_PX - _CHEVRON_PX - _GAP_PX
        name, summary = self.words_in(right - left)
        name_width = QFontMetrics(self._name_font()).horizontalAdvance(name)
        summary_width = QFontMetrics(self._summary_font()).horizontalAdvance(summary)
        direction = self.layoutDirection()
        painter.setFont(self._name_font())
        painter.setPen(QColor(colors.text))
        place = turned(QRect(left, 0, name_width + 2, self.height()), self.rect(), direction)
        draw_line(painter, place, direction, name)
        painter.setFont(self._summary_font())
        painter.setPen(QColor(colors.muted))
        place = QRect(left + name_width + _GAP_PX, 0, summary_width + 2, self.height())
        draw_line(painter, turned(place, self.rect(), direction), direction, summary)
        chevron = QRect(right + _GAP_PX, (self.height() - _CHEVRON_PX) // 2, _CHEVRON_PX, _CHEVRON_PX)
        icon("chevron-down", colors.muted).paint(painter, turned(chevron, self.rect(), direction))

    def _paint_progress(self, painter: QPainter) -> None:
        percent = _PERCENT.search(self._loading)
        if percent is None:
            return
        room = self.width() - 2 * _PADDING_PX
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._theme.colors.pressed))
        painter.drawRoundedRect(QRectF(_PADDING_PX, self.height() - 4, room, 3), 1.5, 1.5)
        painter.setBrush(QColor(self._theme.colors.muted))
        done = room * min(100, int(percent[1])) / 100
        left = self.width() - _PADDING_PX - done if self.isRightToLeft() else _PADDING_PX
        painter.drawRoundedRect(QRectF(left, self.height() - 4, done, 3), 1.5, 1.5)

    def _name_font(self) -> QFont:
        return text_font(min(self._theme.text_size_px, 16) - 1, QFont.Weight.Medium)

    def _summary_font(self) -> QFont:
        return text_font(min(self._theme.small_size_px, 14) - 1)

    @property
    def _how_to_choose(self) -> str:
        if not self._key:
            return ""
        words = tr("Choose another one with {key}.") if self._plan is not None else tr("Choose one with {key}.")
        return words.format(key=self._key)

    def _describe(self) -> None:
        self.setAccessibleName(tr("Model: {name} {summary}").format(name=self.name, summary=self.summary).strip())
        if self._plan is None:
            self.setToolTip(plain_tooltip(f"{self._loading or tr('No model is loaded.')}\n{self._how_to_choose}"))
        else:
            self.setToolTip(plan_html(self._plan, self._theme, self._how_to_choose))
        place = plan_line(self._plan) + "." if self._plan is not None else ""
        self.setAccessibleDescription(f"{place} {self._how_to_choose}".strip())
        self.updateGeometry()
        self.update()

    def _add_checkpoint(self, menu: ModelMenu, checkpoint: LocalCheckpoint) -> None:
        reference = checkpoint.reference
        is_loaded = self._plan is not None and self._plan.checkpoint == reference
        menu.add_checkpoint(checkpoint, is_loaded, lambda: self.load_requested.emit(reference))

    def _open_dialog(self, dialog: QFileDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._on_file_selected)
        dialog.open()

    @Slot(str)
    def _on_file_selected(self, path: str) -> None:
        self.load_requested.emit(str(Path(path)))  # on Windows Qt writes it with other slashes than the list
