"""Finding a model on the Hub: search and results on the left, the model that is looked at on the right.

Where there is no room for both, the details are a second step with a way back.
"""

from PySide6.QtCore import QAbstractItemModel, QSize, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from app.language import mark, tr
from app.models import hub_words
from app.models.hub_rows import HubQuery, HubRow
from app.widgets.access.announcing import LateAnnouncement
from app.widgets.basics.elided_label import ElidedLabel
from app.widgets.basics.icons import icon
from app.widgets.basics.theme import Theme
from app.widgets.models.details_panel import DetailsPanel
from app.widgets.models.invitation import Invitation
from app.widgets.models.problem_view import ProblemView
from app.widgets.models.result_list import ResultList
from app.widgets.models.search_bar import DETAILS_SHARE, GAP_PX, LIST_SHARE, SearchBar
from engine.api.errors import ErrorReport

_NARROW_PX = 680
_SMALLEST_PX = 400
_TO_BEGIN_WITH = mark("Good models to begin with")
_SIDE_PX = 16
_OFFLINE = (
    mark("Hearth works offline"),
    mark(
        "Nothing is searched or downloaded. Models on this computer answer as always. “Work offline” is in the "
        "settings under Downloads."
    ),
)
_NOTHING = (
    mark("Nothing found"),
    mark("Try fewer words, another size, or paste a model's full name, such as Qwen/Qwen3-8B."),
)
_FIRST = (mark("Find a model"), mark("Search by name, or paste the address of a model's page."))
_CHOOSE = (mark("See how it would run here"), mark("Choose a model from the list."))


