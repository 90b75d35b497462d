"""What an empty conversation shows: a greeting, who answers, and four things to try."""

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.language import mark, tr
from app.widgets.basics.icons import pixmap
from app.widgets.basics.phase_line import PhaseLine
from app.widgets.basics.private_mark import EXPLANATION, ICON
from app.widgets.basics.theme import Theme

EXAMPLES = (
    (mark("Explain something"), mark("Explain why the sky is blue, in simple words.")),
    (mark("Write something"), mark("Write a short poem about autumn rain.")),
    (mark("Plan something"), mark("Give me three ideas for a quick dinner with eggs.")),
    (mark("Learn something"), mark("What is the capital of France, and what is it known for?")),
)
_WIDTH_PX = 640
_EXAMPLE_PX = 200
_SIDE_PX = 16
_ICON_PX = 24
_HEAD_PX = 96  # greeting and the line below it
_GREETING = mark("What would you like to know?")
_LOCAL = mark("Nothing you write leaves this computer.")
_PRIVATE_GREETING = mark("A private conversation")


class ExampleButton(QPushButton):
    """One example: what it is good for above, the words that will be sent below."""

    def __init__(self, title: str, prompt: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.prompt = prompt
        self.setObjectName("example")
        self.setAccessibleName(prompt)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(2)
        for text, role in ((title, "heading"), (prompt, "muted")):
            label = QLabel(text)
            label.setProperty("role", role)
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignTop)
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            column.addWidget(label)
        column.addStretch(1)

    def sizeHint(self) -> QSize:
        """Return room for both texts: a push button would only count its own."""
        return self.layout_size()

    def minimumSizeHint(self) -> QSize:
        """Return the same: nothing may be cut."""
        return self.layout_size()

    def layout_size(self) -> QSize:
        """Return what the two labels need at the width they are likely to get."""
        height = self._column.totalHeightForWidth(max(self.width(), _EXAMPLE_PX))
        return QSize(_EXAMPLE_PX, height)


class EmptyState(QFrame):
    """Emits the example that was chosen."""

    prompt_chosen = Signal(object)  # str

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_private = False
        self._is_asked = False
        self._has_files = False
        self._model_name = ""
        self.private_icon = QLabel()
        self.private_icon.hide()
        self.greeting = QLabel(tr(_GREETING))
        self.greeting.setProperty("role", "title")
        self.greeting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.model_line = QLabel()
        self.model_line.setTextFormat(Qt.TextFormat.PlainText)
        self.model_line.setProperty("role", "muted")
        self.model_line.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.model_line.setWordWrap(True)
        self.phase = PhaseLine(theme)
        self.examples = [ExampleButton(tr(title), tr(prompt)) for title, prompt in EXAMPLES]
        grid = QGridLayout()
        grid.setSpacing(8)
        for place, button in enumerate(self.examples):
            button.clicked.connect(self._on_clicked)
            grid.addWidget(button, place // 2, place % 2)
        inner = QWidget()
        inner.setMaximumWidth(_WIDTH_PX)
        column = QVBoxLayout(inner)
        column.setContentsMargins(_SIDE_PX, 0, _SIDE_PX, 0)
        column.setSpacing(8)
        column.addLayout(_in_the_middle(self.private_icon, self.greeting))
        column.addWidget(self.model_line)
        column.addWidget(self.phase, 0, Qt.AlignmentFlag.AlignCenter)
        column.addSpacing(16)
        column.addLayout(grid)
        outer = QGridLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(inner, 1, 1)
        outer.setColumnStretch(1, 1000)
        for side in (0, 2):
            outer.setRowStretch(side, 1)
            outer.setColumnStretch(side, 1)
        self.set_model_name("")
        self.set_phase("")
        self.set_theme(theme)

    def set_model_name(self, name: str) -> None:
        """Say who answers."""
        self._model_name = name
        self._show_line()

    def set_private(self, is_private: bool) -> None:
        """Invite to a private conversation, or to one that is kept."""
        self._is_private = is_private
        self.private_icon.setVisible(is_private)
        self.greeting.setText(tr(_PRIVATE_GREETING) if is_private else tr(_GREETING))
        self.set_model_name(self._model_name)
        self.set_asked(self._is_asked)

    def set_asked(self, is_asked: bool) -> None:
        """Ask for nothing and propose nothing while the first message waits to be answered."""
        self._is_asked = is_asked
        self.greeting.setVisible(self._is_private or not is_asked)
        self._show_examples()

    def set_attached(self, has_files: bool) -> None:
        """Propose nothing while files are attached: a question about something else would take them with it."""
        self._has_files = has_files
        self._show_examples()

    def set_phase(self, phase: str) -> None:
        """Say what is being got ready, "" when all is."""
        self.phase.set_phase(phase)
        self.phase.setVisible(bool(phase))

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        colors = theme.colors
        self.phase.set_theme(theme)
        self.private_icon.setPixmap(pixmap(ICON, colors.muted, _ICON_PX, self.devicePixelRatioF()))
        self.setStyleSheet(
            f"#example {{ background: {colors.card}; border: 1px solid transparent; border-radius: 12px;"
            " padding: 0px; min-height: 0px; }"
            f"#example:hover {{ background: {colors.hover}; }}"
            f"#example:pressed {{ background: {colors.pressed}; }}"
            f"#example:focus {{ border: 2px solid {colors.accent}; }}"
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the words and examples that there is room for."""
        super().resizeEvent(event)
        self._show_line()
        self._show_examples()

    def _show_examples(self) -> None:
        """Show as many rows of them as there is room for: what stands in the composer may need it."""
        row = max(button.sizeHint().height() for button in self.examples) + 8
        rows = 0 if self._is_asked or self._has_files else (self.height() - _HEAD_PX) // row
        for place, button in enumerate(self.examples):
            button.setVisible(place // 2 < rows)

    def _show_line(self) -> None:
        """Say who answers and what becomes of it, in one line or each in its own: not with a last word alone."""
        said = tr(EXPLANATION) if self._is_private else tr(_LOCAL)
        if self._model_name and not self._is_private:
            answers = tr("{name} answers.").format(name=self._model_name)
            room = min(self.width(), _WIDTH_PX) - 2 * _SIDE_PX
            one_line = f"{answers} {said}"
            fits = self.model_line.fontMetrics().horizontalAdvance(one_line) <= room
            said = one_line if fits else f"{answers}\n{said}"
        self.model_line.setText(said)

    @Slot()
    def _on_clicked(self) -> None:
        button = self.sender()
        if isinstance(button, ExampleButton):
            self.prompt_chosen.emit(button.prompt)


def _in_the_middle(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(12)
    row.addStretch(1)
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch(1)
    return row
