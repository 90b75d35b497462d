"""The one thing to do with a model that is looked at, below its details: download, go on, or chat."""

from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QAbstractButton, QFrame, QPushButton, QVBoxLayout

from app.language import mark, tr
from app.models import hub_words
from app.models.amounts import file_size
from app.models.hub_rows import DownloadRow
from app.widgets.basics.filled_buttons import PrimaryButton
from app.widgets.basics.plain_label import plain_label
from app.widgets.basics.shown_buttons import show_buttons
from app.widgets.models.flow_row import FlowRow


class Offer(StrEnum):
    """What is offered for a model."""

    NOTHING = "nothing"
    DOWNLOAD = "download"
    RESUME = "resume"
    UNDER_WAY = "under way"
    CHAT = "chat"
    UPDATE = "update"


_DOWNLOAD = mark("Download")
_FETCHING = {Offer.RESUME: mark("Resume"), Offer.UPDATE: mark("Update")}


@dataclass(frozen=True)
class Standing:
    """How the model that is looked at stands: what is offered, and the bytes that matter for it.

    disk_free_bytes: 0 if that is not known. copy_bytes: of the packed copy that Hearth will keep of it. loaded: it is
    the one that answers now.
    """

    offer: Offer = Offer.NOTHING
    missing_bytes: int = 0
    disk_free_bytes: int = 0
    copy_bytes: int = 0
    loaded: bool = False
    download: DownloadRow | None = None

    @property
    def lacks_room(self) -> bool:
        """Whether the disk is known to be too full."""
        return 0 < self.disk_free_bytes < self.missing_bytes

    def words(self) -> str:
        """Return the line above the buttons."""
        match self.offer:
            case Offer.UNDER_WAY if self.download is not None:
                return hub_words.progress_words(self.download)
            case Offer.CHAT:
                return tr("This model answers now.") if self.loaded else tr("It is on this computer.")
            case Offer.UPDATE if not self.lacks_room:
                return tr("It is on this computer. What is new on the Hub takes {size}.").format(
                    size=file_size(self.missing_bytes)
                )
            case Offer.DOWNLOAD | Offer.RESUME | Offer.UPDATE if self.lacks_room:
                missing = file_size(self.missing_bytes - self.disk_free_bytes)
                return tr(
                    "The disk has {free} free, and {needed} are needed. Free {missing}, or choose "
                    "another folder for downloads."
                ).format(free=file_size(self.disk_free_bytes), needed=file_size(self.missing_bytes), missing=missing)
            case Offer.DOWNLOAD | Offer.RESUME if self.missing_bytes and self.disk_free_bytes:
                is_rest = self.offer is Offer.RESUME
                words = (
                    tr("Needs {size} more{copy}; {free} are free.")
                    if is_rest
                    else tr("Needs {size}{copy}; {free} are free.")
                )
                sizes = {"size": file_size(self.missing_bytes), "free": file_size(self.disk_free_bytes)}
                return words.format(copy=self._copy_words(), **sizes)
        return ""

    def _copy_words(self) -> str:
        if not self.copy_bytes:
            return ""
        copy = tr(", and {size} for its packed copy, which loads faster").format(size=file_size(self.copy_bytes))
        fits = self.missing_bytes + self.copy_bytes <= self.disk_free_bytes
        return copy if fits else tr("{copy} (without room for it, it is packed anew at each load)").format(copy=copy)


class ActionBar(QFrame):
    """Shows the words and the buttons of a standing."""

    download_requested = Signal(bool)  # whether it is to be loaded as soon as it is there
    chat_requested = Signal()
    downloads_requested = Signal()  # the page of downloads is wanted

    def __init__(self) -> None:
        super().__init__()
        self.words = plain_label("", "small", wraps=True)
        self.chat_button = PrimaryButton(tr("Chat with it"))
        self.download_and_chat_button = PrimaryButton(tr("Download and chat"))
        self.download_button = QPushButton(tr("Download"))
        self.show_button = QPushButton(tr("Show downloads"))
        self.chat_button.clicked.connect(self.chat_requested)
        self.download_and_chat_button.clicked.connect(self._on_download_and_chat)
        self.download_button.clicked.connect(self._on_download)
        self.show_button.clicked.connect(self.downloads_requested)
        buttons = FlowRow()
        for button in (self.chat_button, self.download_and_chat_button, self.download_button, self.show_button):
            button.setAutoDefault(False)
            buttons.add(button)
        line = QFrame()
        line.setProperty("surface", "line")
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 0, 24, 16)
        column.setSpacing(8)
        column.addWidget(line)
        column.addSpacing(4)
        column.addWidget(self.words)
        column.addWidget(buttons)
        self.show_standing(Standing())

    def show_standing(self, standing: Standing) -> None:
        """Offer what can be done now."""
        offer, words = standing.offer, standing.words()
        is_here = offer in (Offer.CHAT, Offer.UPDATE)
        can_fetch = offer in (Offer.DOWNLOAD, Offer.RESUME)
        self.words.setText(words)
        self.words.setVisible(bool(words))
        self.download_button.setText(tr(_FETCHING.get(offer, _DOWNLOAD)))
        self.download_and_chat_button.setText(
            tr("Resume and chat") if offer is Offer.RESUME else tr("Download and chat")
        )
        for button in (self.download_button, self.download_and_chat_button):
            button.setEnabled(not standing.lacks_room)
        self.chat_button.setText(tr("Back to the chat") if standing.loaded else tr("Chat with it"))
        shown: dict[QAbstractButton, bool] = {
            self.chat_button: is_here,
            self.download_and_chat_button: can_fetch,
            self.download_button: can_fetch or offer is Offer.UPDATE,
            self.show_button: offer is Offer.UNDER_WAY,
        }
        show_buttons(shown, shown)
        self.setVisible(offer is not Offer.NOTHING)

    @Slot()
    def _on_download(self) -> None:
        self.download_requested.emit(False)

    @Slot()
    def _on_download_and_chat(self) -> None:
        self.download_requested.emit(True)
