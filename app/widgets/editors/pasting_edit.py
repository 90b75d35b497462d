"""A plain text editor that takes what is pasted or dropped as it is, up to what an editor can hold."""

from PySide6.QtCore import QMimeData, Signal
from PySide6.QtGui import QTextCursor, QTextDocumentFragment, QTextOption
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app.language import grouped, tr
from app.widgets.editors.drop_target import local_files
from app.widgets.editors.long_paragraphs import LongParagraphs
from app.widgets.editors.paragraph_sides import ParagraphSides
from app.widgets.editors.wrap_mode import wrap_mode_for
from engine.api.codec import clean_text

# Text of this length is laid out within a few frames, of lines within about 100 ms; 10 MB would take seconds.
MOST_CHARACTERS = 200_000
MOST_LINES = 20_000
_MOST_MARKUP = 200_000  # characters; Qt reads them within about 100 ms


def exceeds_editor(text: str) -> bool:
    """Return whether a text would be more than an editor takes; to lay it out would hold the window up."""
    return len(text) > MOST_CHARACTERS or text.count("\n") >= MOST_LINES


def text_of(source: QMimeData) -> str:
    """Return what is to be pasted as text: that of a page, too, where a program gives only that.

    A copied picture often comes with a page that shows it; that is no text.
    """
    text = source.text()
    if text or not _is_only_page(source):
        return text
    page = source.html()
    if len(page) > _MOST_MARKUP:
        return ""
    return QTextDocumentFragment.fromHtml(page).toPlainText().replace("\ufffc", "")  # what stands for a picture


def problem_of(source: QMimeData) -> str:
    """Return why nothing of what is pasted is text for ``text_of``, "" if it is, or if there is none in it."""
    characters = len(source.html()) if not source.text() and _is_only_page(source) else 0
    if characters <= _MOST_MARKUP:
        return ""
    words = tr(
        "That page is too long to be pasted here: {count} characters with its markup, and {most} are possible. "
        "Copy a part of it."
    )
    return words.format(count=grouped(characters), most=grouped(_MOST_MARKUP))


def _is_only_page(source: QMimeData) -> bool:
    return source.hasHtml() and not source.hasImage()


class PastingEdit(QPlainTextEdit):
    """Signal paste_refused(str): why a text was not taken; what is there stays as it is."""

    paste_refused = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        ParagraphSides(self)
        LongParagraphs(self)

    @property
    def text(self) -> str:
        """The text as it may go through the pipe (no lone surrogates)."""
        return clean_text(self.toPlainText())

    def set_text(self, text: str) -> None:
        """Replace the text; the cursor goes to its end.

        Nothing in place of nothing is no change: Orca takes one for the focus that comes behind it, and is mute.
        """
        if not text and self.document().isEmpty():
            self.document().clearUndoRedoStacks()
            return
        self.setWordWrapMode(wrap_mode_for(text))
        self.setPlainText(text)
        self.moveCursor(QTextCursor.MoveOperation.End)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Leave files that are dragged here to the window; whatever is pasted is looked at."""
        return (source.hasText() or source.hasHtml()) and not local_files(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Paste plain text, or say why not."""
        problem = problem_of(source)
        if problem:
            self.paste_refused.emit(problem)
        else:
            self.paste_text(text_of(source))

    def paste_text(self, text: str) -> None:
        """Put a text where the cursor is, or say why not."""
        problem = self.problem_with(text)
        if problem:
            self.paste_refused.emit(problem)
        elif text:
            self.insert(text)

    def problem_with(self, text: str) -> str:
        """Return why a text can't be put in beside what is there, "" if it can."""
        document, cursor = self.document(), self.textCursor()
        replaced = cursor.selectionEnd() - cursor.selectionStart()
        characters = len(text) + document.characterCount() - 1 - replaced
        if characters > MOST_CHARACTERS:
            words = tr("That is too long to be pasted here: it would be {count} characters, and {most} are possible.")
            return words.format(count=grouped(characters), most=grouped(MOST_CHARACTERS))
        lines = text.count("\n") + document.blockCount()
        if lines > MOST_LINES:
            words = tr("That is too long to be pasted here: it would be {count} lines, and {most} are possible.")
            return words.format(count=grouped(lines), most=grouped(MOST_LINES))
        return ""

    def replace(self, text: str) -> None:
        """Show another text; it can be undone."""
        self.selectAll()
        self.insert(text)

    def insert(self, text: str) -> None:
        """Put a text where the cursor is, however long its words are; it can be undone."""
        if wrap_mode_for(text) == QTextOption.WrapMode.WrapAnywhere:
            self.setWordWrapMode(QTextOption.WrapMode.WrapAnywhere)
        # A fragment is one step of Undo; plain insertions next to each other would become one.
        self.textCursor().insertFragment(QTextDocumentFragment.fromPlainText(text))
        self.ensureCursorVisible()
