"""Where models lie on this computer: folders that are searched for them, and the folder that downloads go to."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.language import mark, tr
from app.models.amounts import file_size
from app.widgets.basics.elided_label import ElidedLabel
from app.widgets.basics.plain_label import plain_label
from app.widgets.models.question import Question

_STEPS = 1000
_USUAL = mark("The usual folder for models of Hugging Face")


class FoldersPart(QWidget):
    """Asks for a folder with the system's dialog and says which one was chosen."""

    folder_added = Signal(object)  # path
    folder_removed = Signal(object)  # path
    move_requested = Signal(object)  # path

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cache = ""
        self._rows: list[QWidget] = []
        self.add_button = QPushButton(tr("Add a folder…"))
        self.add_button.clicked.connect(self._on_add)
        self.cache = ElidedLabel()
        self.move_button = QPushButton(tr("Move…"))
        self.move_button.setAccessibleName(tr("Move the folder for downloads"))
        self.move_button.clicked.connect(self._on_move)
        self.moving = QProgressBar()
        self.moving.setTextVisible(False)
        self.moving.setRange(0, _STEPS)
        self.moving_words = plain_label("", "small")
        cache_row = QHBoxLayout()
        cache_row.addWidget(self.cache, 1)
        cache_row.addWidget(self.move_button)
        self._folders = QVBoxLayout()
        self._folders.setSpacing(4)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 0, 16, 0)
        column.setSpacing(4)
        column.addWidget(plain_label(tr("Folders with models"), "heading"))
        column.addWidget(plain_label(tr("Hearth also lists models and GGUF files that lie here."), "muted", wraps=True))
        column.addLayout(self._folders)
        column.addWidget(self.add_button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addSpacing(16)
        column.addWidget(plain_label(tr("Folder for downloads"), "heading"))
        column.addLayout(cache_row)
        column.addWidget(self.moving)
        column.addWidget(self.moving_words)
        for button in (self.add_button, self.move_button):
            button.setAutoDefault(False)
        self.set_move_progress(None)

    def set_folders(self, folders: tuple[str, ...]) -> None:
        """Show the folders that are searched."""
        for row in self._rows:
            row.hide()
            row.deleteLater()
        self._rows = [self._make_row(folder) for folder in folders]
        for row in self._rows:
            self._folders.addWidget(row)

    def set_cache_folder(self, folder: str) -> None:
        """Show where downloads lie."""
        self._cache = folder
        self.cache.set_text(folder or tr(_USUAL))

    def set_move_progress(self, progress: tuple[int, int] | None) -> None:
        """Show how many bytes of how many have moved; None while nothing moves."""
        self.moving.setVisible(progress is not None)
        self.moving_words.setVisible(progress is not None)
        self.move_button.setEnabled(progress is None)
        if progress is not None:
            done, total = progress
            self.moving.setValue(_STEPS * done // total if total else 0)
            self.moving_words.setText(
                tr("Moving: {done} of {total}").format(done=file_size(done), total=file_size(total))
            )

    def _make_row(self, folder: str) -> QWidget:
        row = QWidget()
        remove = QPushButton(tr("Remove"))
        remove.setProperty("kind", "quiet")
        remove.setAutoDefault(False)
        remove.setAccessibleName(tr("Remove {folder}").format(folder=folder))
        remove.clicked.connect(lambda: self.folder_removed.emit(folder))
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(ElidedLabel(folder), 1)
        layout.addWidget(remove)
        return row

    def _ask_for_folder(self, title: str, take: Callable[[str], None]) -> None:
        dialog = QFileDialog(self.window(), title)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(take)
        dialog.open()

    @Slot()
    def _on_add(self) -> None:
        self._ask_for_folder(tr("Add a folder with models"), self.folder_added.emit)

    @Slot()
    def _on_move(self) -> None:
        self._ask_for_folder(tr("Move the folder for downloads to"), self._on_target)

    def _on_target(self, target: str) -> None:
        if not target or target == self._cache:
            return
        question = Question(
            tr("Move the folder for downloads"),
            tr("Move all downloaded models?"),
            tr(
                "They go from {folder} to {target}. Other programs that use them look in the old place "
                "unless they are told. Hearth answers again when everything is there."
            ).format(folder=self._cache or tr("the usual folder"), target=target),
            tr("Move"),
            self,
        )
        question.deed_button.setProperty("kind", "")
        question.accepted.connect(lambda: self.move_requested.emit(target))
        question.open()
