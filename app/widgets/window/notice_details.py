"""The folded part of a notice: text that begins at its first line, and scrolls inside where it is long."""

from PySide6.QtGui import QResizeEvent

from app.widgets.text.plain_text_view import PlainTextView


class DetailsText(PlainTextView):
    """The technical part of a notice, which scrolls inside where it is long."""

    def heightForWidth(self, width: int) -> int:
        """Measure only: the text stays as wide as what is seen, which a scroll bar makes narrower."""
        height = super().heightForWidth(width)
        self.document().setTextWidth(self.viewport().width())
        return height

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Begin at the first line, until somebody reads on."""
        super().resizeEvent(event)
        if not self.hasFocus():
            self.verticalScrollBar().setValue(0)
