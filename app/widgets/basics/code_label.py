"""A label for technical text set like code: what is too long for a line goes on behind the line's own indentation."""

import textwrap

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QWidget

_LEAST_COLUMNS = 24
_DEEPER = "    "


class CodeLabel(QLabel):
    """Its letters are of one width, so that lines are broken by counting them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._source = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", "code")
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def set_source(self, text: str) -> None:
        """Show this text."""
        self._source = text
        self._break_lines()
        self.updateGeometry()

    def hasHeightForWidth(self) -> bool:
        """Return True: a narrower text is a higher one."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of the lines as they are broken at this width."""
        self.ensurePolished()
        return self.fontMetrics().size(0, self._broken(width)).height()

    def sizeHint(self) -> QSize:
        """Return the size at the present width."""
        return QSize(self.minimumSizeHint().width(), self.heightForWidth(self.width()))

    def minimumSizeHint(self) -> QSize:
        """Return room for some words."""
        return QSize(_LEAST_COLUMNS * self._column_px(), self.fontMetrics().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Break the lines anew."""
        super().resizeEvent(event)
        self._break_lines()

    def _break_lines(self) -> None:
        broken = self._broken(self.width())
        if broken != self.text():
            self.setText(broken)

    def _broken(self, width: int) -> str:
        columns = max(_LEAST_COLUMNS, width // self._column_px())
        return "\n".join(_broken_line(line, columns) for line in self._source.split("\n"))

    def _column_px(self) -> int:
        self.ensurePolished()
        return max(1, self.fontMetrics().horizontalAdvance("M"))


def _broken_line(line: str, columns: int) -> str:
    indentation = line[: len(line) - len(line.lstrip())][: columns // 2]
    lines = textwrap.wrap(
        line,
        columns,
        subsequent_indent=indentation + _DEEPER,
        replace_whitespace=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)
