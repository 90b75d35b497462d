"""The first start: what this computer can run, one model that suits it, or straight to the small built-in one."""

from itertools import pairwise

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QPushButton, QSpacerItem, QVBoxLayout, QWidget

from app.language import mark, tr
from app.models.hub_rows import DownloadRequest, DownloadRow, DownloadState, Recommendation
from app.widgets.access.announcing import announce
from app.widgets.basics.filled_buttons import PrimaryButton
from app.widgets.basics.icons import pixmap
from app.widgets.basics.mirroring import margins
from app.widgets.basics.phase_line import PhaseLine
from app.widgets.basics.plain_label import plain_label
from app.widgets.basics.theme import Theme
from app.widgets.models.download_row import DownloadRowWidget
from app.widgets.models.flow_row import FlowRow
from app.widgets.models.recommendation_card import RecommendationCard
from app.widgets.models.scrolled import FittedScroll

_WIDTH_PX = 640
_BUTTONS_PX = 512  # the two quiet buttons stay below the others, whichever of those are there
_ICON_PX = 16
_AIR_PX = 16
_LOW_PX = 480  # of the page: the third card would not be seen
_MOST_CARDS = 3
_LOOKING = mark("Looking at this computer…")
_PROMISE = mark("A model on this computer answers you. Nothing you write leaves it.")
_START = mark("Start now with the small built-in model")
_MEANWHILE = mark("Meanwhile chat with the small built-in model")
_OFFLINE = mark(
    "Hearth works offline, so nothing can be downloaded now. The small model that comes with Hearth answers without "
    "any network."
)


