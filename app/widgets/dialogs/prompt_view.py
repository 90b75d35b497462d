"""The text of a prompt, coloured by what of it is known; pointing at a token, or going to it, says all about it."""

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QMouseEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from app.language import tr
from app.models.prompt_spans import PromptSpans
from app.widgets.basics.fonts import code_font
from app.widgets.basics.theme import Theme, contrast
from app.widgets.editors.wrap_mode import wrap_mode_for
from engine.api.prompt import PromptSource
from engine.api.warmth import Tier

_STRENGTHS = {Tier.DEVICE: 0.22, Tier.RAM: 0.15, Tier.DISK: 0.08, None: 0.0}
_READABLE = 4.5  # contrast of text, WCAG 2.2 AA
_LINES = {
    Tier.DEVICE: QTextCharFormat.UnderlineStyle.NoUnderline,
    Tier.RAM: QTextCharFormat.UnderlineStyle.DotLine,
    Tier.DISK: QTextCharFormat.UnderlineStyle.DashUnderline,
    None: QTextCharFormat.UnderlineStyle.NoUnderline,
}


def place_color(tier: Tier | None, theme: Theme) -> QColor:
    """Return the colour behind what is known from a place; the page's own for what is to be read."""
    return _mixed(theme.colors.raised, theme.colors.success, _STRENGTHS[tier])


def _muted_on(ground: QColor, theme: Theme) -> QColor:
    """Return the theme's muted colour, as much nearer to its text's as it must be to be read on this ground."""
    for share in range(0, 100, 10):
        ink = _mixed(theme.colors.muted, theme.colors.text, share / 100)
        if contrast(ink.name(), ground.name()) >= _READABLE:
            return ink
    return QColor(theme.colors.text)


def _mixed(first: str, second: str, share: float) -> QColor:
    """Return the first colour with this share (0 to 1) of the second in it."""
    one, other = QColor(first), QColor(second)
    pairs = ((one.red(), other.red()), (one.green(), other.green()), (one.blue(), other.blue()))
    return QColor(*(round(ours + (theirs - ours) * share) for ours, theirs in pairs))


def span_format(source: PromptSource, tier: Tier | None, theme: Theme) -> QTextCharFormat:
    """Return how a stretch looks: colour and underline by place, the template's own text muted, generated text bold."""
    style = QTextCharFormat()
    ground = place_color(tier, theme)
    style.setBackground(ground)
    is_template = source is PromptSource.TEMPLATE
    style.setForeground(_muted_on(ground, theme) if is_template else QColor(theme.colors.text))
    style.setUnderlineStyle(_LINES[tier])
    style.setUnderlineColor(QColor(theme.colors.success))
    if source is PromptSource.GENERATED:
        style.setFontWeight(QFont.Weight.Bold)
    return style


class PromptView(QPlainTextEdit):
    """Read-only. Signal token_shown(words about the token that is pointed at or stands at the cursor)."""

    token_shown = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._spans: PromptSpans | None = None
        self._token: int | None = None
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setAccessibleName(tr("The prompt's text"))
        self.viewport().setMouseTracking(True)
        self.viewport().installEventFilter(self)
        self.cursorPositionChanged.connect(self._on_cursor_moved)

    def show_spans(self, spans: PromptSpans) -> None:
        """Show a prompt."""
        self._spans = self._token = None
        self.clear()
        self._use_code_font()
        self.setWordWrapMode(wrap_mode_for("".join(span.text for span in spans.spans)))
        kinds = {(span.source, span.tier) for span in spans.spans}
        formats = {kind: span_format(*kind, self._theme) for kind in kinds}
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        for span in spans.spans:
            cursor.insertText(span.text, formats[span.source, span.tier])
        cursor.endEditBlock()
        self._spans = spans
        self.moveCursor(QTextCursor.MoveOperation.Start)
        self._show_token(0)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme, with the cursor and what is read where they were."""
        self._theme = theme
        if self._spans is None:
            return
        place, scrolled = self.textCursor().position(), self.verticalScrollBar().value()
        self.show_spans(self._spans)
        cursor = self.textCursor()
        cursor.setPosition(place)
        self.setTextCursor(cursor)
        self.verticalScrollBar().setValue(scrolled)

    def changeEvent(self, event: QEvent) -> None:
        """Keep the letters of code where Qt gives the document those of the window."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._use_code_font()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Show the token under the pointer."""
        if watched is self.viewport() and isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseMove:
            place = self.cursorForPosition(event.position().toPoint()).position()
            self._show_token(self._spans.token_at(place) if self._spans is not None else None)
        return super().eventFilter(watched, event)

    def _use_code_font(self) -> None:
        self.document().setDefaultFont(code_font(max(12, self._theme.text_size_px - 2)))

    @Slot()
    def _on_cursor_moved(self) -> None:
        if self._spans is not None:
            self._show_token(self._spans.token_at(self.textCursor().position()))

    def _show_token(self, token: int | None) -> None:
        if self._spans is None or token is None or token >= len(self._spans.token_ids) or token == self._token:
            return
        self._token = token
        begin, end = self._spans.bounds(token)
        marked = QTextEdit.ExtraSelection()
        marked.cursor = QTextCursor(self.document())
        marked.cursor.setPosition(begin)
        marked.cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        marked.format.setBackground(QColor(self._theme.colors.visited_match))
        marked.format.setForeground(QColor(self._theme.colors.visited_match_text))
        self.setExtraSelections([marked])
        self.token_shown.emit(self._spans.token_words(token))
