"""Telling of a problem: the exact text is shown first, nothing is sent, the user takes it where it belongs."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.language import tr
from app.settings.atomic import write_atomically
from app.widgets.basics.dialog_size import size_on_screen
from app.widgets.basics.fonts import code_font
from app.widgets.basics.plain_label import plain_label
from app.widgets.editors.pasting_edit import PastingEdit
from engine.api.codec import clean_text

_DESCRIPTION_PX = 96
_FILE_NAME = "hearth-problem.txt"


class ReportDialog(QDialog):
    """A description to be written, and below it what goes with it, exactly as it would be copied."""

    page_requested = Signal(object)  # the address of the page where problems are told

    def __init__(self, page: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._page = page
        self.setWindowTitle(tr("Report a problem"))
        size_on_screen(self, 640, 620)
        intro = plain_label(
            tr(
                "Nothing is sent from here. Below stands all that a report holds: versions, what this computer has, "
                "and the last lines of the logs, without your messages, names, folders and passwords."
            ),
            "muted",
            wraps=True,
        )
        self.description = PastingEdit()
        self.description.paste_refused.connect(self._on_paste_refused)
        self.description.setPlaceholderText(tr("What did you do, and what happened? (Optional)"))
        self.description.setAccessibleName(tr("What happened"))
        self.description.setTabChangesFocus(True)
        self.description.setFixedHeight(_DESCRIPTION_PX)
        self.facts = QPlainTextEdit()
        self.facts.setReadOnly(True)
        self.facts.setAccessibleName(tr("What goes with it"))
        self.facts.setTabChangesFocus(True)
        self.facts.setFont(code_font(12))
        self.facts.setPlainText(tr("Looking…"))
        self.told = plain_label("", "muted", wraps=True)
        self.copy_button = QPushButton(tr("Copy"))
        self.copy_button.clicked.connect(self._on_copy)
        self.save_button = QPushButton(tr("Save as…"))
        self.save_button.clicked.connect(self._on_save)
        self.page_button = QPushButton(tr("Go to the page for problems…"))
        self.page_button.clicked.connect(lambda: self.page_requested.emit(self._page))
        close = QPushButton(tr("Close"))
        close.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.copy_button, self.save_button, self.page_button):
            buttons.addWidget(button)
            button.setAutoDefault(False)
        buttons.addStretch(1)
        buttons.addWidget(close)
        close.setAutoDefault(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 16)
        column.setSpacing(12)
        for widget in (intro, self.description, self.facts, self.told):
            column.addWidget(widget, 1 if widget is self.facts else 0)
        column.addLayout(buttons)
        self.page_button.setVisible(bool(page))
        self.told.hide()
        self._set_ready(False)
        self.description.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def text(self) -> str:
        """All of the report, as it is copied and saved."""
        description = clean_text(self.description.toPlainText()).strip()
        return f"{description}\n\n{self.facts.toPlainText()}\n".lstrip()

    def show_facts(self, text: str) -> None:
        """Show what goes with the description."""
        self.facts.setPlainText(text)
        self._set_ready(True)

    def save(self, path: str) -> None:
        """Write the report to a file, and say whether that went well."""
        try:
            write_atomically(Path(path), self.text.encode())
        except OSError as error:
            self._tell(tr("The file could not be written ({reason}).").format(reason=error.strerror or str(error)))
        else:
            self._tell(tr("Saved as {name}.").format(name=Path(path).name))

    def _set_ready(self, is_ready: bool) -> None:
        self.copy_button.setEnabled(is_ready)
        self.save_button.setEnabled(is_ready)

    def _tell(self, sentence: str) -> None:
        self.told.setText(sentence)
        self.told.show()

    @Slot(object)
    def _on_paste_refused(self, sentence: str) -> None:
        self._tell(sentence)

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text)
        self._tell(tr("Copied."))

    @Slot()
    def _on_save(self) -> None:
        dialog = QFileDialog(self, tr("Save the report"), _FILE_NAME)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.save)
        dialog.open()
