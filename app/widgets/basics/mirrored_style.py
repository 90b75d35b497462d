"""How words are drawn in a window that is read from right to left: each text in its own direction, from the right.

Qt gives a button's words the window's direction, which tears "Save as…" and "270 MB · Fits" apart wherever they are
Latin, and begins a label on the left if its words are. A field stands on the side of what is written in it, and, empty,
on that of the keyboard, so that its hint and its caret would be on the left among labels on the right. Only used where
the window is mirrored: it costs a call into Python for each text that is drawn and each widget that is given its look.
"""

from PySide6.QtCore import QRect, Qt, Slot
from PySide6.QtGui import QAction, QColor, QPainter, QPalette
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QProxyStyle, QStyleOptionMenuItem, QWidget

from app.widgets.basics.mirroring import apart

_LABEL = Qt.TextFlag.TextForceLeftToRight.value  # only labels ask for it, where their words begin with a Latin letter
_SIDES = Qt.AlignmentFlag.AlignLeft.value | Qt.AlignmentFlag.AlignRight.value
_BEGINNING = Qt.AlignmentFlag.AlignLeft
_KEYS_APART_PX = 16


class MirroredStyle(QProxyStyle):
    """Fusion, with each text in its own direction."""

    def __init__(self) -> None:
        super().__init__("Fusion")

    def polish(self, what: QWidget | QApplication | QPalette) -> None:  # type: ignore[override]  # of three, by type
        """Let what is written in a field, its hint and its caret begin on the right."""
        super().polish(what)
        if isinstance(what, QLineEdit) and what.alignment() & _BEGINNING:
            side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute
            what.setAlignment(side | what.alignment() & Qt.AlignmentFlag.AlignVertical_Mask)

    def drawItemText(
        self,
        painter: QPainter,
        rect: QRect,
        flags: int,
        pal: QPalette | Qt.GlobalColor | QColor,
        enabled: bool,
        text: str,
        textRole: QPalette.ColorRole = QPalette.ColorRole.NoRole,  # noqa: N803 - Qt's name
    ) -> None:
        """Draw a text; a label comes with the side where its words begin, not the side where the window begins."""
        if flags & _LABEL and flags & _SIDES and painter.layoutDirection() is Qt.LayoutDirection.RightToLeft:
            flags ^= _SIDES  # from the one side to the other
        words = text.lstrip(" ")
        gap = text[: len(text) - len(words)]  # to a picture on the right
        super().drawItemText(painter, rect, flags, pal, enabled, gap + apart(words), textRole)


class Menu(QMenu):
    """A menu whose words, and what stands at the end of their lines, keep their own direction and some distance."""

    def __init__(self, *arguments: str | QWidget) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]  # words or not, a parent or not
        self._widened_px = 0
        self.aboutToShow.connect(self._set_keys_apart)

    def add_menu(self, words: str) -> "Menu":
        """Add a menu in this one."""
        menu = Menu(words, self)
        self.addMenu(menu)
        return menu

    @Slot()
    def _set_keys_apart(self) -> None:
        """Be wider than Qt makes it, which leaves hardly a gap between the longest words and the keys."""
        if self.minimumWidth() > self._widened_px:
            return  # it has a width of its own
        self._have_lines_at_least(0)
        if any(not action.shortcut().isEmpty() or "\t" in action.text() for action in self.actions()):
            self._have_lines_at_least(self.sizeHint().width() + _KEYS_APART_PX)
        self._widened_px = self.minimumWidth()

    def _have_lines_at_least(self, width: int) -> None:
        self.setMinimumWidth(width)
        for collapses in (not self.separatorsCollapsible(), self.separatorsCollapsible()):
            self.setSeparatorsCollapsible(collapses)  # else Qt goes on with the lines that it has measured

    def initStyleOption(self, option: QStyleOptionMenuItem, action: QAction) -> None:
        """Set the words of a line apart from the window's direction, before and behind the tabulator."""
        super().initStyleOption(option, action)
        option.text = "\t".join(map(apart, option.text.split("\t")))