class FindView(QWidget):
    """What is asked for goes out of search and details; this part only decides what is seen of them."""

    def __init__(
        self,
        results: QAbstractItemModel,
        downloads: QAbstractItemModel,
        checkpoints: QAbstractItemModel,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown_query: HubQuery | None = None
        self._is_offline = False
        self._is_searching = False
        self._shows_details = False
        self.search = SearchBar(theme)
        self.heading = ElidedLabel()
        self.heading.setProperty("role", "heading")
        self.waiting = QProgressBar()
        self.waiting.setRange(0, 0)
        self.waiting.setTextVisible(False)
        self.waiting.setFixedWidth(64)
        self.waiting.setAccessibleName(tr("Searching"))
        self.list = ResultList(results, theme)
        self._said = LateAnnouncement(self)
        self.problem = ProblemView()
        self.invitation = Invitation("search", *_words(_FIRST), theme)
        self.settings_button = QPushButton(tr("Settings"))
        self.invitation.add_button(self.settings_button)
        self.choose = Invitation("cpu", *_words(_CHOOSE), theme)
        self.details = DetailsPanel(downloads, checkpoints, theme)
        self.back_button = QPushButton(tr("Results"))
        self.back_button.setProperty("kind", "quiet")
        self.back_button.setAutoDefault(False)
        self._build_layout()
        self._connect(results)
        self.set_theme(theme)
        self._show()

    @property
    def is_narrow(self) -> bool:
        """Whether there is room for one of list and details only."""
        return self.width() < _NARROW_PX

    def take_focus(self) -> None:
        """Give the keyboard to the search, or to the way back to it."""
        (self.back_button if self.search.isHidden() else self.search.line).setFocus()

    def step_back(self) -> bool:
        """Go back from the details to the results where they are two steps; return whether that was done."""
        if not (self.is_narrow and self._shows_details):
            return False
        self._shows_details = False
        self._show()
        self.list.setFocus()
        return True

    def set_searching(self, is_searching: bool) -> None:
        """Show that an answer is being waited for."""
        self._is_searching = is_searching
        self._show()
        self._said.say("")

    def show_results_state(self, query: HubQuery, is_exact: bool) -> None:
        """Show that the list has what was found for a query; is_exact: it is the one model that was named."""
        self._shown_query = query
        self.problem.show_error(None)
        if self.details.hub_id not in {row.checkpoint.hub_id for row in self.list.rows()}:
            self.details.forget()
            self.list.forget()
            self._shows_details = False
        self._show()
        if is_exact:
            self.list.select_first()
            self.list.choose_current()
        self._say_found()

    def _say_found(self) -> None:
        """Say how much was found, and which is the first: the keyboard is still in the search."""
        rows = self.list.rows()
        first = hub_words.result_words(rows[0]) if rows else ". ".join(_words(_NOTHING))
        self._said.say(f"{tr('Found: %n', None, len(rows))}. {first}" if rows else first)

    def show_error(self, error: ErrorReport | None) -> None:
        """Say why nothing was found."""
        self.problem.show_error(error)
        self._show()

    def set_offline(self, is_offline: bool) -> None:
        """Say that nothing is asked of any network."""
        self._is_offline = is_offline
        self.search.setEnabled(not is_offline)
        self.details.set_offline(is_offline)
        self._show()

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme
        self.back_button.setIcon(icon("chevron-left", theme.colors.muted))
        for part in (self.search, self.list, self.invitation, self.choose, self.details):
            part.set_theme(theme)

    def minimumSizeHint(self) -> QSize:
        """Ask for the room of one of list and details also while both are shown, or it could never get narrow."""
        return QSize(_SMALLEST_PX, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show one or both of list and details."""
        super().resizeEvent(event)
        self._show()

    @Slot()
    def _show(self) -> None:
        rows = self.list.rows()
        has_error = self.problem.error is not None
        self.heading.set_text(self._heading(rows))
        self.heading.setVisible(bool(self.heading.text()))
        self.waiting.setVisible(self._is_searching)
        self.list.setVisible(bool(rows) and not has_error)
        says_more = not rows and not has_error and not self._is_searching
        self.invitation.setVisible(says_more)
        if says_more:
            self._show_invitation()
        nothing_yet = self.choose if rows else self._nothing
        self._right.setCurrentWidget(self._details_side if self.details.hub_id else nothing_yet)
        shows_right = not self.is_narrow or self._shows_details
        self._right.setVisible(shows_right)
        self._left.setVisible(not self.is_narrow or not shows_right)
        self.back_button.setVisible(self.is_narrow)
        self.search.setVisible(not (self.is_narrow and shows_right))
        self.search.set_narrow(self.is_narrow)

    def _heading(self, rows: list[HubRow]) -> str:
        if self.problem.error is not None:
            return ""
        if rows and self._shown_query is None:
            return tr(_TO_BEGIN_WITH)
        if self._is_searching:
            return tr("Searching…")
        return tr("Results") if rows else ""

    def _show_invitation(self) -> None:
        self.settings_button.setVisible(self._is_offline)
        if self._is_offline:
            self.invitation.show_words("hard-drive", *_words(_OFFLINE), self._theme)
        elif self._shown_query is not None:
            self.invitation.show_words("search", *_words(_NOTHING), self._theme)
        else:
            self.invitation.show_words("search", *_words(_FIRST), self._theme)

    def _build_layout(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(12, 0, 12, 0)
        head.addWidget(self.heading, 1)
        head.addWidget(self.waiting)
        problem = QVBoxLayout()
        problem.setContentsMargins(12, 0, 12, 0)
        problem.addWidget(self.problem)
        self._left = QWidget()
        left = QVBoxLayout(self._left)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(8)
        left.addLayout(head)
        left.addLayout(problem)
        left.addWidget(self.list, 1)
        left.addWidget(self.invitation, 1)
        left.addStretch(0)
        self._details_side = QWidget()
        side = QVBoxLayout(self._details_side)
        side.setContentsMargins(0, 0, 0, 0)
        side.setSpacing(0)
        back = QHBoxLayout()
        back.setContentsMargins(8, 0, 8, 0)
        back.addWidget(self.back_button)
        back.addStretch(1)
        side.addLayout(back)
        side.addWidget(self.details, 1)
        self._right = QStackedWidget()
        self._nothing = QWidget()
        self._right.addWidget(self._nothing)
        self._right.addWidget(self.choose)
        self._right.addWidget(self._details_side)
        row = QHBoxLayout()
        row.setSpacing(GAP_PX)
        row.addWidget(self._left, LIST_SHARE)
        row.addWidget(self._right, DETAILS_SHARE)
        column = QVBoxLayout(self)
        column.setContentsMargins(_SIDE_PX, 0, _SIDE_PX, 0)
        column.setSpacing(12)
        column.addWidget(self.search)
        column.addLayout(row, 1)

    def _connect(self, results: QAbstractItemModel) -> None:
        self.search.went_down.connect(self._on_down)
        self.list.left_upwards.connect(self.take_focus)
        self.list.row_selected.connect(self._on_selected)
        self.list.row_chosen.connect(self._on_chosen)
        self.problem.retry_requested.connect(self.search.ask)
        self.back_button.clicked.connect(self.step_back)
        for changed in (results.modelReset, results.rowsInserted, results.rowsRemoved, results.dataChanged):
            changed.connect(self._on_results_changed)

    @Slot()
    def _on_results_changed(self) -> None:
        for row in self.list.rows():
            if row.checkpoint.hub_id == self.details.hub_id:
                self.details.update_row(row)
        self._show()

    @Slot()
    def _on_down(self) -> None:
        if self.list.isVisible():
            self.list.setFocus()
            if not self.list.currentIndex().isValid():
                self.list.select_first()

    @Slot(object)
    def _on_selected(self, row: HubRow) -> None:
        """Follow the keyboard through the list, where the details stand beside it."""
        if not self.is_narrow:
            self.details.show_row(row)
            self._show()

    @Slot(object)
    def _on_chosen(self, row: HubRow) -> None:
        if row.checkpoint.hub_id != self.details.hub_id:
            self.details.show_row(row)
        self._shows_details = True
        self._show()
        if self.is_narrow:
            self.back_button.setFocus()


def _words(texts: tuple[str, str]) -> tuple[str, str]:
    return tr(texts[0]), tr(texts[1])