class FirstStartPage(QWidget):
    """One choice, one button; what was chosen is downloaded, loaded and answers, all from here."""

    recommended_accepted = Signal(object)  # DownloadRequest that loads
    starter_chosen = Signal()
    browse_requested = Signal()
    skipped = Signal()
    pause_requested = Signal(object)  # key
    resume_requested = Signal(object)  # key
    cancel_requested = Signal(object)  # key
    token_requested = Signal()
    settings_requested = Signal()
    link_activated = Signal(object)  # url

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_offline = False
        self._download: DownloadRow | None = None
        self.cards: list[RecommendationCard] = []
        self._group = QButtonGroup(self)
        self.greeting = plain_label(tr("Welcome to Hearth"), "title")
        self.promise = plain_label(tr(_PROMISE), "muted", wraps=True)
        self._chip = QLabel()
        self.hardware = plain_label(tr(_LOOKING), wraps=True)
        self.offline = plain_label(tr(_OFFLINE), "muted", wraps=True)
        self._cards = QVBoxLayout()
        self._cards.setSpacing(8)
        self.download = DownloadRowWidget(theme)
        self.phase = PhaseLine(theme)
        self.accept_button = PrimaryButton(tr("Download and chat"))
        self.starter_button = QPushButton(tr(_START))
        self.browse_button = QPushButton(tr("Choose another model…"))
        self.skip_button = QPushButton(tr("Skip"))
        self._build_layout()
        self._connect()
        self.set_theme(theme)
        self._show()

    @property
    def chosen(self) -> Recommendation | None:
        """The model that would be downloaded."""
        card = self._group.checkedButton()
        return card.recommendation if isinstance(card, RecommendationCard) else None

    @Slot(object)
    def set_hardware(self, text: object) -> None:
        """Say what this computer has, in a sentence."""
        self.hardware.setText(str(text) or tr(_LOOKING))

    @Slot(object)
    def set_recommendations(self, recommendations: tuple[Recommendation, ...]) -> None:
        """Offer these, best first; one is chosen already: the one marked as the best, or the first."""
        before = self.chosen.hub_id if self.chosen is not None else ""
        for card in self.cards:
            self._group.removeButton(card)
            card.hide()
            card.deleteLater()
        self.cards = [RecommendationCard(recommendation) for recommendation in recommendations[:_MOST_CARDS]]
        for card in self.cards:
            self._group.addButton(card)
            self._cards.addWidget(card)
        order: list[QWidget] = [*self.cards, self.accept_button, self.starter_button, self.browse_button]
        for first, second in pairwise([*order, self.skip_button]):
            QWidget.setTabOrder(first, second)
        kept = [card for card in self.cards if card.recommendation.hub_id == before]
        best = [card for card in self.cards if card.recommendation.is_best]
        for card in (kept or best or self.cards)[:1]:
            card.setChecked(True)
            if not before and self.isVisible():  # the keyboard is on a button below, and stays there
                announce(self, f"{self.hardware.text()}. {card.accessibleName()}")
        self._show()

    @Slot(object)
    def set_offline(self, is_offline: object) -> None:
        """Say that nothing can be downloaded."""
        self._is_offline = bool(is_offline)
        self._show()

    @Slot(object)
    def set_download(self, row: DownloadRow | None) -> None:
        """Show how far the download that was begun here is, None for none."""
        self._download = row
        if row is not None:
            self.download.show_value(row)
            self.download.dismiss_button.hide()
            self.download.chat_button.hide()
        self._show()

    @Slot(object)
    def set_loading(self, phase: object) -> None:
        """Show how far the load has come, "" when it is over."""
        self.phase.set_phase(str(phase or ""))
        self._show()

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._chip.setPixmap(pixmap("cpu", theme.colors.muted, _ICON_PX, self.devicePixelRatioF()))
        self.download.set_theme(theme)
        self.phase.set_theme(theme)

    def hold_notices(self, notices: QWidget) -> None:
        """Show the notices at the bottom."""
        self._whole.addWidget(notices)

    def take_focus(self) -> None:
        """Give the keyboard to what most people want."""
        (self.accept_button if self.accept_button.isVisible() else self.starter_button).setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave a low window to the cards, whose words wrap at another place."""
        super().resizeEvent(event)
        air = 0 if event.size().height() < _LOW_PX else _AIR_PX
        self._air.changeSize(0, air)
        self._column.setContentsMargins(24, air, 24, 8)
        for card in self.cards:
            card.updateGeometry()

    @Slot()
    def _show(self) -> None:
        is_under_way = self._download is not None and self._download.state is not DownloadState.FINISHED
        is_loading = bool(self.phase.text())
        chooses = not is_under_way and not is_loading
        can_download = bool(self.cards) and not self._is_offline
        for card in self.cards:
            card.setVisible(chooses and not self._is_offline)
        self.offline.setVisible(self._is_offline and chooses)
        self.download.setVisible(is_under_way)
        self.phase.setVisible(is_loading)
        self.accept_button.setVisible(chooses and can_download)
        self.starter_button.setVisible(not is_loading)
        self.starter_button.setText(tr(_MEANWHILE) if is_under_way else tr(_START))
        self.browse_button.setVisible(chooses and not self._is_offline)
        self.skip_button.setText(tr("Continue") if not chooses else tr("Skip"))

    @Slot(int, int)
    def _on_range_changed(self, _first: int, last: int) -> None:
        """Keep the buttons below the cards, which make room for the scroll bar."""
        bar_px = self._scroll.verticalScrollBar().sizeHint().width()
        self._foot.setContentsMargins(margins(0, 0, bar_px if last else 0, 0))

    @Slot()
    def _on_accept(self) -> None:
        if self.chosen is not None:
            self.recommended_accepted.emit(DownloadRequest(self.chosen.hub_id, loads=True))

    def _build_layout(self) -> None:
        hardware = QHBoxLayout()
        hardware.setSpacing(8)
        hardware.addWidget(self._chip, 0, Qt.AlignmentFlag.AlignTop)
        hardware.addWidget(self.hardware, 1)
        buttons = FlowRow()
        buttons.setMaximumWidth(_BUTTONS_PX)
        for button in (self.accept_button, self.starter_button, self.browse_button, self.skip_button):
            button.setAutoDefault(False)
            buttons.add(button, follows=button is self.skip_button)
        for button in (self.browse_button, self.skip_button):
            button.setProperty("kind", "quiet")
        content = QWidget()
        column = self._column = QVBoxLayout(content)
        column.setContentsMargins(24, _AIR_PX, 24, 8)
        column.setSpacing(8)
        column.addWidget(self.greeting)
        column.addWidget(self.promise)
        self._air = QSpacerItem(0, _AIR_PX)
        column.addItem(self._air)
        column.addLayout(hardware)
        column.addSpacing(8)
        column.addWidget(self.offline)
        column.addLayout(self._cards)
        column.addWidget(self.download)
        column.addWidget(self.phase)
        below = QWidget()
        beneath = QHBoxLayout(below)
        beneath.setContentsMargins(24, 8, 24, 24)
        beneath.addWidget(buttons, 1000)
        beneath.addStretch(1)
        page = QVBoxLayout()
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addStretch(1)
        self._scroll = FittedScroll(_in_the_middle(content), tr("First start"))
        self._foot = QVBoxLayout()
        self._foot.addWidget(_in_the_middle(below))
        page.addWidget(self._scroll)
        page.addLayout(self._foot)
        page.addStretch(2)
        self._whole = QVBoxLayout(self)
        self._whole.setContentsMargins(0, 0, 0, 0)
        self._whole.setSpacing(0)
        self._whole.addLayout(page, 1)

    def _connect(self) -> None:
        self._scroll.verticalScrollBar().rangeChanged.connect(self._on_range_changed)
        self.accept_button.clicked.connect(self._on_accept)
        self.starter_button.clicked.connect(self.starter_chosen)
        self.browse_button.clicked.connect(self.browse_requested)
        self.skip_button.clicked.connect(self.skipped)
        self.download.pause_requested.connect(self.pause_requested)
        self.download.resume_requested.connect(self.resume_requested)
        self.download.cancel_requested.connect(self.cancel_requested)
        self.download.token_requested.connect(self.token_requested)
        self.download.settings_requested.connect(self.settings_requested)
        self.download.link_activated.connect(self.link_activated)


def _in_the_middle(part: QWidget) -> QWidget:
    """Return the width of the page around a column: what scrolls does so at the window's edge."""
    part.setMaximumWidth(_WIDTH_PX)
    around = QWidget()
    row = QHBoxLayout(around)
    row.setContentsMargins(0, 0, 0, 0)
    row.addStretch(1)
    row.addWidget(part, 1000)
    row.addStretch(1)
    return around
